"""A worker without processes: it imports and predicts for real, and makes networks of known weights, untrained."""

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx
import orjson
from onnx import TensorProto, helper, numpy_helper

from models.batches.dataset_rows import read_dataset
from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.datasets import Dataset, import_dataset
from models.errors import Fault, InvalidSpec, ModelsError
from models.limits import Limits
from models.predictor import Predictor, write_preprocessing
from models.preprocessing import Preprocessing
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from service import statuses
from service.context import Context
from service.operations.jobs import assignments
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Lease
from service.storage.jobs import NewEvent
from service.storage.records import Job

KINDS = (statuses.BUILD, statuses.IMPORT, *statuses.CLIENT_JOB_KINDS)
UNBUILDABLE = "unbuildable"
"""A model with this in its description fails to be built."""


class FakeWorker:
    """Ends jobs by calling the operations that a worker calls; runs in a thread between `with` and its end."""

    def __init__(self, context: Context) -> None:
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
        """Do one waiting job; say whether there was any."""
        claimed = self.claim(*kinds)
        if claimed is not None:
            self.finish(*claimed)
        return claimed is not None

    def run_all(self) -> None:
        """Do every waiting job, and those that these bring about."""
        while self.run_next():
            pass

    def claim(self, *kinds: str) -> tuple[Lease, Job] | None:
        return execution.claim(self._context, "fake", kinds or KINDS, ["cpu"], {"threads": 1})

    def finish(self, lease: Lease, job: Job) -> None:
        """Do a claimed job."""
        assignment = assignments.describe(self._context, job)
        folder = self._context.artifacts.stage(lease.staging_name)
        tasks = {
            statuses.BUILD: _build,
            statuses.IMPORT: _import,
            statuses.TRAINING: _write_version,
            statuses.EVALUATION: _evaluate,
            statuses.BATCH_PREDICTION: _predict,
        }
        try:
            if job.kind == statuses.TRAINING:
                self._record_training(lease, job.request["epochs"])
            result = tasks[job.kind](assignment, folder)
        except ModelsError as error:
            execution.fail(self._context, lease, error.to_dict())
        else:
            execution.succeed(self._context, lease, result)

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

    def _record_training(self, lease: Lease, epochs: int) -> None:
        self.record_epochs(lease, 1, epochs, epochs)
        execution.record(self._context, lease, [NewEvent("message", {"text": "training\n"})])


def _import(assignment: dict[str, Any], folder: Path) -> dict[str, Any]:
    upload = Path(assignment["upload"])
    request = orjson.loads((upload / "request.json").read_bytes())
    limits = Limits(**assignment["limits"])
    cache = Path(assignment["cache"])
    descriptor = import_dataset(
        request, folder, upload=upload, cache=cache, downloads=False, limits=limits, progress=lambda fraction: None
    )
    return {"descriptor": descriptor}


def _build(assignment: dict[str, Any], folder: Path) -> dict[str, Any]:
    document = assignment["document"]
    if UNBUILDABLE in document["description"]:
        raise InvalidSpec(Fault("The shapes don't fit.", pointer="#/layers/0"))
    layers, width = [], document["input"]["shape"][-1]
    for index, layer in enumerate(document["layers"]):
        units = layer.get("units", width)
        parameters = (width + 1) * units if "units" in layer else 0
        layers.append(
            {
                "name": f"layer_{index}",
                "type": layer["type"],
                "output_shape": [units],
                "parameters": parameters,
                "trainable": True,
                "inputs": [],
            }
        )
        width = units
    total = sum(layer["parameters"] for layer in layers)
    counts = {"parameters": total, "trainable_parameters": total, "non_trainable_parameters": 0, "bytes": 4 * total}
    return {"summary": {"layers": layers, **counts}, "summary_text": 'Model: "sequential"\n'}


def _write_version(assignment: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the files of a network that adds up its inputs, as its first output, and has zeros as the others."""
    spec = NetworkSpec.from_document(assignment["document"])
    dataset = Dataset.open(Path(assignment["dataset"]))
    outputs = assignment["document"]["layers"][-1]["units"]
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs)
    weights = np.zeros((spec.input.size, outputs), np.float32)
    weights[:, 0] = 1
    (folder / "network.keras").write_bytes(b"keras")
    arrays: dict[str, Any] = {"dense/kernel": weights, "dense/bias": np.zeros(outputs, np.float32)}
    np.savez(folder / "weights.npz", **arrays)
    (folder / "trained.json").write_bytes(orjson.dumps({"spec": spec.to_document()}))
    write_preprocessing(folder / "preprocessing.json", spec, Preprocessing.fit(spec, dataset), encoding)
    _write_network(folder / "network.onnx", weights)
    names = {"keras": "network.keras", "onnx": "network.onnx", "preprocessing": "preprocessing.json"}
    artifacts = [
        {"format": format_, "bytes": (folder / name).stat().st_size, "sha256": f"{format_}-sha256"}
        for format_, name in names.items()
    ]
    metrics = {"train": {"loss": 0.1}, "validation": None, "test": None}
    inputs = [{"name": name, **input_.to_document()} for name, input_ in spec.inputs.items()]
    details = {"metrics": metrics, "classes": encoding.classes, "inputs": inputs, "artifacts": artifacts}
    evaluation = _evaluate(assignment, folder) if dataset.descriptor["splits"]["test"] else None
    return {
        "status_reason": None,
        "version": {"servable": True, "reason": None, **details},
        "evaluation": evaluation,
    }


def _evaluate(assignment: dict[str, Any], folder: Path) -> dict[str, Any]:
    figures = {"mae": 0.3, "rmse": 0.4, "r2": None}
    return {"loss": 0.2, "metrics": figures, "classes": None, "confusion_matrix": None, "per_class": None}


def _predict(assignment: dict[str, Any], folder: Path) -> dict[str, Any]:
    predictor = Predictor.load(Path(assignment["version"]))
    if assignment["dataset"] is not None:
        dataset = Dataset.open(Path(assignment["dataset"]))
        blocks = read_dataset(dataset, assignment["split"], predictor.preprocessing)
    else:
        file, limits = assignment["file"], Limits(**assignment["limits"])
        blocks = read_file(Path(file["path"]), file["name"], predictor.preprocessing, limits, folder)
    return predict_blocks(predictor, blocks, folder, lambda rows, fraction: None)


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
