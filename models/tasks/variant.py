"""The task of a variant: it quantizes a version's network, and compares both on the rows of a dataset."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets import Dataset
from models.errors import AccuracyDrop, DamagedNetwork
from models.files.sums import check_files
from models.jobs.assignment import Phase
from models.jobs.variant import VariantAssignment, VariantResult
from models.predictor import Predictor
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter
from models.training.threads import configure_threads
from models.training.vocabulary import check_split, check_vocabulary
from models.variants.calibration import calibration_batches, choose_rows
from models.variants.comparing import TIMED_ROWS, compare, compared_metric, measure_speedup, timed_inputs
from models.variants.int8 import quantize
from models.version_files import ARTIFACTS
from models.versions import ServedNetwork, load_served

FILES = ARTIFACTS["onnx"], ARTIFACTS["preprocessing"]
"""What a predictor is loaded from."""
SERVED_THREADS = 1
"""Predictions run on one thread."""
COMPARED, CALIBRATED = ("test", "validation", "train"), ("train", "validation", "test")
"""The splits whose rows are taken, in this order: the first that has rows."""
ROUNDING = 1e-9
"""By which a drop may exceed the bound: 0.97 - 0.96 is a little more than 0.01."""
NO_TEST_ROWS, NO_TRAINING_ROWS, TOO_FEW_ROWS, NOT_COMPARABLE, NOT_SMALLER, NOT_FASTER = (
    "no-test-rows", "no-training-rows", "too-few-rows", "not-comparable", "not-smaller", "not-faster",
)  # fmt: skip
"""The types of warnings."""


def run(assignment: VariantAssignment, folder: Path, channel: Channel) -> VariantResult:
    """Write the variant of the assignment's version into the folder, and compare them.

    Raises NotQuantizable, AccuracyDrop if it predicts worse than was allowed, IncompleteVersion, DamagedFile,
    InvalidData.
    """
    channel.phase(Phase.QUANTIZE)
    configure_threads(assignment.runtime.threads)
    dataset = Dataset.open(assignment.dataset)
    version = load_served(assignment.version, Predictor.load(assignment.version, SERVED_THREADS), dataset)
    making = _Making(assignment, folder, channel, dataset, version)
    result, broken = making.compare(making.quantize())
    problem = find_problem(result, broken, assignment.max_accuracy_drop)
    if problem is not None:
        for name in FILES:
            (folder / name).unlink()
        raise AccuracyDrop(problem, result.to_document())
    return result


@dataclass(frozen=True)
class _Making:
    """A variant that is being made."""

    assignment: VariantAssignment
    folder: Path
    channel: Channel
    dataset: Dataset
    version: ServedNetwork

    def quantize(self) -> VariantResult:
        """Write the variant's files. Returns what is known before it is compared."""
        warnings: list[dict[str, Any]] = []
        split = self._first_with_rows(CALIBRATED)
        if split != CALIBRATED[0]:
            detail = f"The dataset has no training rows: the ranges of activations are those of the {split} rows."
            warnings.append({"type": NO_TRAINING_ROWS, "detail": detail})
        rows, preprocessing = self.dataset.split(split), self.version.preprocessing
        places = choose_rows(preprocessing, rows)
        batches = calibration_batches(preprocessing, rows, places, self.version.network.rows_at_once)
        source, target = self.assignment.version / ARTIFACTS["onnx"], self.folder / ARTIFACTS["onnx"]
        chosen = quantize(source, self._checked(batches, len(places)), target)
        check_files(self.assignment.version, ARTIFACTS["preprocessing"], DamagedNetwork)
        shutil.copyfile(self.assignment.version / ARTIFACTS["preprocessing"], self.folder / ARTIFACTS["preprocessing"])
        return VariantResult(
            self.assignment.type,
            target.stat().st_size,
            source.stat().st_size,
            calibration_rows=len(places),
            quantized=chosen.quantized,
            unquantized=chosen.unquantized,
            warnings=warnings + chosen.warnings,
        )

    def _checked(self, batches: Iterator[Mapping[str, np.ndarray]], rows: int) -> Iterator[Mapping[str, np.ndarray]]:
        """The batches, checked for numbers that a layer doesn't know. Reports the progress."""
        reporter, done = Reporter(self.channel), 0
        for batch in batches:
            check_vocabulary(self.version.spec, batch)
            yield batch
            done += len(next(iter(batch.values())))
            reporter.report(done, rows, done / rows)

    def compare(self, result: VariantResult) -> tuple[VariantResult, int]:
        """The result with what was measured of the variant in the folder; and `Comparison.broken`."""
        self.channel.phase(Phase.EVALUATE)
        split, task = self._first_with_rows(COMPARED), self.version.spec.task
        variant = load_served(self.assignment.version, Predictor.load(self.folder, SERVED_THREADS), self.dataset)
        check_split(self.version.spec, self.version.preprocessing, self.dataset.split(split), self.folder)
        reporter, metric = Reporter(self.channel), compared_metric(task)
        comparison = compare(
            self.version, variant, self.dataset, split, self.folder,
            lambda step, steps: reporter.report(step, steps, step / steps),
        )  # fmt: skip
        speedup = measure_speedup(
            self.version.network, variant.network, timed_inputs(self.version, self.dataset, split)
        )
        rows, drop = self.dataset.descriptor.splits[split], comparison.drop(metric)
        doubts = find_doubts(split, rows, metric, drop, self.assignment.max_accuracy_drop)
        measured = replace(
            result,
            metrics=comparison.metrics(),
            split=split,
            rows=rows,
            compared=metric,
            drop=drop,
            agreement=comparison.agreement,
            speedup=speedup,
            certified=not doubts and drop is not None and drop <= self.assignment.max_accuracy_drop + ROUNDING,
            warnings=result.warnings + doubts + find_drawbacks(result.bytes, result.version_bytes, speedup),
        )
        return measured, comparison.broken

    def _first_with_rows(self, splits: tuple[str, ...]) -> str:
        return next(split for split in splits if self.dataset.descriptor.splits[split])


def find_doubts(split: str, rows: int, metric: str, drop: float | None, most: float) -> list[dict[str, Any]]:
    """Why the variant isn't certified although its metric may not have dropped too far, as warnings."""
    doubts: list[dict[str, Any]] = []
    if split != COMPARED[0]:
        detail = f"The dataset has no test rows: the variant was compared on the {split} rows and isn't certified."
        doubts.append({"type": NO_TEST_ROWS, "detail": detail})
    if drop is None:
        detail = f"The {metric} isn't defined for these rows or outputs, so the variant isn't certified."
        doubts.append({"type": NOT_COMPARABLE, "detail": detail})
    elif metric == "accuracy" and most > 0 and rows * most < 1 - ROUNDING:
        needed = int(np.ceil(1 / most - ROUNDING))
        detail = (
            f"A drop of {most:g} would be less than one of the {rows:,} {split} rows: the variant isn't certified. "
            f"It takes at least {needed:,} rows."
        )
        doubts.append({"type": TOO_FEW_ROWS, "detail": detail})
    return doubts


def find_drawbacks(size: int, version_size: int, speedup: float) -> list[dict[str, Any]]:
    """What speaks against the variant although it predicts well enough, as warnings. The sizes are in bytes."""
    drawbacks: list[dict[str, Any]] = []
    if size >= version_size:
        detail = f"The variant isn't smaller than its version: it has {size:,} bytes, and the version {version_size:,}."
        drawbacks.append({"type": NOT_SMALLER, "detail": detail})
    if speedup < 1:
        detail = (
            f"The variant isn't faster than its version: {TIMED_ROWS} rows took {1 / speedup:.2f} times as long on one "
            "thread of the worker's machine."
        )
        drawbacks.append({"type": NOT_FASTER, "detail": detail})
    return drawbacks


def find_problem(result: VariantResult, broken: int, most: float) -> str | None:
    """Why a variant predicts too much worse than its version, as a sentence; None if it doesn't."""
    if broken:
        # Metrics show this at most as undefined: those of several outputs leave undefined ones out.
        rows = f"{broken:,} of {result.rows:,} {result.split} rows"
        return f"For {rows} the variant's outputs aren't finite, and the version's are."
    if result.drop is not None and result.drop > most + ROUNDING:
        return _describe_drop(result, most)
    return None


def _describe_drop(result: VariantResult, most: float) -> str:
    before, after = (result.metrics[which][result.compared] for which in ("version", "variant"))
    return (
        f"On {result.rows:,} {result.split} rows the variant's {result.compared} is {after:.4g}, the version's "
        f"{before:.4g}: it drops by {result.drop:.4g}, and `max_accuracy_drop` is {most:g}."
    )
