"""The task of a batch prediction: it predicts the rows of a dataset or a file and writes a Parquet file."""

from pathlib import Path

from models.batches.blocks import Blocks
from models.batches.dataset_rows import read_dataset
from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.datasets import Dataset
from models.files.sums import check_files
from models.jobs.assignment import Phase
from models.jobs.batch_prediction import BatchPredictionAssignment, BatchPredictionResult
from models.predictor import Predictor
from models.preprocessing import fit_to_dataset
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter


def run(assignment: BatchPredictionAssignment, folder: Path, channel: Channel) -> BatchPredictionResult:
    """Predict the rows of the assignment's dataset (of a split, or all) or file with its version.

    Raises DamagedFile, InvalidData, InvalidInstances.
    """
    channel.phase(Phase.PREDICT)
    reporter = Reporter(channel)
    predictor = Predictor.load(assignment.version, assignment.runtime.threads)
    rows = _count_rows(assignment)
    return predict_blocks(
        predictor,
        _read_blocks(assignment, predictor, folder),
        folder,
        lambda done, fraction: reporter.report(done, rows, fraction),
        assignment.threshold,
    )


def _read_blocks(assignment: BatchPredictionAssignment, predictor: Predictor, folder: Path) -> Blocks:
    if assignment.dataset is not None:
        dataset = Dataset.open(assignment.dataset)
        return read_dataset(dataset, assignment.split, fit_to_dataset(predictor.preprocessing, dataset))
    assert assignment.file is not None
    check_files(assignment.file.parent, assignment.file.name)
    return read_file(
        assignment.file, assignment.file_name, predictor.preprocessing, assignment.limits, folder,
        ignores_extra=assignment.ignores_extra,
    )  # fmt: skip


def _count_rows(assignment: BatchPredictionAssignment) -> int | None:
    """The number of rows; None for a file, whose rows aren't counted in advance."""
    if assignment.dataset is None:
        return None
    descriptor, split = Dataset.open(assignment.dataset).descriptor, assignment.split
    return descriptor.rows if split is None else descriptor.splits[split]
