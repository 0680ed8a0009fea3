"""A worker without child processes. Imports and predictions are real. Networks get fixed weights, without training."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnx
import orjson
from onnx import TensorProto, helper, numpy_helper

from models.batches.dataset_rows import read_dataset
from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.datasets import Dataset, import_dataset
from models.documents import Document
from models.errors import Fault, InvalidSpec, ModelsError
from models.jobs.assignment import Assignment
from models.jobs.batch_prediction import BatchPredictionAssignment, BatchPredictionResult
from models.jobs.build import BuildAssignment, BuildResult
from models.jobs.dataset_import import ImportAssignment, ImportResult
from models.jobs.evaluation import EvaluationAssignment, EvaluationResult
from models.jobs.training import TrainingAssignment, TrainingResult
from models.predictor import Predictor, write_preprocessing
from models.preprocessing import Preprocessing
from models.snapshots import write_epoch
from models.targets import TargetEncoding
from models.version_details import VersionDetails
from models.version_files import ARTIFACTS, TRAINED, WEIGHTS, describe_artifacts
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Lease
from service.operations.jobs.registry import KINDS, kind_of
from service.storage.artifact_keys import key_below, snapshots_key
from service.storage.jobs import NewEvent
from service.storage.records import Job
from service.storage.training_snapshots import Changes, StoredSnapshot
from service.worker.waiting import check_waiting_jobs

if TYPE_CHECKING:
    from models.snapshot_writing import Described

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
        execution.record(self._context, lease, events, progress=progress, best=best)

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
        execution.record(self._context, lease, [], snapshots=Changes([StoredSnapshot(epoch, key, size, sha256)]))

    def _record_training(self, lease: Lease, assignment: TrainingAssignment) -> None:
        epochs = assignment.request.epochs
        if self.takes_snapshots and assignment.snapshots is not None:
            for epoch in range(1, epochs + 1):
                self.record_snapshot(lease, assignment, epoch)
        self.record_epochs(lease, 1, epochs, epochs)
        execution.record(self._context, lease, [NewEvent("message", {"text": "training\n"})])


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
    _write_network(folder / ARTIFACTS["onnx"], weights)
    version = VersionDetails(
        servable=True,
        metrics={"train": {"loss": 0.1}, "validation": None, "test": None},
        classes=encoding.classes,
        inputs=[{"name": name, **input_.to_document()} for name, input_ in spec.inputs.items()],
        artifacts=describe_artifacts(folder),
    )
    return TrainingResult(version, _figures() if dataset.descriptor["splits"]["test"] else None)


def _describe(assignment: TrainingAssignment) -> "Described":
    from models.snapshot_writing import Described

    spec, dataset = assignment.spec, Dataset.open(assignment.dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, spec.layers[-1].parameters["units"])
    return Described(spec, Preprocessing.fit(spec, dataset), encoding, {"spec": spec.to_document()})


def _evaluate(assignment: EvaluationAssignment, folder: Path) -> EvaluationResult:
    return _figures()


def _figures() -> EvaluationResult:
    return EvaluationResult(loss=0.2, metrics={"mae": 0.3, "rmse": 0.4, "r2": None})


def _predict(assignment: BatchPredictionAssignment, folder: Path) -> BatchPredictionResult:
    predictor = Predictor.load(assignment.version)
    if assignment.dataset is not None:
        blocks = read_dataset(Dataset.open(assignment.dataset), assignment.split, predictor.preprocessing)
    else:
        assert assignment.file is not None
        names = assignment.file, assignment.file_name
        blocks = read_file(*names, predictor.preprocessing, assignment.limits, folder)
    return predict_blocks(predictor, blocks, folder, lambda rows, fraction: None)


TASKS: dict[type[Assignment], Callable[[Any, Path], Document]] = {
    BuildAssignment: _build,
    ImportAssignment: _import,
    TrainingAssignment: _train,
    EvaluationAssignment: _evaluate,
    BatchPredictionAssignment: _predict,
}


def _write_network(path: Path, weights: np.ndarray) -> None:
    inputs, outputs = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "weights"], ["output"])],
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
