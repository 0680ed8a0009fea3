"""The task of a batch prediction: it predicts the rows of a dataset or a file, or divides them into shards."""

from collections.abc import Iterator
from pathlib import Path

from models.batches.blocks import Blocks, count_rows
from models.batches.dataset_rows import read_dataset
from models.batches.files import find_blocks, read_file
from models.batches.predicting import predict_blocks, predict_shard
from models.batches.shards import Place, count_places, make_shards
from models.datasets import Dataset
from models.errors import InvalidData, InvalidInstances
from models.files.sums import check_files
from models.jobs.assignment import Phase
from models.jobs.batch_prediction import (
    BatchPredictionAssignment,
    BatchPredictionResult,
    BatchShards,
    Shard,
    ShardResult,
)
from models.predictor import Predictor
from models.preprocessing import Preprocessing, fit_to_dataset
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter


def run(
    assignment: BatchPredictionAssignment, folder: Path, channel: Channel
) -> BatchPredictionResult | BatchShards | ShardResult:
    """Predict the rows of the assignment's dataset (of a split, or all) or file with its version; those of the shard if
    it names one. With more than `shard_rows` rows, if they can be divided, it predicts none and returns shards.

    Raises DamagedFile, InvalidData, InvalidInstances.
    """
    channel.phase(Phase.PREDICT)
    predictor = Predictor.load(assignment.version, assignment.runtime.threads)
    if assignment.file is not None:
        check_files(assignment.file.parent, assignment.file.name)
    shards = _find_shards(assignment, predictor.preprocessing, folder, Reporter(channel))
    if len(shards) > 1:
        return BatchShards(shards)
    reporter, rows = Reporter(channel), _count_rows(assignment)
    predict = predict_blocks if assignment.shard is None else predict_shard
    return predict(
        predictor,
        _read_blocks(assignment, predictor, folder),
        folder,
        lambda done, fraction: reporter.report(done, rows, fraction),
        assignment.threshold,
    )


def _find_shards(
    assignment: BatchPredictionAssignment, preprocessing: Preprocessing, folder: Path, reporter: Reporter
) -> list[Shard]:
    """The shards; none if the rows can't be divided, or can't all be predicted: then the job fails as if there were
    no shards."""
    if not assignment.shard_rows:
        return []
    places = []
    try:
        for place in _find_blocks(assignment, preprocessing, folder):
            places.append(place)
            reporter.report(0, None, 0.0)
    except (InvalidData, InvalidInstances):
        return []
    if assignment.file is not None and places and places[-1].rows > assignment.limits.rows:
        return []
    return make_shards(places, assignment.shard_rows)


def _find_blocks(assignment: BatchPredictionAssignment, preprocessing: Preprocessing, folder: Path) -> Iterator[Place]:
    if assignment.dataset is not None:
        fitted = fit_to_dataset(preprocessing, Dataset.open(assignment.dataset))
        return count_places(_count_rows(assignment) or 0, count_rows(fitted))
    assert assignment.file is not None
    return find_blocks(
        assignment.file, assignment.file_name, preprocessing, assignment.limits, folder,
        ignores_extra=assignment.ignores_extra,
    )  # fmt: skip


def _read_blocks(assignment: BatchPredictionAssignment, predictor: Predictor, folder: Path) -> Blocks:
    if assignment.dataset is not None:
        dataset = Dataset.open(assignment.dataset)
        preprocessing = fit_to_dataset(predictor.preprocessing, dataset)
        return read_dataset(dataset, assignment.split, preprocessing, assignment.shard)
    assert assignment.file is not None
    return read_file(
        assignment.file, assignment.file_name, predictor.preprocessing, assignment.limits, folder,
        ignores_extra=assignment.ignores_extra, shard=assignment.shard,
    )  # fmt: skip


def _count_rows(assignment: BatchPredictionAssignment) -> int | None:
    """The number of rows; None for a whole file, whose rows aren't counted in advance."""
    if assignment.shard is not None:
        return assignment.shard.rows
    if assignment.dataset is None:
        return None
    descriptor, split = Dataset.open(assignment.dataset).descriptor, assignment.split
    return descriptor.rows if split is None else descriptor.splits[split]
