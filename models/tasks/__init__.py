"""What a job's process does: import a dataset, build, train or evaluate a network, predict for many rows.

Importing this imports TensorFlow.

A task is given an assignment (JSON), an empty folder for what it makes, and a channel to report through. It returns
its result as JSON, or raises a ModelsError.
"""

from pathlib import Path
from typing import Any

from models.tasks import batch_prediction, build, evaluation, imports, training
from models.tasks.channel import Channel

TASKS = {
    "import": imports.run,
    "build": build.run,
    "training": training.run,
    "evaluation": evaluation.run,
    "batch_prediction": batch_prediction.run,
}


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Do what the assignment's `kind` says."""
    return TASKS[assignment["kind"]](assignment, folder, channel)
