"""The task that predicts for many rows: a version and a dataset or a file in, a Parquet file out."""

from pathlib import Path
from typing import Any

from models.batches.blocks import Blocks
from models.batches.dataset_rows import read_dataset
from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.datasets import Dataset
from models.limits import Limits
from models.predictor import Predictor
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Predict with the assignment's `version` for the rows of its `dataset` (of a `split`, or all), or of its `file`.

    The result is that of models.batches.predicting. Raises DamagedNetwork, InvalidData, InvalidInstances.
    """
    limits, reporter = Limits(**assignment["limits"]), Reporter(channel)
    predictor = Predictor.load(Path(assignment["version"]), assignment["runtime"]["threads"], limits.pixels)
    rows = _count_rows(assignment)
    return predict_blocks(
        predictor,
        _read_blocks(assignment, predictor, limits, folder),
        folder,
        lambda done, fraction: reporter.tell(done, rows, fraction),
    )


def _read_blocks(assignment: dict[str, Any], predictor: Predictor, limits: Limits, folder: Path) -> Blocks:
    if assignment["dataset"] is not None:
        dataset = Dataset.open(Path(assignment["dataset"]))
        return read_dataset(dataset, assignment["split"], predictor.preprocessing)
    file = assignment["file"]
    return read_file(Path(file["path"]), file["name"], predictor.preprocessing, limits, folder)


def _count_rows(assignment: dict[str, Any]) -> int | None:
    """How many rows there are; None for a file, which isn't counted beforehand."""
    if assignment["dataset"] is None:
        return None
    descriptor, split = Dataset.open(Path(assignment["dataset"])).descriptor, assignment["split"]
    rows: int = descriptor["rows"] if split is None else descriptor["splits"][split]
    return rows
