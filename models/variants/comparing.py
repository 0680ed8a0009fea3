"""How a variant compares with its version: metrics, agreement and speed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from models.datasets import Dataset
from models.evaluation import Evaluation, evaluate_split
from models.figures import NumberFigures
from models.runtime import OnnxNetwork
from models.scores import find_activation, predicted_classes, predicted_labels, score
from models.scratch import scratch_array
from models.spec import NetworkSpec, Task
from models.versions import ServedNetwork

TIMED_ROWS = 32
MOST_SECONDS = 2.0
FEWEST_REPETITIONS, MOST_REPETITIONS = 5, 200
"""The measurement ends after MOST_SECONDS, but not before FEWEST_REPETITIONS."""


@dataclass(frozen=True)
class Comparison:
    """A variant and its version on the same rows."""

    version: Evaluation
    variant: Evaluation
    agreement: float | None
    """The share of equal predictions, of a regression the R² of the variant's outputs with the version's as truth."""
    broken: int
    """The number of rows for which the version's outputs are finite, and the variant's aren't."""

    def metrics(self) -> dict[str, dict[str, float | None]]:
        """The losses and metrics as clients see them, under `version` and `variant`."""
        return {"version": _metrics(self.version), "variant": _metrics(self.variant)}

    def drop(self, metric: str) -> float | None:
        """The version's value of a figure (models/figures.py) minus the variant's; None unless both have one."""
        before, after = self.version.figures[metric], self.variant.figures[metric]
        return None if before is None or after is None else before - after


def compared_metric(task: Task) -> str:
    """The metric whose drop counts."""
    return "r2" if task is Task.REGRESSION else "accuracy"


def compare(
    version: ServedNetwork,
    variant: ServedNetwork,
    dataset: Dataset,
    split: str,
    folder: Path,
    on_batch: Callable[[int, int], None] = lambda step, steps: None,
) -> Comparison:
    """Evaluate both on all rows of a split that fits. The version's outputs are stored in `folder` meanwhile.

    `on_batch` receives the number of finished batches of both together, and the total.
    """
    stored = _StoredOutputs(folder, len(dataset.targets(split)))
    before = evaluate_split(
        version, dataset, split, folder, lambda step, steps: on_batch(step, 2 * steps), on_outputs=stored.add
    )
    agreement, broken = _agreement_with(version.spec, stored.outputs), _Broken(stored.outputs)

    def add(outputs: np.ndarray) -> None:
        agreement.add(outputs)
        broken.add(outputs)

    after = evaluate_split(
        variant, dataset, split, folder, lambda step, steps: on_batch(steps + step, 2 * steps), on_outputs=add
    )
    return Comparison(before, after, agreement.result(), broken.rows)


def measure_speedup(version: OnnxNetwork, variant: OnnxNetwork, inputs: dict[str, np.ndarray]) -> float:
    """The version's median time for the processed rows divided by the variant's, from alternating repetitions."""
    times: dict[OnnxNetwork, list[float]] = {version: [], variant: []}
    for network in times:
        network.run(inputs)
    began = time.perf_counter()
    for repetition in range(MOST_REPETITIONS):
        if repetition >= FEWEST_REPETITIONS and time.perf_counter() - began > MOST_SECONDS:
            break
        for network, found in times.items():
            start = time.perf_counter()
            network.run(inputs)
            found.append(time.perf_counter() - start)
    return median(times[version]) / median(times[variant])


def timed_inputs(network: ServedNetwork, dataset: Dataset, split: str) -> dict[str, np.ndarray]:
    """TIMED_ROWS processed rows: the first of the split, repeated if it has fewer."""
    page = dataset.split(split).page(slice(0, TIMED_ROWS))
    found = network.preprocessing.network_inputs(page)
    return {name: np.resize(values, (TIMED_ROWS, *values.shape[1:])) for name, values in found.items()}


def _metrics(evaluation: Evaluation) -> dict[str, float | None]:
    result = evaluation.to_result()
    return {"loss": result.loss} | result.metrics


class _StoredOutputs:
    """All outputs of a network, in an unnamed file."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._total, self._rows = folder, rows, 0
        self.outputs = np.empty(0, np.float32)

    def add(self, outputs: np.ndarray) -> None:
        """Store the outputs for the next rows."""
        if not self._rows:
            self.outputs = scratch_array(self._folder, (self._total, *outputs.shape[1:]), np.float32)
        self.outputs[self._rows : self._rows + len(outputs)] = outputs
        self._rows += len(outputs)


class _Broken:
    """The rows for which a variant has outputs that aren't finite, and its version doesn't."""

    def __init__(self, truth: np.ndarray) -> None:
        self._truth, self._seen, self.rows = truth, 0, 0

    def add(self, outputs: np.ndarray) -> None:
        """Count the variant's outputs for the next rows."""
        before = self._truth[self._seen : self._seen + len(outputs)]
        self._seen += len(outputs)
        self.rows += int((_are_finite(before) & ~_are_finite(outputs)).sum())


def _are_finite(outputs: np.ndarray) -> np.ndarray:
    """Whether all outputs of each row are finite."""
    finite: np.ndarray = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    return finite


class _ClassAgreement:
    """The share of rows with the same predicted class, or of labels of rows with the same decision."""

    def __init__(self, spec: NetworkSpec, truth: np.ndarray) -> None:
        self._spec, self._truth = spec, truth
        self._equal = self._total = self._rows = 0

    def add(self, outputs: np.ndarray) -> None:
        """Count the variant's outputs for the next rows."""
        equal = self._predict(self._truth[self._rows : self._rows + len(outputs)]) == self._predict(outputs)
        self._rows += len(outputs)
        self._equal += int(equal.sum())
        self._total += equal.size

    def _predict(self, outputs: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            scores = score(outputs, self._spec.task, find_activation(self._spec))
        if self._spec.task is Task.MULTILABEL:
            return predicted_labels(scores, self._spec.threshold)
        return predicted_classes(scores, self._spec.task, self._spec.threshold)

    def result(self) -> float | None:
        return self._equal / self._total


class _NumberAgreement:
    """The R² of a variant's numbers with the version's as truth."""

    def __init__(self, truth: np.ndarray) -> None:
        self._truth, self._figures, self._rows = truth, NumberFigures(truth), 0

    def add(self, outputs: np.ndarray) -> None:
        """Count the variant's outputs for the next rows."""
        self._figures.add(self._truth[self._rows : self._rows + len(outputs)], outputs)
        self._rows += len(outputs)

    def result(self) -> float | None:
        return self._figures.metrics()["r2"]


def _agreement_with(spec: NetworkSpec, truth: np.ndarray) -> _ClassAgreement | _NumberAgreement:
    return _NumberAgreement(truth) if spec.task is Task.REGRESSION else _ClassAgreement(spec, truth)
