"""Writes the rows of a training: where they come from, how they are split, and how they are encoded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.catalogue import load_catalogue
from models.keras_code.rendering import Call, Code, assign, identifiers, render
from models.keras_code.sources import INLINE, LABELS, Lines, Rows, are_indices, built_in, default_shares
from models.spec import SINGLE_INPUT, NetworkSpec, Scaling, TargetScaling, Task

SPLITS = ("train", "validation", "test")
UNSCALED = ("Rescaling", "Normalization", "Embedding")
"""Layers after which inputs from a dataset that isn't a table aren't scaled by default."""
ENCODE = """
        known = [row["instance"][column] for row in train if row["instance"][column] is not None]
        values = [row["instance"].get(column) for row in rows]
        if all(isinstance(value, (int, float)) for value in known):
            # A number: standardized; the median of the training rows replaces a missing value.
            values = [np.median(known) if value is None else value for value in values]
            parts.append([[(value - np.mean(known)) / (np.std(known) or 1)] for value in values])
        else:
            # A category: 1 at its position and 0 at all others. The last one is that of unknown values.
            categories = sorted(set(known), key=str)
            parts.append([[v == one for one in categories] + [v not in categories] for v in values])
    return np.concatenate([np.array(part, float) for part in parts], axis=1)""".removeprefix("\n")
TEXT_PARAMETERS = {
    "max_tokens": "max_tokens",
    "standardize": "standardize",
    "split": "split",
    "ngrams": "ngrams",
    "output_mode": "output_mode",
    "length": "output_sequence_length",
}
"""Keras's names of the options of a text input."""
CLIENT = "from fitserve_client import Client"


@dataclass(frozen=True)
class Data:
    """The statements that make the rows, and what the statements after them can rely on."""

    lines: Lines
    imports: tuple[str, ...]
    has_validation: bool | None
    """Whether there are validation rows; None if that is only known when the script runs."""
    has_test: bool | None

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows, or may have them."""
        has = {"train": True, "validation": self.has_validation, "test": self.has_test}
        return tuple(split for split in SPLITS if has[split] is not False)


def load_rows(
    dataset: Mapping[str, Any] | None,
    name: str,
    spec: NetworkSpec,
    inputs: Mapping[str, Any],
    *,
    names_classes: bool = False,
) -> Data:
    """The data of a posted dataset, or else of the dataset of that name in the service.

    `inputs` are the posted inputs of the network. With `names_classes` the script needs the names of the `classes`.
    """
    rows = built_in(dataset) if dataset is not None else None
    if rows is not None and spec.task in (Task.BINARY, Task.MULTICLASS) and not rows.has_classes:
        rows = replace(rows, lines=[*rows.lines, *_find_classes(rows, dataset or {}, names_classes)])
    if rows is None:
        data = _from_service(name, spec, inputs)
    elif rows.is_split:
        data = _split_rest(rows, dataset or {})
    else:
        data = _split(rows, dataset or {}, several=len(spec.inputs) > 1)
    scaled = _scale(spec, inputs, data, rows)
    return replace(data, lines=[*data.lines, *scaled, *_encode_targets(spec, data.splits)])


def _find_classes(rows: Rows, dataset: Mapping[str, Any], names_classes: bool) -> Iterator[str]:
    """The statement that turns targets into the indices of their classes."""
    if rows.is_split:
        if names_classes:
            yield "classes = np.unique(y_train)"
    elif names_classes or (dataset.get("source") == INLINE and not are_indices(dataset.get("targets"))):
        yield "classes, y = np.unique(y, return_inverse=True)"


def _split(rows: Rows, dataset: Mapping[str, Any], several: bool) -> Data:
    split = dataset.get("split") or {}
    named = [name for name in ("time_column", "column", "group") if split.get(name) is not None]
    shares = default_shares(dataset)
    validation, test = (
        (split.get("validation") or 0, split.get("test") or 0) if {"validation", "test"} & split.keys() else shares
    )
    lines = [*rows.lines, ""]
    if not validation and not test:
        return Data([*lines, "x_train, y_train = x, y"], rows.imports, False, False)
    if named:
        lines.append(f"# Fitserve splits the rows by {named[0]}; here the split is random.")
    elif split.get("stratify", True):
        lines.append("# Fitserve also gives each split the same proportions of classes.")
    lines.append(f"order = np.random.default_rng({split.get('seed', 0)}).permutation(len(y))")
    lines.append(f"tested, validated = round({test} * len(y)), round({validation} * len(y))")
    starts = {"test": "order[:tested]", "validation": "order[tested : tested + validated]"}
    for part in (*(["test"] if test else []), *(["validation"] if validation else []), "train"):
        chosen = starts.get(part, "order[tested + validated :]")
        x = f"{{name: values[{chosen}] for name, values in x.items()}}" if several else f"x[{chosen}]"
        lines += [f"x_{part} = {x}", f"y_{part} = y[{chosen}]"]
    return Data(lines, rows.imports, bool(validation), bool(test))


def _split_rest(rows: Rows, dataset: Mapping[str, Any]) -> Data:
    """The split of a source with test rows of its own: only the validation rows are still to be taken."""
    split = dataset.get("split") or {}
    share = split.get("validation") or 0
    if not share:
        return Data(list(rows.lines), rows.imports, False, rows.has_test_rows)
    lines = [
        *rows.lines,
        f"order = np.random.default_rng({split.get('seed', 0)}).permutation(len(y_train))",
        f"validated = round({share} * len(y_train))",
        "x_validation, y_validation = x_train[order[:validated]], y_train[order[:validated]]",
        "x_train, y_train = x_train[order[validated:]], y_train[order[validated:]]",
    ]
    return Data(lines, rows.imports, True, rows.has_test_rows)


def _from_service(name: str, spec: NetworkSpec, inputs: Mapping[str, Any]) -> Data:
    """The rows of a dataset in the service, which the client downloads: the script's only use of Fitserve."""
    texts = [posted["text"]["column"] for posted in inputs.values() if posted.get("text")]
    lines = [
        "# The rows of the dataset, from Fitserve. The client takes the API key from FITSERVE_KEY.",
        "with Client(url) as client:",
        "    train, validation, test = (",
        f"        list(client.datasets.rows({render(name)}, split=split))",
        f"        for split in {render(SPLITS)}",
        "    )",
        *(line for posted in inputs.values() if _is_table(posted) for line in _table_encoder(posted, texts)),
        *(line for part, posted in inputs.items() if posted.get("text") for line in _text_encoder(part, posted)),
        "x_train, x_validation, x_test = (",
        f"    {_encode_inputs(inputs)} if rows else None",
        "    for rows in (train, validation, test)",
        ")",
        "y_train, y_validation, y_test = (",
        '    [row["target"] for row in rows] for rows in (train, validation, test)',
        ")",
    ]
    if spec.task is Task.MULTILABEL:
        lines += ["labels = y_train + y_validation + y_test", *LABELS]
    elif spec.task is not Task.REGRESSION:
        lines += ["classes, y = np.unique(y_train + y_validation + y_test, return_inverse=True)"]
    if spec.task is not Task.REGRESSION:
        lines += ["y_train, y_validation, y_test = np.split(y, np.cumsum([len(y_train), len(y_validation)]))"]
    return Data(lines, (CLIENT,), None, None)


def _encode_inputs(inputs: Mapping[str, Any]) -> str:
    """The expression for the inputs of `rows`."""
    if len(inputs) == 1:
        ((name, posted),) = inputs.items()
        return _encode_input(name, posted, "")
    encoded = [f"{render(name)}: {_encode_input(name, posted, f'[{render(name)}]')}" for name, posted in inputs.items()]
    listed = "".join(f"        {one},\n" for one in encoded)
    return f"{{\n{listed}    }}"


def _encode_input(name: str, posted: Mapping[str, Any], place: str) -> str:
    if _is_table(posted):
        return "encode(rows)"
    if text := posted.get("text"):
        return f'vectorize_{_variable(name)}(np.array([row["instance"][{render(text["column"])}] for row in rows]))'
    return f'np.array([row["instance"]{place} for row in rows], float)'


def _variable(name: str) -> str:
    return identifiers([name])[name]


def _table_encoder(posted: Mapping[str, Any], texts: Sequence[str]) -> Iterator[str]:
    """The function that encodes the columns of a table, except its `texts`."""
    columns = posted.get("columns")
    listed = "names" if columns is None else render(tuple(column["name"] for column in columns), 4, 15)
    yield from ("", "", *_describe_columns(columns or ()))
    yield "def encode(rows):"
    if columns is None:
        yield '    if not isinstance(train[0]["instance"], dict):'
        yield '        return np.array([row["instance"] for row in rows], float)'
        condition = f" if name not in {render(texts)}" if texts else ""
        yield f'    names = [name for name in train[0]["instance"]{condition}]'
    yield "    parts = []"
    yield f"    for column in {listed}:"
    yield from ENCODE.splitlines()
    yield from ("", "")


def _text_encoder(name: str, posted: Mapping[str, Any]) -> Iterator[str]:
    text = posted["text"]
    # null means nothing for `standardize`, and the default for all others
    given = [own for own in TEXT_PARAMETERS if own in text and (text[own] is not None or own == "standardize")]
    named = {TEXT_PARAMETERS[own]: text[own] for own in given}
    variable = f"vectorize_{_variable(name)}"
    yield assign(variable, Call("layers.TextVectorization", (), named))
    yield f'{variable}.adapt(np.array([row["instance"][{render(text["column"])}] for row in train]))'


def _is_table(posted: Mapping[str, Any]) -> bool:
    """Whether an input takes the columns of a table, or may do: without a shape only its dataset knows."""
    return posted.get("columns") is not None or (posted.get("shape") is None and posted.get("text") is None)


def _describe_columns(columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the encoding of columns does otherwise than Fitserve."""
    dates = [column["name"] for column in columns if column["type"] == "date"]
    special = [column["name"] for column in columns if column.get("missing") or column.get("missing_indicator")]
    if dates:
        yield f"# Fitserve encodes dates as numbers and their cycles; here each is a category: {', '.join(dates)}."
    if special:
        yield f"# Fitserve replaces missing values otherwise in: {', '.join(special)}."


def _scale(spec: NetworkSpec, inputs: Mapping[str, Any], data: Data, rows: Rows | None) -> Iterator[str]:
    for name, posted in inputs.items():
        if posted.get("text") or (rows is None and _is_table(posted)):
            continue  # they are encoded already
        scaling = posted.get("scaling") or _default_scaling(spec, posted, rows)
        place = "" if name == SINGLE_INPUT and len(inputs) == 1 else f"[{render(name)}]"
        if scaling == Scaling.UNIT:
            yield '# The scaling "unit": from 0 to 1.'
            yield from _in_each(data, f"{{x}}{place} = {{x}}{place} / 255")
        elif scaling == Scaling.STANDARD:
            yield '# The scaling "standard": minus the training rows\' mean, divided by their standard deviation.'
            yield f"axes = tuple(range(max(x_train{place}.ndim - 1, 1)))"
            yield f"mean, std = x_train{place}.mean(axes), x_train{place}.std(axes)"
            yield "std = np.where(std == 0, 1, std)"
            yield from _in_each(data, f"{{x}}{place} = ({{x}}{place} - mean) / std")


def _in_each(data: Data, statement: str) -> Iterator[str]:
    """A statement about `{x}` for each split that has rows."""
    for split in data.splits:
        made = statement.replace("{x}", f"x_{split}")
        yield from [made] if split == SPLITS[0] or data.has_test is not None else [f"if len(y_{split}):", f"    {made}"]


def _default_scaling(spec: NetworkSpec, posted: Mapping[str, Any], rows: Rows | None) -> Scaling:
    if "dataset" not in posted or any(layer.type in UNSCALED for layer in spec.layers):
        return Scaling.NONE
    return Scaling.UNIT if rows is not None and rows.has_bytes else Scaling.STANDARD


def _encode_targets(spec: NetworkSpec, splits: tuple[str, ...]) -> Iterator[str]:
    """The statements that give the targets the form that the loss takes."""
    loss = load_catalogue().find("loss", spec.loss.type)
    if spec.task is Task.MULTICLASS and loss is not None and not loss.takes_class_numbers:
        yield "# One number for each class: 1 for that of the row."
        yield from (
            f"y_{split} = keras.utils.to_categorical(y_{split}, {_units(spec) or 'len(classes)'})" for split in splits
        )
    elif spec.task is not Task.MULTICLASS:
        yield from (f"y_{split} = np.array(y_{split}, float).reshape(-1, {_units(spec) or 1})" for split in splits)
    if spec.target_scaling is not TargetScaling.NONE:
        yield "# The targets are scaled. The loss and the metrics are those of scaled targets, unlike Fitserve's;"
        log = spec.target_scaling is TargetScaling.LOG
        undo = "np.expm1(model.predict(x) * target_std + target_mean)" if log else (
            "model.predict(x) * target_std + target_mean"
        )  # fmt: skip
        yield f"# predictions in the target's own units are {undo}."
        if log:
            yield from (f"y_{split} = np.log1p(y_{split})" for split in splits)
        yield "target_mean, target_std = y_train.mean(axis=0), y_train.std(axis=0)"
        yield from (f"y_{split} = (y_{split} - target_mean) / target_std" for split in splits)


def _units(spec: NetworkSpec) -> int | None:
    """The number of outputs, if the last layer says it."""
    units = spec.layers[-1].parameters.get("units")
    return units if isinstance(units, int) else None


def shape_of(name: str, posted: Mapping[str, Any], only: bool) -> Any:
    """The shape of an input: as posted, or that of the rows if only the data determines it."""
    if posted.get("shape") is not None and posted.get("columns") is None:
        return tuple(posted["shape"])
    return Code("x_train.shape[1:]" if only else f"x_train[{render(name)}].shape[1:]")
