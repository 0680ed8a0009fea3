"""A loaded version that predicts labels, scores and values for raw instances. Uses only NumPy and ONNX Runtime."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from models.allowance import Allowance, check_deadline
from models.errors import DamagedNetwork, Fault, InvalidInstances
from models.files.sums import check_files
from models.graph import resolve
from models.preprocessing import Instances, JsonNumbers, Preprocessing
from models.preprocessing.preprocessing import INSTANCES, SeriesInputs
from models.runtime import ROWS_AT_ONCE, ImportedOnnxNetwork, OnnxNetwork
from models.scores import (
    Activation,
    find_activation,
    predicted_classes,
    predicted_labels,
    ranked_classes,
    score,
)
from models.signature import Signature, Tensor
from models.spec import OUTPUT, THRESHOLD, NetworkSpec, Task
from models.targets import TargetEncoding
from models.values.tensors import MAX_FAULTS
from models.version_files import ARTIFACTS
from models.vocabulary import Vocabulary, vocabularies

FORMAT = 1
ROWS_DESCRIBED_AT_ONCE, NUMBERS_DESCRIBED_AT_ONCE = 1024, 2**16
"""The rows, and the numbers in them, that are Python objects at a time at most."""
WIDE = 32
"""The numbers of a row from which on it stays an array, which is serialized without a Python object for each number."""


@dataclass(frozen=True)
class Predictions:
    """The result of a request: `classes` (None for a regression), one prediction for each instance or series, and
    `warnings`."""

    classes: list[Any] | None
    predictions: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


@dataclass(frozen=True)
class Predictor:
    """A network with its preprocessing and the interpretation of its outputs. Thread-safe."""

    network: OnnxNetwork
    preprocessing: Preprocessing
    task: Task
    classes: list[Any] | None
    activation: Activation | None
    vocabularies: tuple[Vocabulary, ...] = ()
    """The numbers that layers such as Embedding accept from inputs."""
    output_name: str = OUTPUT

    @classmethod
    def load(cls, folder: Path, threads: int = 1, weights: Mapping[str, np.ndarray] | None = None) -> Self:
        """Read `preprocessing.json` and `network.onnx` from a version's folder. `weights` has the values of a network
        that is stored without them. Raises DamagedNetwork."""
        for name in (ARTIFACTS["preprocessing"], ARTIFACTS["onnx"]):
            check_files(folder, name, DamagedNetwork)
        try:
            document = json.loads((folder / ARTIFACTS["preprocessing"]).read_bytes())
        except ValueError as error:  # possible only in a folder without checksums
            raise DamagedNetwork(f"{ARTIFACTS['preprocessing']} is damaged.") from error
        activation = document["output"]["activation"]
        kind = ImportedOnnxNetwork if document.get("imported") else OnnxNetwork
        return cls(
            kind(folder / ARTIFACTS["onnx"], threads, document.get("rows_at_once", ROWS_AT_ONCE), weights),
            Preprocessing.from_document(document["inputs"]),
            Task(document["task"]),
            TargetEncoding.from_document(document["target"]).classes,
            None if activation is None else Activation(activation),
            tuple(Vocabulary(**members) for members in document.get("vocabularies", ())),
            document["output"].get("name", OUTPUT),
        )

    def prepare(
        self, instances: Instances, allowance: Allowance | None = None, *, ignores_extra: bool = False
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Convert posted instances into inputs for `network.run`, with warnings. `ignores_extra`: unknown columns of a
        table are ignored.

        Raises InvalidInstances; Excessive and TookTooLong if the instances exceed the allowance.
        """
        allowance = allowance or Allowance()
        allowance.row_numbers = self.row_numbers
        inputs, warnings = self.preprocessing.read_instances(instances, allowance, ignores_extra=ignores_extra)
        self._check_vocabularies(inputs, in_json=isinstance(instances, (list, JsonNumbers)))
        return inputs, warnings

    def prepare_series(
        self, instances: Instances, allowance: Allowance | None = None, *, ignores_extra: bool = False
    ) -> SeriesInputs | None:
        """As `prepare`, for rows of the table that a network's sequences come from: inputs with a row for each series.

        None if the instances aren't such rows. Raises what `prepare` raises.
        """
        if self.preprocessing.rows is None:
            return None
        allowance = allowance or Allowance()
        allowance.row_numbers = self.row_numbers
        series = self.preprocessing.read_series(instances, allowance, ignores_extra=ignores_extra)
        if series is not None:
            self._check_vocabularies(series.inputs, in_json=False)
        return series

    def run_inputs(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """The network's raw outputs for preprocessed rows by input. Raises InvalidInstances."""
        self._check_vocabularies(inputs, in_json=False)
        return self.network.run(inputs)

    @cached_property
    def signature(self) -> Signature:
        """The named input and output tensors."""
        return Signature.of(self.preprocessing, self.network.output_shape, self.output_name)

    @cached_property
    def row_numbers(self) -> tuple[int, int]:
        """The numbers of a row in the inputs, and in the output."""
        inputs = sum(map(math.prod, self.network.input_shapes.values()))
        return inputs, math.prod(max(1, length) for length in self.network.output_shape)

    def read_tensors(self, tensors: Mapping[str, Tensor], allowance: Allowance | None = None) -> dict[str, np.ndarray]:
        """Convert raw tensors by the signature's names into inputs for `network.run`. Raises what `prepare` raises."""
        allowance = allowance or Allowance()
        allowance.row_numbers = self.row_numbers
        inputs = self.signature.read(tensors, allowance)
        self._check_vocabularies(inputs, in_json=False)
        return inputs

    def _check_vocabularies(self, inputs: dict[str, np.ndarray], *, in_json: bool) -> None:
        """Raise InvalidInstances if rows have numbers outside a layer's vocabulary: ONNX Runtime's error has no row."""
        faults: list[Fault] = []
        for vocabulary in self.vocabularies:
            if len(faults) >= MAX_FAULTS:
                break
            values, column = inputs[vocabulary.input], vocabulary.input if len(inputs) > 1 else None
            for row, *place in np.argwhere(vocabulary.unknown(values))[:MAX_FAULTS].tolist():
                where = "".join(f"[{index}]" for index in place)
                whose = f"Row {row}" if column is None else f"Row {row}, {column}"
                detail = f"{whose}: the number {values[(row, *place)]:g} at {where} is"
                pointer = INSTANCES.pointer(row) if in_json else None
                faults.append(Fault(f"{detail} unknown; {vocabulary}.", pointer, row=row, column=column))
        if faults:
            raise InvalidInstances(*faults[:MAX_FAULTS])

    def predict(
        self,
        instances: Instances,
        top: int | None = None,
        scores: bool = True,
        deadline: float = math.inf,
        threshold: float = THRESHOLD,
    ) -> Predictions:
        """The predictions for posted instances, as clients get them. Raises InvalidInstances, TookTooLong."""
        series = self.prepare_series(instances)
        inputs, warnings = self.prepare(instances) if series is None else (series.inputs, series.warnings)
        outputs = self.network.run(inputs, deadline)
        predictions: list[dict[str, Any]] = []
        for block in in_blocks(outputs):
            check_deadline(deadline)
            predictions += self.describe(block, top, scores, threshold)
        if series is not None:
            predictions = [label | one for label, one in zip(series.labels, predictions, strict=True)]
        return Predictions(self.classes, predictions, warnings)

    def describe(
        self, outputs: np.ndarray, top: int | None = None, scores: bool = True, threshold: float = THRESHOLD
    ) -> list[dict[str, Any]]:
        """A prediction for each row of a block of raw outputs, as clients get it.

        `top` adds the best labels with their scores. If `scores` is False, the scores of all classes are omitted. The
        positive class of a binary task, and the labels of a multilabel task, are predicted from the `threshold` on. NaN
        and infinity become None, except in rows of at least WIDE numbers, which are arrays.
        """
        if self.task is Task.REGRESSION:
            return _describe_values(outputs)
        classes = self.classes or []
        probabilities = self.score(outputs)
        rows = _to_rows(probabilities)
        if self.task is Task.MULTILABEL:
            predictions = _describe_labels(predicted_labels(probabilities, threshold), classes)
        else:
            predictions = _describe_label(predicted_classes(probabilities, self.task, threshold), rows, classes)
        if scores:
            _add(predictions, "scores", rows)
        if top is not None:
            order = ranked_classes(probabilities, self.task)[:, :top]
            _add(predictions, "top", _best(probabilities, order, classes))
        return predictions

    def score(self, outputs: np.ndarray) -> np.ndarray:
        """The score of each class, shape (rows, classes), from raw outputs of a classification."""
        return score(outputs, self.task, self.activation)


def in_blocks(outputs: np.ndarray) -> list[np.ndarray]:
    """The rows in blocks that are small as Python objects."""
    rows = len(outputs)
    if rows <= ROWS_DESCRIBED_AT_ONCE and outputs.size <= NUMBERS_DESCRIBED_AT_ONCE:
        return [outputs]
    at_once = min(ROWS_DESCRIBED_AT_ONCE, max(1, NUMBERS_DESCRIBED_AT_ONCE * rows // outputs.size))
    return [outputs[start : start + at_once] for start in range(0, rows, at_once)]


@dataclass(frozen=True)
class Interpretation:
    """What a predictor makes of the network's outputs, and what it must know to run it."""

    task: Task
    activation: Activation | None = None
    output_name: str = OUTPUT
    vocabularies: tuple[Vocabulary, ...] = ()
    rows_at_once: int = ROWS_AT_ONCE
    imported: bool = False
    """Whether the network is from an ONNX file that someone else made."""

    @classmethod
    def of(cls, spec: NetworkSpec, rows_at_once: int) -> Self:
        """That of a network that is trained here."""
        name = resolve(spec)[-1].layer.name or OUTPUT
        return cls(spec.task, find_activation(spec), name, tuple(vocabularies(spec)), rows_at_once)


def write_preprocessing(
    path: Path,
    spec: NetworkSpec,
    preprocessing: Preprocessing,
    encoding: TargetEncoding,
    rows_at_once: int = ROWS_AT_ONCE,
) -> dict[str, Any]:
    """Write what a predictor needs besides the network as JSON, synced to the disk. Returns the document."""
    return write_interpretation(path, preprocessing, encoding, Interpretation.of(spec, rows_at_once))


def write_interpretation(
    path: Path, preprocessing: Preprocessing, encoding: TargetEncoding, interpretation: Interpretation
) -> dict[str, Any]:
    """As `write_preprocessing`, for a network without a spec."""
    document = {
        "format": FORMAT,
        "task": interpretation.task.value,
        "inputs": preprocessing.to_document(),
        "target": encoding.to_document(),
        "output": {"activation": interpretation.activation, "name": interpretation.output_name},
        "vocabularies": [asdict(vocabulary) for vocabulary in interpretation.vocabularies],
        "rows_at_once": interpretation.rows_at_once,
    }
    if interpretation.imported:
        document["imported"] = True
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    return document


def _describe_values(outputs: np.ndarray) -> list[dict[str, Any]]:
    values = outputs.reshape(len(outputs)) if outputs[0].size == 1 else outputs
    return [{"value": value} for value in _to_rows(values)]


def _describe_label(predicted: np.ndarray, rows: list[Any], classes: list[Any]) -> list[dict[str, Any]]:
    """The predicted class of each row, with its score."""
    found = [(best, _finite(row[best])) for best, row in zip(predicted.tolist(), rows, strict=True)]
    return [{"label": None if score is None else classes[best], "score": score} for best, score in found]


def _describe_labels(predicted: np.ndarray, classes: list[Any]) -> list[dict[str, Any]]:
    """The predicted labels of each row (rows, classes)."""
    return [{"labels": [classes[index] for index in np.flatnonzero(row)]} for row in predicted]


def _best(scores: np.ndarray, order: np.ndarray, classes: list[Any]) -> list[list[dict[str, Any]]]:
    """The classes of each row in `order`, shape (rows, count), with their scores."""
    found = _to_list(np.take_along_axis(scores, order, axis=1))
    return [
        [{"label": classes[index], "score": score} for index, score in zip(indices, row, strict=True)]
        for indices, row in zip(order.tolist(), found, strict=True)
    ]


def _add(predictions: list[dict[str, Any]], name: str, values: list[Any]) -> None:
    for prediction, value in zip(predictions, values, strict=True):
        prediction[name] = value


def _to_rows(array: np.ndarray) -> list[Any]:
    """An entry for each row: plain numbers, or for wide rows a float64 array, which prints the same."""
    return _to_list(array) if array[0].size < WIDE else list(array.astype(np.float64))


def _finite(number: float | None) -> float | None:
    """A score as a plain number; None for NaN and infinity."""
    return float(number) if number is not None and math.isfinite(number) else None


def _to_list(array: np.ndarray) -> list[Any]:
    """The array as plain numbers, with None for NaN and infinity, which JSON doesn't have."""
    finite = np.isfinite(array)
    if np.count_nonzero(finite) == array.size:  # for one row, twice as fast as `all`
        return array.tolist()
    values = array.astype(object)
    values[~finite] = None
    return values.tolist()
