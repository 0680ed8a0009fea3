"""The task that joins the predictions of a batch prediction's shards into one file."""

from pathlib import Path

from models.batches.predicting import join_shards
from models.jobs.assignment import Phase
from models.jobs.batch_prediction import BatchPredictionResult, JoinAssignment
from models.tasks.channel import Channel


def run(assignment: JoinAssignment, folder: Path, channel: Channel) -> BatchPredictionResult:
    """Join the files of the shards. Raises DamagedFile."""
    channel.phase(Phase.JOIN)
    return join_shards(assignment.folders, assignment.results, folder)
