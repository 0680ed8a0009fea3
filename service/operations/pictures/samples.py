"""The document of samples: rows of a dataset with what a version predicts for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.compatibility import check_version_fit
from models.dataset_descriptor import DatasetDescriptor, TargetDescriptor
from models.datasets import SPLITS, Dataset, Split
from models.errors import InvalidData, NoPicture
from models.spec import Task
from models.targets import class_name
from models.values.columns import Texts
from models.values.rounding import rounded
from models.values.wording import count_of
from models.version_files import ARTIFACTS, read_document
from service.context import Context
from service.errors import NotFound, NotReady
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import find_version
from service.operations.inference.predictions import Loaded, PredictionService, Wanted
from service.operations.pictures.instances import show_instances
from service.operations.stored_files import unless_deleted, version_folder
from service.storage import datasets
from service.storage.database import Session
from service.storage.records import DatasetVersion, Version

MOST_SAMPLES = 60
KINDS = ("picture", "series", "text", "values", "none")
MOST_CHECKED = 1000
"""The rows that are predicted at most to find wrong predictions."""
MOST_NUMBERS = 8
"""The numbers of a target and of a prediction that are shown at most."""
ROWS_AT_ONCE, NUMBERS_AT_ONCE = 50, 2**22
"""The rows, and the numbers in them, that are predicted at a time."""


@dataclass(frozen=True)
class Options:
    """Which samples are wanted."""

    split: str | None = None
    """None: the test rows, or if there are none the validation or else the training rows."""
    count: int = 10
    page: int = 1
    seed: int = 0
    """The rows are in a random order, which this number determines."""
    wrong: bool = False
    """Only rows whose prediction is wrong."""
    dataset: str | None = None
    """Another dataset that fits the version."""


def describe(context: Context, service: PredictionService, model: str, number: int, options: Options) -> dict[str, Any]:
    """Rows of a dataset's split with the predictions of a version.

    Raises NotFound, NotReady, Overloaded, TookTooLong; NoPicture if the dataset was deleted or doesn't fit.
    """
    with context.database.read() as session:
        found = find_model(session, model)
        version = find_version(session, found, number)
        name, data = _find_data(session, version, options.dataset)
    loaded = service.loaded(Wanted(found.project, model, number))
    assert data.descriptor is not None
    descriptor = replace(data.descriptor, name=name)
    split = options.split or next((split for split in SPLITS[::-1] if descriptor.splits[split]), SPLITS[-1])
    _check_fit(context, version, descriptor, split)
    wants_wrong = options.wrong and loaded.predictor.task is not Task.REGRESSION
    with (
        unless_deleted(context, f'The dataset "{name}"', lambda session: datasets.version_by_id(session, data.id)),
        service.computing(),
    ):
        rows = Dataset.open(context.artifacts.folder(data.folder or "")).split(split)
        samples = Samples(loaded, descriptor, service.deadline())
        shown = samples.find_wrong(rows, options) if wants_wrong else samples.take_page(rows, options)
    return {
        "title": f"{model}, version {number}",
        "description": _sentence(model, number, name, split, shown.items),
        "model": model,
        "version": number,
        "dataset": name,
        "split": split,
        "rows": len(rows.rows),
        "task": loaded.predictor.task.value,
        "target": descriptor.target.name,
        "kind": shown.kind,
        "items": shown.items,
        "notes": [*_notes(options, split, len(rows.rows), shown, wants_wrong), *shown.notes],
    }


def _find_data(session: Session, version: Version, wanted: str | None) -> tuple[str, DatasetVersion]:
    """The dataset of a version, or the wanted one, by its name, with its data."""
    if wanted is not None:
        dataset = datasets.by_name(session, wanted)
        if dataset is None:
            raise NotFound(f'There is no dataset "{wanted}".')
        data = datasets.version(session, dataset.id, dataset.version)
        if data is None or data.folder is None:
            raise NotReady("dataset", wanted, dataset.status, failed=dataset.status == "failed")
        return wanted, data
    data = datasets.version(session, version.dataset_id, version.dataset_version)
    if data is None or data.folder is None:
        was = (
            "has no dataset"
            if version.dataset_name is None
            else f'was trained on "{version.dataset_name}", which was deleted'
        )
        raise NoPicture(f"Version {version.number} {was}. Name a dataset that fits it with `?dataset=`.")
    return str(version.dataset_name), data


def _check_fit(context: Context, version: Version, descriptor: DatasetDescriptor, split: str) -> None:
    """Raise NoPicture if the rows have no samples for the version."""
    if not descriptor.splits[split]:
        there = ", ".join(name for name in SPLITS if descriptor.splits[name])
        raise NoPicture(f'The dataset "{descriptor.name}" has no {split} rows. It has {there} rows.')
    name = ARTIFACTS["preprocessing"]
    document = read_document(version_folder(context, version.folder, name) / name)
    try:
        check_version_fit(document, descriptor, split)
    except InvalidData as error:
        raise NoPicture(error.detail) from error


@dataclass
class Found:
    """Rows as the document has them, what they are shown as, and how many were predicted to find them."""

    kind: str = KINDS[-1]
    items: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: int = 0

    def add(self, items: Sequence[dict[str, Any]], shown: dict[str, Any]) -> None:
        """Add rows with what `show_instances` shows of them."""
        self.kind = shown["kind"]
        self.items += [item | instance for item, instance in zip(items, shown["instances"], strict=True)]
        self.notes = list(dict.fromkeys((*self.notes, *shown["notes"])))


@dataclass(frozen=True)
class Samples:
    """Takes rows of a split with their predictions, a block at a time: a few rows may be large."""

    loaded: Loaded
    descriptor: DatasetDescriptor
    deadline: float

    def take_page(self, rows: Split, options: Options) -> Found:
        """A page of the rows in random order."""
        start = (options.page - 1) * options.count
        found = Found()
        for block in self._blocks(_order(rows, options)[start : start + options.count]):
            self._add(found, rows, block)
        return found

    def find_wrong(self, rows: Split, options: Options) -> Found:
        """A page of the rows whose prediction is wrong."""
        end = options.page * options.count
        found = Found()
        for block in self._blocks(_order(rows, options)[:MOST_CHECKED]):
            if len(found.items) >= end:
                break
            self._add(found, rows, block, only_wrong=True)
        found.items = found.items[end - options.count : end]
        return found

    def _blocks(self, places: np.ndarray) -> Iterator[np.ndarray]:
        at_once = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // max(1, self.loaded.predictor.row_numbers[0])))
        return (places[start : start + at_once] for start in range(0, len(places), at_once))

    def _add(self, found: Found, rows: Split, places: np.ndarray, *, only_wrong: bool = False) -> None:
        """Add the rows at these places with their predictions, in this order."""
        taken = rows.take(np.sort(places))
        predictor = self.loaded.predictor
        outputs = predictor.network.run(predictor.preprocessing.network_inputs(taken), self.deadline)
        predictions = predictor.describe(outputs, scores=False, threshold=self.loaded.threshold)
        targets = list_targets(taken.targets, self.descriptor.target)
        chosen, items = [], []
        for place in np.argsort(np.argsort(places)).tolist():
            judged = show_prediction(predictions[place], targets[place], predictor.task)
            if not only_wrong or judged["correct"] is False:
                chosen.append((taken, place))
                items.append({"row": int(taken.rows[place]), "target": targets[place]} | judged)
        found.checked += len(places)
        if items:
            found.add(items, show_instances(chosen, predictor, self.descriptor))


def _order(rows: Split, options: Options) -> np.ndarray:
    """The places of the rows in random order."""
    return np.random.default_rng(options.seed).permutation(len(rows.rows))


def list_targets(targets: np.ndarray | Texts, target: TargetDescriptor) -> list[Any]:
    """The target of each row as clients know it: a class, a list of labels, a number or the first of several."""
    if isinstance(targets, Texts):
        return list(targets.tolist())
    if target.type != "labels":
        return list(targets.tolist()) if targets.ndim == 1 else [first_numbers(row) for row in targets]
    classes = target.labels
    return [[classes[index] for index in np.flatnonzero(row)] for row in targets]


def first_numbers(values: np.ndarray) -> list[float | None]:
    """The first of several numbers."""
    shown: list[float | None] = rounded(np.ravel(values)[:MOST_NUMBERS], digits=7)
    return shown


def show_prediction(prediction: dict[str, Any], target: Any, task: Task) -> dict[str, Any]:
    """What is predicted, with its probability, and whether it is the target; None where that isn't a question."""
    if task is Task.REGRESSION:
        value = prediction["value"]
        is_one = value is None or np.ndim(value) == 0
        predicted = value if is_one else first_numbers(np.array(value, float))
        return {"predicted": predicted, "score": None, "correct": None}
    if task is Task.MULTILABEL:
        labels = prediction["labels"]
        return {"predicted": labels, "score": None, "correct": _names(labels) == _names(target)}
    label = prediction["label"]
    true = _names(target if isinstance(target, list) else [target])
    return {"predicted": label, "score": prediction["score"], "correct": _names([label]) == true}


def _names(labels: list[Any]) -> set[str]:
    return set(map(class_name, labels))


def _notes(options: Options, split: str, rows: int, found: Found, wants_wrong: bool) -> Iterator[str]:
    """What was chosen for the client, or is missing, in sentences."""
    if options.split is None and split != SPLITS[-1]:
        yield f"The dataset has no test rows; these are {split} rows."
    if wants_wrong:
        of_all = f"{found.checked:,} of {rows:,}" if found.checked < rows else f"all {rows:,}"
        yield f"Only wrong predictions are shown; {of_all} rows were checked."
    elif options.wrong:
        yield "A regression has no wrong predictions; all rows are shown."
    numbers = (item["predicted"] for item in found.items if item["correct"] is None)
    if any(isinstance(values, list) and len(values) == MOST_NUMBERS for values in numbers):
        yield f"At most {MOST_NUMBERS} numbers of a prediction are shown."
    if not found.items:
        yield "No row is left to show."


def _sentence(model: str, number: int, dataset: str, split: str, items: list[dict[str, Any]]) -> str:
    judged = [item["correct"] for item in items if item["correct"] is not None]
    right = f"; {sum(judged)} of {len(judged)} predictions are right" if judged else ""
    return f"Predictions of {model}, version {number}, for {count_of(len(items), 'row')} of {dataset} ({split}){right}."
