"""The task that predicts for many rows: a version and a dataset or a file in, a Parquet file out."""

from pathlib import Path

from models.batches.blocks import Blocks
from models.batches.dataset_rows import read_dataset
from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.datasets import Dataset
from models.jobs.batch_prediction import BatchPredictionAssignment, BatchPredictionResult
from models.predictor import Predictor
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter


def run(assignment: BatchPredictionAssignment, folder: Path, channel: Channel) -> BatchPredictionResult:
    """Predict with the assignment's version for the rows of its dataset (of a split, or all), or of its file.

    Raises DamagedNetwork, InvalidData, InvalidInstances.
    """
    reporter = Reporter(channel)
    predictor = Predictor.load(assignment.version, assignment.runtime.threads, assignment.limits.pixels)
    rows = _count_rows(assignment)
    return predict_blocks(
        predictor,
        _read_blocks(assignment, predictor, folder),
        folder,
        lambda done, fraction: reporter.tell(done, rows, fraction),
    )


def _read_blocks(assignment: BatchPredictionAssignment, predictor: Predictor, folder: Path) -> Blocks:
    if assignment.dataset is not None:
        return read_dataset(Dataset.open(assignment.dataset), assignment.split, predictor.preprocessing)
    assert assignment.file is not None
    return read_file(assignment.file, assignment.file_name, predictor.preprocessing, assignment.limits, folder)


def _count_rows(assignment: BatchPredictionAssignment) -> int | None:
    """How many rows there are; None for a file, which isn't counted beforehand."""
    if assignment.dataset is None:
        return None
    descriptor, split = Dataset.open(assignment.dataset).descriptor, assignment.split
    rows: int = descriptor["rows"] if split is None else descriptor["splits"][split]
    return rows
