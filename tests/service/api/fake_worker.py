"""A worker without child processes. Imports and predictions are real. Networks get fixed weights, without training."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import numpy as np
import onnx
import orjson
from onnx import TensorProto, helper, numpy_helper

from models.datasets import Dataset, import_dataset
from models.documents import Document
from models.errors import AccuracyDrop, Fault, InvalidSpec, ModelsError
from models.jobs.assignment import Assignment, Phase
from models.jobs.batch_prediction import BatchPredictionAssignment, JoinAssignment
from models.jobs.build import BuildAssignment, BuildResult
from models.jobs.dataset_import import ImportAssignment, ImportResult
from models.jobs.evaluation import EvaluationAssignment, EvaluationResult
from models.jobs.model_import import ModelImportAssignment, ModelImportResult
from models.jobs.training import TrainingAssignment, TrainingResult
from models.jobs.variant import VariantAssignment, VariantResult
from models.limits import Limits
from models.model_files.formats import ModelFormat
from models.model_files.imported import ImportedNetwork, ImportFields
from models.predictor import write_preprocessing
from models.preprocessing import Preprocessing
from models.preprocessing.tensor_input import TensorInput
from models.snapshots import write_epoch
from models.spec import NetworkSpec, Task
from models.targets import Form, TargetEncoding
from models.tasks import batch_join, batch_prediction, model_import
from models.version_details import VersionDetails
from models.version_files import ARTIFACTS, TRAINED, WEIGHTS, describe_artifacts
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.operations.jobs.leases import Lease
from service.operations.jobs.registry import KINDS, kind_of
from service.storage.artifact_keys import key_below, snapshots_key
from service.storage.jobs import NewEvent
from service.storage.records import Job
from service.storage.training_snapshots import Changes, StoredSnapshot
from service.worker.waiting import check_waiting_jobs

if TYPE_CHECKING:
    from models.snapshot_writing import Described

ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
DROP = 0.005
"""How much worse a variant is."""
NAME_AT = 30
"""Where the content of a fake file is: behind the head of a ZIP."""
UNBUILDABLE = "unbuildable"
"""The build of a model with this text in its description fails."""


class FakeWorker:
    """Runs jobs by calling the same operations as a worker. In a `with` block it runs in a thread."""

    def __init__(self, context: Context) -> None:
        self.takes_snapshots = False
        """Whether trainings leave the snapshots of all epochs, in which a weight of `line` is the epoch."""
        self._context = context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self.run_next():
                self._stopping.wait(0.01)

    def run_next(self, *kinds: str) -> bool:
        """Run the next queued job; returns whether there was one."""
        claimed = self.claim(*kinds)
        if claimed is not None:
            self.finish(*claimed)
        return claimed is not None

    def run_all(self) -> None:
        """Run all queued jobs, including those that these jobs create."""
        while self.run_next():
            pass

    def claim(self, *kinds: str) -> tuple[Lease, Job] | None:
        check_waiting_jobs(self._context)
        return execution.claim(self._context, "fake", kinds or tuple(KINDS), ["cpu"], {"threads": 1})

    def finish(self, lease: Lease, job: Job) -> None:
        """Run a claimed job."""
        assignment = kind_of(job).describe(self._context, job)
        folder = self._context.artifacts.stage(lease.staging_name)
        try:
            if UNBUILDABLE in job.request.get("document", {}).get("description", ""):
                raise InvalidSpec(Fault("The shapes don't fit.", pointer="#/layers/0"))
            if isinstance(assignment, TrainingAssignment) and not assignment.request.only_saves:
                self._record_training(lease, assignment)
            result = TASKS[type(assignment)](assignment, folder)
        except ModelsError as error:
            execution.fail(self._context, lease, error.to_dict())
        else:
            execution.succeed(self._context, lease, result.to_document())

    def record_epochs(self, lease: Lease, first: int, last: int, epochs: int) -> None:
        events = [
            NewEvent("epoch", {"epoch": epoch, "seconds": 0.1, "loss": 1 / epoch}, epoch)
            for epoch in range(first, last + 1)
        ]
        progress = {
            "epoch": last, "epochs": epochs, "step": 1, "steps": 1, "fraction": last / epochs, "eta_seconds": 0.0,
        }  # fmt: skip
        best = {"epoch": last, "loss": 1 / last}
        recording.record(self._context, lease, events, progress=progress, best=best)

    def record_snapshot(self, lease: Lease, assignment: TrainingAssignment, epoch: int) -> None:
        """Write the snapshot of an epoch, which must be recorded next."""
        from models.snapshot_writing import begin  # importing the exporter takes long

        folder = assignment.snapshots
        assert folder is not None
        weights = {"dense/kernel": np.full((1, 1), epoch, np.float32), "dense/bias": np.zeros(1, np.float32)}
        if not folder.exists():
            begin(folder, _describe(assignment), weights)
        size, sha256 = write_epoch(folder, epoch, [array.data for array in weights.values()])
        key = key_below(snapshots_key(lease.job_id), lease.staging_name)
        recording.record(self._context, lease, [], snapshots=Changes([StoredSnapshot(epoch, key, size, sha256)]))

    def _record_training(self, lease: Lease, assignment: TrainingAssignment) -> None:
        epochs = assignment.request.epochs
        if self.takes_snapshots and assignment.snapshots is not None:
            for epoch in range(1, epochs + 1):
                self.record_snapshot(lease, assignment, epoch)
        self.record_epochs(lease, 1, epochs, epochs)
        recording.record(self._context, lease, [NewEvent("message", {"text": "training\n"})])


def _import(assignment: ImportAssignment, folder: Path) -> ImportResult:
    request = orjson.loads((assignment.upload / "request.json").read_bytes())
    descriptor = import_dataset(
        request, folder, upload=assignment.upload, base=assignment.base, cache=assignment.cache, downloads=False,
        limits=assignment.limits, progress=lambda fraction: None,
    )  # fmt: skip
    return ImportResult(descriptor)


def _build(assignment: BuildAssignment, folder: Path) -> BuildResult:
    layers: list[dict[str, Any]] = []
    width = assignment.spec.input.shape[-1]
    for index, layer in enumerate(assignment.spec.layers):
        units = layer.parameters.get("units", width)
        parameters = (width + 1) * units if "units" in layer.parameters else 0
        layers.append(
            {
                "name": f"layer_{index}",
                "type": layer.type,
                "output_shape": [units],
                "parameters": parameters,
                "trainable": True,
                "inputs": [],
            }
        )
        width = units
    total = sum(layer["parameters"] for layer in layers)
    counts = {"parameters": total, "trainable_parameters": total, "non_trainable_parameters": 0, "bytes": 4 * total}
    return BuildResult({"layers": layers, **counts}, 'Model: "sequential"\n')


def _train(assignment: TrainingAssignment, folder: Path) -> TrainingResult:
    """Write the files of a network whose first output is the sum of its inputs. All other outputs are 0."""
    spec, dataset = assignment.spec, Dataset.open(assignment.dataset)
    outputs = spec.layers[-1].parameters["units"]
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs)
    weights = np.zeros((spec.input.size, outputs), np.float32)
    weights[:, 0] = 1
    if assignment.request.only_saves:
        with np.load(assignment.sources[0] / WEIGHTS) as source:
            weights = source["dense/kernel"]
    (folder / ARTIFACTS["keras"]).write_bytes(b"keras")
    arrays: dict[str, Any] = {"dense/kernel": weights, "dense/bias": np.zeros(outputs, np.float32)}
    np.savez(folder / WEIGHTS, **arrays)
    (folder / TRAINED).write_bytes(orjson.dumps({"spec": spec.to_document()}))
    write_preprocessing(folder / ARTIFACTS["preprocessing"], spec, Preprocessing.fit(spec, dataset), encoding)
    _write_network(folder / ARTIFACTS["onnx"], weights, spec.input.shape)
    version = VersionDetails(
        servable=True,
        metrics={"train": {"loss": 0.1}, "validation": None, "test": None},
        classes=encoding.classes,
        inputs=[{"name": name, **input_.to_document()} for name, input_ in spec.inputs.items()],
        artifacts=describe_artifacts(folder),
    )
    return TrainingResult(version, _figures() if dataset.descriptor.splits["test"] else None)


def _describe(assignment: TrainingAssignment) -> "Described":
    from models.snapshot_writing import Described

    spec, dataset = assignment.spec, Dataset.open(assignment.dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, spec.layers[-1].parameters["units"])
    return Described(spec, Preprocessing.fit(spec, dataset), encoding, {"spec": spec.to_document()})


def _evaluate(assignment: EvaluationAssignment, folder: Path) -> EvaluationResult:
    return _figures()


def _figures() -> EvaluationResult:
    rows = {"rows": [0, 1], "true": [[1.0, 2.0]], "predicted": [[1.5, 2.0]], "outputs": 1, "total": 2}
    points = {"rows": rows, "target": {"name": "target", "unit": None, "columns": None}}
    return EvaluationResult(loss=0.2, metrics={"mae": 0.3, "rmse": 0.4, "r2": None}, points=points)


def _predict(assignment: BatchPredictionAssignment, folder: Path) -> Document:
    return batch_prediction.run(assignment, folder, SilentChannel())  # type: ignore[arg-type]


def _join(assignment: JoinAssignment, folder: Path) -> Document:
    return batch_join.run(assignment, folder, SilentChannel())  # type: ignore[arg-type]


def _make_variant(assignment: VariantAssignment, folder: Path) -> VariantResult:
    """Write a network whose outputs are twice those of the version's, and which is a little worse."""
    for name in (ARTIFACTS["onnx"], ARTIFACTS["preprocessing"]):
        shutil.copy(assignment.version / name, folder / name)
    network = onnx.load(folder / ARTIFACTS["onnx"])
    (weights,) = network.graph.initializer
    weights.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weights), weights.name))
    onnx.save(network, folder / ARTIFACTS["onnx"])
    size = (folder / ARTIFACTS["onnx"]).stat().st_size
    metrics: dict[str, dict[str, float | None]] = {"variant": {"r2": 0.9}, "version": {"r2": 0.9 + DROP}}
    within = assignment.max_accuracy_drop >= DROP
    made = VariantResult(
        assignment.type, size, 3 * size, metrics, rows=3, calibration_rows=3, compared="r2", drop=DROP, agreement=0.9,
        speedup=2.0, certified=within,
    )  # fmt: skip
    if not within:
        raise AccuracyDrop(f"The r2 drops by {DROP}.", made.to_document())
    return made


def model_file(magic: bytes = ZIP, **network: Any) -> bytes:
    """A file that the fake reader reads, in the format of the magic bytes: `inputs`, `outputs`, `activation`, …"""
    content = {"inputs": 4, "outputs": 3, "activation": "softmax"} | network
    return magic.ljust(NAME_AT, b"\0") + orjson.dumps(content)


def onnx_file(inputs: int = 4, outputs: int = 3) -> bytes:
    """A small network in ONNX."""
    with tempfile.NamedTemporaryFile() as file:
        _write_network(Path(file.name), np.ones((inputs, outputs), np.float32))
        return Path(file.name).read_bytes()


class SilentChannel:
    """The part of a task's channel that imports of networks and batch predictions use. It reports to nobody."""

    def phase(self, phase: Phase, line: str = "") -> None:
        """A phase begins."""

    def progress(self, data: dict[str, Any]) -> None:
        """Some of the work is done."""


def _import_network(assignment: ModelImportAssignment, folder: Path) -> ModelImportResult:
    """Run the task with a reader for the files of this module."""
    with patch.dict(model_import.READERS, dict.fromkeys(ModelFormat, f"{__name__}:read_network")):
        return model_import.run(assignment, folder, SilentChannel())  # type: ignore[arg-type]


def read_network(file: Path, fields: ImportFields, folder: Path, _limits: Limits) -> ImportedNetwork:
    """Import a network of one Dense layer, whose first output is the sum of its inputs."""
    content = file.read_bytes()
    if content.startswith((ZIP, HDF5)):
        return _read_network(orjson.loads(content[NAME_AT:]), fields, folder, trainable=True)
    inputs, outputs = onnx.load_from_string(content).graph.initializer[0].dims
    network = {"inputs": inputs, "outputs": outputs, "activation": "linear"}
    return _read_network(network, fields, folder, trainable=False)


def _read_network(network: dict[str, Any], fields: ImportFields, folder: Path, *, trainable: bool) -> ImportedNetwork:
    outputs = network["outputs"]
    if network.get("layer") == "Lambda":
        raise InvalidSpec(Fault('The layer "odd" is a Lambda, which runs code.', "#/file"))
    if fields.classes is not None and len(fields.classes) != outputs:
        raise InvalidSpec(Fault(f"The network has {outputs} outputs, for {len(fields.classes)} classes.", "#/classes"))
    task = fields.task or Task.MULTICLASS
    input_ = {"shape": [network["inputs"]], "scaling": (fields.input or {}).get("scaling", "none")}
    dense = {"type": "Dense", "name": "top", "units": outputs, "activation": network["activation"]}
    document = {
        "task": task.value, "inputs": {"input": input_}, "layers": [dense], "optimizer": {"type": "Adam"},
        "loss": {"type": "mean_squared_error"}, "metrics": [],
    }  # fmt: skip
    spec = NetworkSpec.from_document(document)
    classes = None if task is Task.REGRESSION else fields.classes or list(range(outputs))
    form = Form.NUMBERS if task is Task.REGRESSION else Form.ONE_HOT
    tensor = TensorInput.fit(spec.input, np.zeros((1, network["inputs"])), "vector")
    weights = np.zeros((network["inputs"], outputs), np.float32)
    weights[:, 0] = 1
    write_preprocessing(
        folder / ARTIFACTS["preprocessing"], spec, Preprocessing({"input": tensor}), TargetEncoding("y", form, classes)
    )
    _write_network(folder / ARTIFACTS["onnx"], weights)
    if trainable:
        (folder / ARTIFACTS["keras"]).write_bytes(b"keras")
        arrays: dict[str, Any] = {"top/kernel": weights, "top/bias": np.zeros(outputs, np.float32)}
        np.savez(folder / WEIGHTS, **arrays)
        (folder / TRAINED).write_bytes(orjson.dumps({"spec": spec.to_document()}))
    parameters = (network["inputs"] + 1) * outputs
    layer = {
        "name": "top", "type": "Dense", "output_shape": [outputs], "parameters": parameters, "trainable": True,
        "weight_shapes": [[network["inputs"], outputs], [outputs]],
    }  # fmt: skip
    counts = {"parameters": parameters, "trainable_parameters": parameters, "non_trainable_parameters": 0}
    return ImportedNetwork(
        document=document if trainable else document | {"layers": []},
        trainable=trainable,
        summary={"layers": [layer | {"inputs": ["input"]}] if trainable else [], **counts, "bytes": 4 * parameters},
        summary_text="a network\n",
        version=VersionDetails(
            servable=True,
            classes=classes,
            inputs=[{"name": "input", **input_}],
            artifacts=describe_artifacts(folder),
        ),
        notes=() if fields.classes else ("The file doesn't name the classes: they are numbers.",),
    )


TASKS: dict[type[Assignment], Callable[[Any, Path], Document]] = {
    BuildAssignment: _build,
    ImportAssignment: _import,
    TrainingAssignment: _train,
    EvaluationAssignment: _evaluate,
    BatchPredictionAssignment: _predict,
    JoinAssignment: _join,
    ModelImportAssignment: _import_network,
    VariantAssignment: _make_variant,
}


def _write_network(path: Path, weights: np.ndarray, shape: tuple[int, ...] = ()) -> None:
    inputs, outputs = weights.shape
    shape = shape or (inputs,)
    flatten = [helper.make_node("Flatten", ["input"], ["numbers"], axis=1)] if len(shape) > 1 else []
    product = helper.make_node("MatMul", ["numbers" if flatten else "input", "weights"], ["output"])
    graph = helper.make_graph(
        [*flatten, product],
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", *shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
