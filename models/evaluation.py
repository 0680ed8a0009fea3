"""Evaluates a trained network on a split in blocks of rows: loss, metrics, and the figures of its task."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.building import rows_at_once
from models.dataset_descriptor import TargetDescriptor
from models.datasets import Dataset, Split
from models.figures import (
    MOST_CLASSES_IN_MATRIX,
    ClassFigures,
    Figures,
    LabelFigures,
    NumberFigures,
    finite_or_none,
)
from models.jobs.evaluation import EvaluationResult
from models.naive_guess import NaiveGuess
from models.scores import find_activation, score
from models.spec import THRESHOLD, Task
from models.targets import TargetEncoding
from models.training.evaluation import NetworkEvaluation
from models.training.measures import Measures
from models.training.plan import Arrays
from models.values.columns import Texts
from models.versions import ServedNetwork, TrainedNetwork

PART_ROWS = 65_536
PART_NUMBERS = 16 * 1024 * 1024
"""Numbers of processed inputs in one block in memory."""
SERVED_ROWS = 1024
"""The rows of a batch of a network that ONNX Runtime runs, which computes fewer at a time if they need much memory."""


@dataclass(frozen=True)
class Evaluation:
    """The results of a network on a split."""

    own: dict[str, float]
    """`loss` and the metrics with which the network was compiled; a value may be NaN or infinite."""
    figures: dict[str, float | None]
    """The other metrics of the task; models/figures.py."""
    classes: list[Any] | None
    details: dict[str, Any]
    """`confusion_matrix`, `per_class`, `calibration`, `positive_class`."""
    points: dict[str, Any]
    """What only pictures need; models/figures.py."""
    threshold: float | None = None
    """The threshold from which classes count as predicted; None for tasks without one."""
    naive: "Evaluation | None" = None
    """The same of the naive guess; None for a version that was saved without it."""

    def to_result(self) -> EvaluationResult:
        """The result that clients see. If metrics have the same name, it contains the network's own, unless these were
        computed with another threshold: Keras's metrics keep theirs."""
        metrics = self._metrics()
        baseline = None if self.naive is None else self.naive._metrics()
        loss = metrics.pop("loss")
        return EvaluationResult(
            loss, metrics, self.classes, **self.details, threshold=self.threshold, baseline=baseline, points=self.points
        )

    def _metrics(self) -> dict[str, float | None]:
        own = {name: finite_or_none(value) for name, value in self.own.items()}
        return self.figures | own if self.threshold in (None, THRESHOLD) else own | self.figures


def evaluate_split(
    trained: TrainedNetwork | ServedNetwork,
    dataset: Dataset,
    split_name: str,
    folder: Path,
    on_batch: Callable[[int, int], None] = lambda step, steps: None,
    threshold: float | None = None,
    on_outputs: Callable[[np.ndarray], None] = lambda outputs: None,
) -> Evaluation:
    """Evaluate on all rows of a split that isn't empty and fits (compatibility.check_version_fit).

    `folder` is for unnamed temporary files; `on_batch` receives the number of finished batches and the total,
    `on_outputs` the raw outputs of each batch. The default of the `threshold` is that of the spec.
    """
    threshold = trained.spec.threshold if threshold is None else threshold
    split, encoding = dataset.split(split_name), trained.encoding
    classes = dataset.descriptor.target.classes
    batches, batch_rows = _make_batches(trained)
    steps, step = math.ceil(len(split.targets) / batch_rows), 0
    figures = _make_figures(trained, split, folder, threshold)
    naive = None
    if isinstance(trained, TrainedNetwork) and trained.guess is not None:
        naive = _NaiveEvaluation(trained, trained.guess, split, folder, threshold)
    for part in _parts(trained, split, batch_rows):
        targets = encoding.translate(part.targets, classes)
        arrays = Arrays(trained.preprocessing.network_inputs(part), encoding.encode(targets))
        for start in range(0, arrays.rows, batch_rows):
            rows = slice(start, start + batch_rows)
            outputs = batches.add(arrays.part(rows))
            figures.add(*_compared(trained, targets[rows], outputs))
            on_outputs(outputs)
            step += 1
            on_batch(step, steps)
        if naive is not None:
            naive.add(part, targets, arrays.targets)
    decided = threshold if trained.spec.task.has_threshold else None
    found = None if naive is None else naive.evaluation(decided)
    metrics = figures.metrics()
    points = figures.points() | {"target": _describe_target(encoding, dataset.descriptor.target)}
    return Evaluation(batches.metrics(), metrics, encoding.classes, figures.details(), points, decided, found)


def _describe_target(encoding: TargetEncoding, target: TargetDescriptor) -> dict[str, Any]:
    """What pictures call the target: its `name`, its `unit` or None, and the `columns` of several numbers."""
    return {"name": encoding.name, "unit": target.unit, "columns": target.columns}


class _NaiveEvaluation:
    """Evaluates the naive guess on the same rows as the network."""

    def __init__(
        self, trained: TrainedNetwork, guess: NaiveGuess, split: Split, folder: Path, threshold: float
    ) -> None:
        self._trained, self._guess = trained, guess
        self._measures = make_measures(trained)
        many = len(trained.encoding.classes or ()) > MOST_CLASSES_IN_MATRIX
        # Figures of thousands of classes take long, and those of a constant guess say nothing.
        self._figures = None if many else _make_figures(trained, split, folder, threshold)

    def add(self, part: Split, targets: np.ndarray | Texts, encoded: np.ndarray) -> None:
        """Count rows with these targets, in the version's classes."""
        outputs = self._guess.outputs(part, self._trained.encoding, find_activation(self._trained.spec))
        self._measures.add(encoded, outputs)
        if self._figures is not None:
            self._figures.add(*_compared(self._trained, targets, outputs))

    def evaluation(self, threshold: float | None) -> Evaluation:
        figures = {} if self._figures is None else self._figures.metrics()
        return Evaluation(self._measures.results(), figures, self._trained.encoding.classes, {}, {}, threshold)


class ServedEvaluation:
    """As NetworkEvaluation, for a network that ONNX Runtime runs."""

    def __init__(self, served: ServedNetwork) -> None:
        self._predictor = served.predictor
        self._measures = make_measures(served)

    def add(self, arrays: Arrays) -> np.ndarray:
        """Count a batch; returns the network's raw outputs for it. Raises InvalidInstances."""
        outputs = self._predictor.run_inputs(arrays.processed())
        self._measures.add(arrays.targets, outputs)
        return outputs

    def metrics(self) -> dict[str, float]:
        """`loss` and the metrics of the spec."""
        return self._measures.results()


def _make_batches(trained: TrainedNetwork | ServedNetwork) -> tuple[NetworkEvaluation | ServedEvaluation, int]:
    """What evaluates batches, and the rows of a batch."""
    if isinstance(trained, ServedNetwork):
        return ServedEvaluation(trained), SERVED_ROWS
    trained.evaluation.begin()
    return trained.evaluation, rows_at_once(trained.network)


def make_measures(trained: TrainedNetwork | ServedNetwork) -> Measures:
    """The loss and metrics of a trained network."""
    return Measures(trained.spec, trained.network.output_shape[-1], trained.encoding.scale)


def measure_guess(
    trained: TrainedNetwork, guess: NaiveGuess, split: Split, weights: np.ndarray | None = None
) -> dict[str, float]:
    """`loss` and the network's metrics of the naive guess on rows of the network's own dataset; `weights` are those of
    the rows in the loss."""
    measures, activation = make_measures(trained), find_activation(trained.spec)
    rows = max(1, min(PART_ROWS, PART_NUMBERS // math.prod(trained.network.output_shape[1:])))
    for start in range(0, len(split.targets), rows):
        page = slice(start, start + rows)
        part = split.page(page)
        outputs = guess.outputs(part, trained.encoding, activation)
        measures.add(trained.encoding.encode(part.targets), outputs, None if weights is None else weights[page])
    return measures.results()


def _parts(trained: TrainedNetwork | ServedNetwork, split: Split, batch_rows: int) -> Iterator[Split]:
    """The split in blocks of whole batches that fit into memory."""
    width = sum(input_.size for input_ in trained.spec.inputs.values())
    rows = max(1, min(PART_ROWS, PART_NUMBERS // width) // batch_rows) * batch_rows
    for start in range(0, len(split.targets), rows):
        yield split.page(slice(start, start + rows))


def _make_figures(trained: TrainedNetwork | ServedNetwork, split: Split, folder: Path, threshold: float) -> Figures:
    if trained.spec.task is Task.REGRESSION:
        return NumberFigures(trained.encoding.numbers(np.asarray(split.targets)))
    classes, rows = trained.encoding.classes or [], len(split.targets)
    if trained.spec.task is Task.MULTILABEL:
        return LabelFigures(classes, rows, folder, threshold)
    return ClassFigures(classes, rows, folder, trained.spec.task, threshold)


def _compared(
    trained: TrainedNetwork | ServedNetwork, raw: np.ndarray | Texts, outputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions in the form that the figures of the task need."""
    if trained.spec.task is Task.REGRESSION:
        return trained.encoding.numbers(np.asarray(raw)), trained.encoding.to_units(outputs)
    with np.errstate(invalid="ignore"):
        scores = score(outputs, trained.spec.task, find_activation(trained.spec))
    if trained.spec.task is Task.MULTILABEL and not isinstance(raw, Texts):
        return raw, scores
    return trained.encoding.class_indices(raw), scores
