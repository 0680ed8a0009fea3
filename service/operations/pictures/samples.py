"""The document of samples: rows of a dataset with what a version predicts for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.compatibility import check_version_fit
from models.datasets import SPLITS, Dataset, Split
from models.errors import InvalidData, NoPicture
from models.predictor import Predictor
from models.spec import Task
from models.targets import class_name
from models.values.columns import Texts
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
ROWS_AT_ONCE = 50


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
    descriptor = data.descriptor or {}
    split = options.split or next((split for split in SPLITS[::-1] if descriptor["splits"][split]), SPLITS[-1])
    _check_fit(context, version, {"name": name, **descriptor}, split)
    is_drawn = "wrong" if options.wrong and loaded.predictor.task is not Task.REGRESSION else "all"
    with (
        unless_deleted(context, f'The dataset "{name}"', lambda session: datasets.version_by_id(session, data.id)),
        service.computing(),
    ):
        rows = Dataset.open(context.artifacts.folder(data.folder or "")).split(split)
        samples = Samples(loaded, descriptor, service.deadline(), options)
        items, checked = samples.find_wrong(rows) if is_drawn == "wrong" else samples.take_page(rows)
    notes = [*_notes(options, split, descriptor, checked, len(items), loaded.predictor, is_drawn)]
    shown = show_instances([item for item, _ in items], loaded.predictor, descriptor) if items else {"kind": "none"}
    return {
        "title": f"{model}, version {number}",
        "description": _sentence(model, number, name, split, [one for _, one in items]),
        "model": model,
        "version": number,
        "dataset": name,
        "split": split,
        "rows": len(rows.rows),
        "task": loaded.predictor.task.value,
        "target": descriptor["target"]["name"],
        "kind": shown["kind"],
        "items": [one | instance for (_, one), instance in zip(items, shown.get("instances", ()), strict=True)],
        "notes": [*notes, *shown.get("notes", ())],
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


def _check_fit(context: Context, version: Version, descriptor: dict[str, Any], split: str) -> None:
    """Raise NoPicture if the rows have no samples for the version."""
    if not descriptor["splits"][split]:
        there = ", ".join(name for name in SPLITS if descriptor["splits"][name])
        raise NoPicture(f'The dataset "{descriptor["name"]}" has no {split} rows. It has {there} rows.')
    name = ARTIFACTS["preprocessing"]
    document = read_document(version_folder(context, version.folder, name) / name)
    try:
        check_version_fit(document, descriptor, split)
    except InvalidData as error:
        raise NoPicture(error.detail) from error


Sample = tuple[tuple[Split, int], dict[str, Any]]
"""A row, as a place in some rows, and what is known and predicted of it."""


@dataclass(frozen=True)
class Samples:
    """Takes rows of a split with their predictions."""

    loaded: Loaded
    descriptor: dict[str, Any]
    deadline: float
    options: Options

    def take_page(self, rows: Split) -> tuple[list[Sample], int]:
        """A page of the rows in random order, and how many rows were predicted."""
        start = (self.options.page - 1) * self.options.count
        chosen = self._order(rows)[start : start + self.options.count]
        return [*self._predict(rows, chosen)], len(chosen)

    def find_wrong(self, rows: Split) -> tuple[list[Sample], int]:
        """A page of the rows whose prediction is wrong, and how many rows were predicted to find them."""
        order = self._order(rows)[:MOST_CHECKED]
        end = self.options.page * self.options.count
        found: list[Sample] = []
        checked = 0
        while checked < len(order) and len(found) < end:
            chosen = order[checked : checked + ROWS_AT_ONCE]
            found += [sample for sample in self._predict(rows, chosen) if sample[1]["correct"] is False]
            checked += len(chosen)
        return found[end - self.options.count : end], checked

    def _order(self, rows: Split) -> np.ndarray:
        return np.random.default_rng(self.options.seed).permutation(len(rows.rows))

    def _predict(self, rows: Split, places: np.ndarray) -> Iterator[Sample]:
        """The rows at these places with their predictions, in this order."""
        if not len(places):
            return
        taken = rows.take(np.sort(places))
        predictor = self.loaded.predictor
        outputs = predictor.network.run(predictor.preprocessing.network_inputs(taken), self.deadline)
        predictions = predictor.describe(outputs, scores=False, threshold=self.loaded.threshold)
        targets = list_targets(taken.targets, self.descriptor["target"])
        for place in np.argsort(np.argsort(places)).tolist():
            target = targets[place]
            known = {"row": int(taken.rows[place]), "target": target}
            yield (taken, place), known | show_prediction(predictions[place], target, predictor.task)


def list_targets(targets: np.ndarray | Texts, target: dict[str, Any]) -> list[Any]:
    """The target of each row as clients know it: a class, a list of labels, or a number."""
    if isinstance(targets, Texts):
        return list(targets.tolist())
    if target["type"] != "labels":
        return list(targets.tolist())
    classes = target["classes"]
    return [[classes[index] for index in np.flatnonzero(row)] for row in targets]


def show_prediction(prediction: dict[str, Any], target: Any, task: Task) -> dict[str, Any]:
    """What is predicted, with its probability, and whether it is the target; None where that isn't a question."""
    if task is Task.REGRESSION:
        value = prediction["value"]
        return {"predicted": value.tolist() if isinstance(value, np.ndarray) else value, "score": None, "correct": None}
    if task is Task.MULTILABEL:
        labels = prediction["labels"]
        return {"predicted": labels, "score": None, "correct": _names(labels) == _names(target)}
    label = prediction["label"]
    true = _names(target if isinstance(target, list) else [target])
    return {"predicted": label, "score": prediction["score"], "correct": _names([label]) == true}


def _names(labels: list[Any]) -> set[str]:
    return set(map(class_name, labels))


def _notes(
    options: Options,
    split: str,
    descriptor: dict[str, Any],
    checked: int,
    found: int,
    predictor: Predictor,
    drawn: str,
) -> Iterator[str]:
    """What was chosen for the client, or is missing, in sentences."""
    if options.split is None and split != SPLITS[-1]:
        yield f"The dataset has no test rows; these are {split} rows."
    if drawn == "wrong":
        rows = descriptor["splits"][split]
        of_all = f"{checked:,} of {rows:,}" if checked < rows else f"all {rows:,}"
        yield f"Only wrong predictions are shown; {of_all} rows were checked."
    elif options.wrong:
        yield "A regression has no wrong predictions; all rows are shown."
    if not found:
        yield "No row is left to show."


def _sentence(model: str, number: int, dataset: str, split: str, items: list[dict[str, Any]]) -> str:
    judged = [item["correct"] for item in items if item["correct"] is not None]
    right = f"; {sum(judged)} of {len(judged)} predictions are right" if judged else ""
    return f"Predictions of {model}, version {number}, for {count_of(len(items), 'row')} of {dataset} ({split}){right}."
