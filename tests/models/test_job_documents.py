"""What jobs are asked and report is stored and read again, also by another release."""

from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import pytest

from models.dataset_descriptor import (
    DatasetDescriptor,
    DatasetTarget,
    FileDescriptor,
    InputDescriptor,
    LeftOut,
    Note,
    TargetDescriptor,
)
from models.documents import Document, NewerDocument
from models.jobs.assignment import Runtime
from models.jobs.batch_prediction import (
    BatchPredictionRequest,
    BatchPredictionResult,
    BatchShards,
    PostedFile,
    Shard,
    ShardResult,
)
from models.jobs.build import BuildRequest, BuildResult
from models.jobs.dataset_import import ImportRequest, ImportResult
from models.jobs.evaluation import EvaluationRequest, EvaluationResult
from models.jobs.training import EarlyStoppingRequest, StartFrom, TrainingRequest, TrainingResult
from models.series.window import SeriesColumn, Window
from models.training.checkpoint_state import CheckpointState, Position
from models.training.plan import Order
from models.version_details import ArtifactFile, TrainingMode, VersionDetails

FIGURES = EvaluationResult(loss=0.5, metrics={"accuracy": 0.9, "roc_auc": None}, classes=["a", "b"])
VERSION = VersionDetails(
    servable=False, reason="It has a Lambda.", metrics={"train": {"loss": 0.1}, "test": None}, classes=[0, 1],
    inputs=[{"name": "input", "shape": [1]}], artifacts=(ArtifactFile("keras", 7, "ab"),),
    training=TrainingMode("bfloat16", "graph"),
)  # fmt: skip
DESCRIPTOR = DatasetDescriptor(
    "sequence", 5, {"train": 3, "validation": 1, "test": 1},
    (InputDescriptor("input", "number", [3, 1], missing=1, features=["sold"], fill=[1.5], mean=2.0),),
    TargetDescriptor("sold", "number", [1], unit="kg", columns=["sold"], horizons=[1]), bytes=640,
    window=Window(3, (SeriesColumn("sold", "number"),), targets=("sold",), time=SeriesColumn("day", "date")),
    left_out=(LeftOut("day", None, "time", "It orders the rows."),), notes=(Note("gaps", "A gap.", "day", 1),),
    file=FileDescriptor("csv", header=False, missing=["-"]),
)  # fmt: skip
DOCUMENTS: list[Document] = [
    Runtime(4, 1024, {"keras": "3.15.0"}),
    TrainingRequest("m", "d", epochs=3),
    TrainingRequest(
        "m", "d", epochs=3, seed=1, optimizer={"type": "Adam"}, start_from=StartFrom("n", 2),
        class_weights={"a": 2.0}, early_stopping=EarlyStoppingRequest("loss"), label="best",
    ),
    TrainingResult(VERSION, FIGURES, "early_stopping"),
    TrainingResult(VERSION),
    EvaluationRequest("train"),
    FIGURES,
    BatchPredictionRequest("test"),
    BatchPredictionRequest(file=PostedFile("a.csv", 5, "cd"), extra="ignore"),
    BatchPredictionResult(2, 300, ["a"], [{"type": "missing", "row": 1}]),
    BatchShards([Shard(0, 2), Shard(2, 1, "40", 3)]),
    ShardResult(2, 1, ["a"], [{"type": "missing", "row": 1}]),
    BuildRequest({"name": "m"}, DatasetTarget("d", DESCRIPTOR.target, "sequence")),
    BuildResult({"layers": []}, "Model"),
    ImportRequest(),
    ImportResult(DESCRIPTOR),
    Order(1, epochs=5, epoch=2, step=40),
    CheckpointState(Position(9, 2, 1, best={"epoch": 1, "loss": 0.5}), {"EarlyStopping": {"wait": 1}}, True),
]  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_a_document_is_the_same_after_it_was_json(document: Document) -> None:
    stored = orjson.loads(orjson.dumps(document.to_document()))
    assert type(document).from_document(stored) == document


@pytest.mark.parametrize("document", DOCUMENTS[1:], ids=lambda document: type(document).__name__)
def test_members_of_a_newer_release_are_ignored(document: Document) -> None:
    assert type(document).from_document(document.to_document() | {"invented_later": 1}) == document


@pytest.mark.parametrize(
    ("of", "oldest"),
    [
        (TrainingRequest, {"model": "m", "dataset": "d", "epochs": 1}),
        (TrainingResult, {"version": {"servable": True}}),
        (EvaluationRequest, {}),
        (EvaluationResult, {"loss": None}),
        (BatchPredictionRequest, {}),
        (BatchPredictionResult, {"rows": 1, "bytes": 1}),
        (BuildRequest, {"document": {}}),
        (BuildResult, {"summary": {}}),
        (VersionDetails, {"servable": True}),
        (Order, {"number": 1}),
        (CheckpointState, {"position": {"epochs": 1}}),
    ],
)
def test_members_that_an_older_release_did_not_know_have_defaults(of: type[Document], oldest: dict[str, Any]) -> None:
    read = of.from_document(oldest)
    assert of.from_document(read.to_document()) == read


@dataclass(frozen=True)
class Renamed(Document):
    """A document one of whose fields had another name in version 1, and another unit in version 2."""

    document_version: ClassVar = 3
    milliseconds: int

    @classmethod
    def upgrade(cls, document: dict[str, Any], version: int) -> dict[str, Any]:
        seconds = document["duration" if version == 1 else "seconds"]
        return {"milliseconds": 1000 * seconds}


@pytest.mark.parametrize(
    "stored",
    [
        {"duration": 2},
        {"document_version": 2, "seconds": 2},
        {"document_version": 3, "milliseconds": 2000},
    ],
)
def test_a_document_whose_form_has_changed_is_read_in_every_version(stored: dict[str, Any]) -> None:
    assert Renamed.from_document(stored) == Renamed(2000)
    assert Renamed(2000).to_document() == {"document_version": 3, "milliseconds": 2000}


def test_a_document_of_a_newer_version_is_not_misread() -> None:
    with pytest.raises(NewerDocument, match="TrainingRequest has version 2; this release knows 1"):
        TrainingRequest.from_document({"document_version": 2, "model": "m", "dataset": "d", "epochs": 1})


def test_versions_of_libraries_are_members_of_a_runtime() -> None:
    assert Runtime(2, 10, {"keras": "3"}).to_document() == {"threads": 2, "resident_bytes": 10, "keras": "3"}
    assert Runtime.from_document({}) == Runtime()


def test_a_descriptor_of_the_first_release_can_be_read() -> None:
    document = {
        "kind": "table", "rows": 2, "splits": {"train": 2, "validation": 0, "test": 0}, "bytes": 900,
        "inputs": [{"name": "x", "type": "number", "shape": [], "missing": 0, "mean": 1.5, "std": 0.5}],
        "target": {"name": "y", "type": "category", "classes": ["a", "b"], "counts": [1, 1]},
    }  # fmt: skip
    descriptor = DatasetDescriptor.from_document(document)
    assert (descriptor.notes, descriptor.left_out, descriptor.window) == ((), None, None)
    assert descriptor.target.with_positive_class().positive_class == "b"
    assert descriptor.to_document() == document | {"notes": []}
