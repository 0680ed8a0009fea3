"""Predicts blocks of rows and writes the predictions into a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.batches.blocks import Blocks, renumber
from models.batches.results import ResultWriter
from models.errors import InvalidInstances
from models.jobs.batch_prediction import BatchPredictionResult
from models.predictor import Predictor
from models.preprocessing.table_input import MAX_WARNINGS
from models.spec import THRESHOLD


def predict_blocks(
    predictor: Predictor,
    blocks: Blocks,
    folder: Path,
    on_block: Callable[[int, float], None],
    threshold: float = THRESHOLD,
) -> BatchPredictionResult:
    """Write the predictions for all rows into the folder as `result.parquet`; the threshold as in Predictor.describe.

    Calls `on_block` with the number of rows done and the fraction of the work. Raises InvalidInstances with row
    numbers.
    """
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
    path = writer.finish()
    on_block(rows, 1.0)
    return BatchPredictionResult(rows, path.stat().st_size, predictor.classes, warnings)
