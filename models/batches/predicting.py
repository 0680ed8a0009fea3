"""Predicts blocks of rows, writes the predictions in parts, and joins the parts into one file."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from models.batches.blocks import Blocks, renumber
from models.batches.results import ResultWriter, join_parts, part_name
from models.errors import InvalidInstances
from models.files.sums import check_files
from models.jobs.batch_prediction import BatchPredictionResult, ShardResult
from models.predictor import Predictor
from models.preprocessing.table_input import MAX_WARNINGS
from models.spec import THRESHOLD

PARTS_FOLDER = "parts"
OnBlock = Callable[[int, float], None]
"""Called with the number of rows done and the fraction of the work."""


@dataclass(frozen=True)
class _Predicted:
    """How many rows were predicted, into which files, and the first warnings."""

    rows: int
    parts: Sequence[Path]
    warnings: list[dict[str, Any]]


def predict_blocks(
    predictor: Predictor, blocks: Blocks, folder: Path, on_block: OnBlock, threshold: float = THRESHOLD
) -> BatchPredictionResult:
    """Write the predictions for all rows into the folder as `result.parquet`; the threshold as in Predictor.describe.

    Raises InvalidInstances with row numbers.
    """
    parts_folder = folder / PARTS_FOLDER
    parts_folder.mkdir()
    done = _predict(predictor, blocks, parts_folder, on_block, threshold)
    path = join_parts(done.parts, folder)
    shutil.rmtree(parts_folder)
    on_block(done.rows, 1.0)
    return BatchPredictionResult(done.rows, path.stat().st_size, predictor.classes, done.warnings)


def predict_shard(
    predictor: Predictor, blocks: Blocks, folder: Path, on_block: OnBlock, threshold: float = THRESHOLD
) -> ShardResult:
    """Write the predictions for a shard's rows into the folder, in parts for `join_shards`.

    Raises InvalidInstances with row numbers.
    """
    done = _predict(predictor, blocks, folder, on_block, threshold)
    return ShardResult(done.rows, len(done.parts), predictor.classes, done.warnings)


def join_shards(folders: Iterable[Path], results: Sequence[ShardResult], folder: Path) -> BatchPredictionResult:
    """Join the predictions of shards, which are in `folders`, as if all blocks had been predicted by one process.

    Raises DamagedFile.
    """
    names = [
        (place, part_name(number)) for place, each in zip(folders, results, strict=True) for number in range(each.parts)
    ]
    for place, name in names:
        check_files(place, name)
    path = join_parts([place / name for place, name in names], folder)
    warnings = _join_warnings(results)
    return BatchPredictionResult(sum(each.rows for each in results), path.stat().st_size, results[0].classes, warnings)


def _join_warnings(results: Iterable[ShardResult]) -> list[dict[str, Any]]:
    """The first warnings; those about the whole file, which each shard has, once."""
    joined: list[dict[str, Any]] = []
    for warning in chain.from_iterable(each.warnings for each in results):
        if warning["row"] is not None or warning not in joined:
            joined.append(warning)
    return joined[:MAX_WARNINGS]


def _predict(predictor: Predictor, blocks: Blocks, folder: Path, on_block: OnBlock, threshold: float) -> _Predicted:
    writer = ResultWriter(folder, predictor, threshold)
    rows, warnings = 0, list[dict[str, Any]]()
    for block in blocks:
        try:
            writer.add(block, predictor.run_inputs(block.inputs))
        except InvalidInstances as error:
            raise renumber(error, block.rows) from error
        warnings += block.warnings[: MAX_WARNINGS - len(warnings)]
        rows += len(block.rows)
        on_block(rows, block.fraction)
    return _Predicted(rows, writer.finish(), warnings)
