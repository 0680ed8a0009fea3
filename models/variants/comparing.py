"""How a variant compares with its version: metrics, agreement and speed."""

import time
from collections.abc import Callable, Sequence
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
    shared = _Shared(version.spec, stored.outputs)
    after = evaluate_split(
        variant, dataset, split, folder, lambda step, steps: on_batch(steps + step, 2 * steps), on_outputs=shared.add
    )
    return Comparison(before, after, shared.agreement.result(), shared.broken)


def measure_speedup(version: OnnxNetwork, variant: OnnxNetwork, inputs: dict[str, np.ndarray]) -> float:
    """The version's median time for the processed rows divided by the variant's."""
    before, after = measure_seconds([version, variant], inputs)
    return before / after


def measure_seconds(networks: Sequence[OnnxNetwork], inputs: dict[str, np.ndarray]) -> list[float]:
    """The median time of each network for the processed rows, from repetitions in which they take turns."""
    times: list[list[float]] = [[] for _ in networks]
    for network in networks:
        network.run(inputs)
    began = time.perf_counter()
    for repetition in range(MOST_REPETITIONS):
        if repetition >= FEWEST_REPETITIONS and time.perf_counter() - began > MOST_SECONDS:
            break
        for network, found in zip(networks, times, strict=True):
            start = time.perf_counter()
            network.run(inputs)
            found.append(time.perf_counter() - start)
    return [median(found) for found in times]


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


class _Shared:
    """What the outputs of a variant share with those of its version."""

    def __init__(self, spec: NetworkSpec, truth: np.ndarray) -> None:
        """`truth` is the version's outputs for all rows."""
        is_regression = spec.task is Task.REGRESSION
        self.agreement = _NumberAgreement(truth) if is_regression else _ClassAgreement(spec)
        self._truth, self._seen = truth, 0
        self.broken = 0
        """The rows for which the version's outputs are finite, and the variant's aren't."""

    def add(self, outputs: np.ndarray) -> None:
        """Count the variant's outputs for the next rows."""
        truth = self._truth[self._seen : self._seen + len(outputs)]
        self._seen += len(outputs)
        self.agreement.add(truth, outputs)
        self.broken += int((_are_finite(truth) & ~_are_finite(outputs)).sum())


def _are_finite(outputs: np.ndarray) -> np.ndarray:
    """Whether all outputs of each row are finite."""
    finite: np.ndarray = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    return finite


class _ClassAgreement:
    """The share of rows with the same predicted class, or of labels of rows with the same decision."""

    def __init__(self, spec: NetworkSpec) -> None:
        self._spec = spec
        self._equal = self._total = 0

    def add(self, truth: np.ndarray, outputs: np.ndarray) -> None:
        """Count rows: the outputs of the version and of the variant."""
        equal = self._predict(truth) == self._predict(outputs)
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


class _NumberAgreement(NumberFigures):
    """The R² of a variant's numbers with the version's as truth."""

    def result(self) -> float | None:
        return self.metrics()["r2"]
