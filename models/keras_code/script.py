"""Writes a whole script: the data, the network and its training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.catalogue import PLATEAU
from models.class_weights import BALANCED
from models.datasets import SOURCES
from models.keras_code.data import CLIENT, Data, load_rows, shape_of
from models.keras_code.network import compile_line, network_lines
from models.keras_code.rendering import Call, Code, render
from models.keras_code.sources import built_in
from models.spec import SINGLE_INPUT, NetworkSpec, Task
from models.training.monitoring import find_mode
from models.training.plan import BFLOAT16
from models.training.precision import POLICY, find_bfloat16_layers
from models.validation import complete_target

Document = Mapping[str, Any]
UNKNOWN_SHAPE = (1,)
"""Stands for the shape of an input that only its dataset determines."""
BATCH_SIZE = 32
TABLE = "table"
KERAS, NUMPY, LAYERS = "import keras", "import numpy as np", "from keras import layers"


def write_script(
    model: Document | None, job: Document | None = None, dataset: Document | None = None, url: str = ""
) -> str:
    """A script for valid documents, as they are posted: a network, a training of it, and a dataset.

    Without a `job` the network isn't trained. The rows of a dataset that the script can't make by itself are downloaded
    from the service at `url`. Returns an empty text without a `model` and a `dataset`.
    """
    if model is None:
        return "" if dataset is None else _only_rows(dataset)
    spec, inputs = _read(model, dataset)
    name = _find_dataset(job, dataset, inputs)
    names_classes = isinstance((job or {}).get("class_weights"), Mapping)
    data = None if name is None else load_rows(dataset, name, spec, inputs, names_classes=names_classes)
    shapes = {one: shape_of(one, posted, len(inputs) == 1) for one, posted in inputs.items()}
    schedule = (job or {}).get("learning_rate_schedule")
    optimizer = _with_schedule((job or {}).get("optimizer") or model["optimizer"], schedule)
    needs_url = data is not None and CLIENT in data.imports
    lines = [*_imports(data)]
    if needs_url:
        lines += ["", f"url = {render(url)}"]
    if job is not None and job.get("seed") is not None:
        lines += ["", f"keras.utils.set_random_seed({job['seed']})"]
    if data is not None:
        lines += ["", *([""] if data.lines[0].startswith("def ") else []), *data.lines]
    lowered = find_bfloat16_layers(spec) if (job or {}).get("precision") == BFLOAT16 else ()
    more = {name: {"dtype": POLICY} for name in lowered}
    lines += ["", *network_lines(spec, shapes, more), compile_line(spec, model, optimizer), "model.summary()"]
    if job is not None and data is not None:
        lines += ["", *_fit(job, spec, data, schedule)]
    return "\n".join(lines) + "\n"


def _read(model: Document, dataset: Document | None) -> tuple[NetworkSpec, dict[str, Document]]:
    """The spec of a posted model, and its inputs by name."""
    inputs: dict[str, Document] = dict(model.get("inputs") or {SINGLE_INPUT: model["input"]})
    shaped = {name: {"shape": posted.get("shape") or UNKNOWN_SHAPE} for name, posted in inputs.items()}
    source = SOURCES.get(str((dataset or {}).get("source")))
    kind = TABLE if source is None and any("dataset" in posted for posted in inputs.values()) else None
    target = complete_target(model, source.kind if source is not None else kind)
    return NetworkSpec.from_document({**model, "inputs": shaped, "target": target}), inputs


def _find_dataset(job: Document | None, dataset: Document | None, inputs: Mapping[str, Document]) -> str | None:
    """The name of the dataset that the script needs; None if it needs none."""
    if job is not None:
        return str(job["dataset"])
    if dataset is not None:
        return str(dataset["name"])
    return next((str(posted["dataset"]) for posted in inputs.values() if "shape" not in posted), None)


def _only_rows(dataset: Document) -> str:
    rows = built_in(dataset)
    if rows is None:
        return ""
    keras = [KERAS] if any("keras." in line for line in rows.lines) else []
    return "\n".join([*_in_order([*rows.imports, *keras, NUMPY]), "", *rows.lines]) + "\n"


def _imports(data: Data | None) -> list[str]:
    return _in_order([KERAS, LAYERS] if data is None else [KERAS, NUMPY, LAYERS, *data.imports])


def _in_order(imports: Sequence[str]) -> list[str]:
    """Import statements in the usual order: the standard library, and after an empty line everything else."""
    standard = [line for line in imports if line.endswith((" json", " Path"))]
    others = [line for line in imports if line not in standard]
    others.sort(key=lambda line: (line.startswith("from"), line.split()[1]))
    return [*standard, *([""] if standard else []), *others]


def _with_schedule(optimizer: Any, schedule: Document | None) -> Any:
    """The optimizer with a job's schedule as its learning rate."""
    if schedule is None or schedule["type"] == PLATEAU:
        return optimizer
    parameters = {"type": optimizer} if isinstance(optimizer, str) else dict(optimizer)
    return parameters | {"learning_rate": dict(schedule)}


def _fit(job: Document, spec: NetworkSpec, data: Data, schedule: Document | None) -> Iterator[str]:
    """The statements that train the network, and evaluate it on test rows."""
    yield from _unsaid(job)
    monitor = _monitor(data)
    callbacks = [*_early_stopping(job, spec, monitor), *_plateau(schedule, spec, monitor)]
    named: dict[str, Any] = {"epochs": job["epochs"]}
    rows = job.get("batch_size", BATCH_SIZE) * job.get("hosts", 1)
    if rows != BATCH_SIZE:
        named["batch_size"] = rows
    if job.get("shuffle") is False:
        named["shuffle"] = False
    if data.has_validation is not False:
        rows = "(x_validation, y_validation)"
        named["validation_data"] = Code(rows if data.has_validation else f"{rows} if len(y_validation) else None")
    weights = job.get("class_weights")
    if weights is not None:
        yield from _class_weights(weights, spec)
        named["class_weight"] = Code("class_weight")
    if callbacks:
        named["callbacks"] = callbacks
    yield render(Call("model.fit", (Code("x_train"), Code("y_train")), named))
    if data.has_test:
        yield "model.evaluate(x_test, y_test)"
    elif data.has_test is None:
        yield "if len(y_test):"
        yield "    model.evaluate(x_test, y_test)"


def _unsaid(job: Document) -> Iterator[str]:
    """What the job does and the script doesn't."""
    start = job.get("start_from")
    if start is not None:
        origin = start.get("training_job") or f"version {start.get('version') or start.get('label')}"
        yield f"# Fitserve starts from the weights of {origin}. To do the same, download its weights, and load them"
        yield "# with model.set_weights() here."
    if job.get("folds") is not None:
        yield "# Fitserve first trains and evaluates a network for each fold of a cross-validation."
    if job.get("hosts", 1) > 1:
        yield f"# Fitserve divides the rows of each batch among {job['hosts']} hosts."
    if job.get("time_limit_seconds") is not None:
        yield f"# Fitserve also ends the training after {job['time_limit_seconds']} seconds."


def _monitor(data: Data) -> Any:
    if data.has_validation is None:
        return Code('"val_loss" if len(y_validation) else "loss"')
    return "val_loss" if data.has_validation else "loss"


def _early_stopping(job: Document, spec: NetworkSpec, monitor: Any) -> Iterator[Call]:
    wanted = job.get("early_stopping")
    if wanted is not None:
        named: dict[str, Any] = {"monitor": wanted.get("monitor") or monitor}
        if wanted.get("monitor"):
            named["mode"] = find_mode(spec, wanted["monitor"])
        if wanted.get("min_delta"):
            named["min_delta"] = wanted["min_delta"]
        named |= {"patience": wanted.get("patience", 5), "restore_best_weights": wanted.get("restore_best", True)}
        yield Call("keras.callbacks.EarlyStopping", (), named)


def _plateau(schedule: Document | None, spec: NetworkSpec, monitor: Any) -> Iterator[Call]:
    if schedule is not None and schedule["type"] == PLATEAU:
        posted = {name: value for name, value in schedule.items() if name not in ("type", "monitor")}
        named: dict[str, Any] = {"monitor": schedule.get("monitor") or monitor}
        if schedule.get("monitor"):
            named["mode"] = find_mode(spec, schedule["monitor"])
        yield Call("keras.callbacks.ReduceLROnPlateau", (), named | posted)


def _class_weights(weights: Any, spec: NetworkSpec) -> Iterator[str]:
    """The weights by the index of the class."""
    indices = "y_train"
    if spec.task is Task.BINARY:
        indices = "y_train.astype(int).reshape(-1)"
    elif spec.task is Task.MULTICLASS:
        indices = "y_train.argmax(axis=1) if y_train.ndim == 2 else y_train"
    if weights == BALANCED:
        yield f"counts = np.bincount({indices})"
        yield "class_weight = {i: counts.sum() / (np.count_nonzero(counts) * max(n, 1)) for i, n in enumerate(counts)}"
        return
    yield f"weights = {render(weights)}"
    yield "class_weight = {i: weights.get(str(name), 1.0) for i, name in enumerate(classes)}"
