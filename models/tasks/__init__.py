"""What a job's process does; one module a kind of job, found by the assignment.

A task is given an assignment (models/jobs), an empty folder for what it makes, and a channel to report through. It
returns its result, or why it has none, or raises a ModelsError. Importing most of these modules imports TensorFlow.
"""

import importlib
from pathlib import Path

from models.documents import Document
from models.jobs.assignment import Assignment, Unfinished
from models.tasks.channel import Channel


def run(assignment: Assignment, folder: Path, channel: Channel) -> Document | Unfinished:
    """Do the assignment's task."""
    module, _, function = assignment.task.partition(":")
    outcome: Document | Unfinished = getattr(importlib.import_module(module), function)(assignment, folder, channel)
    return outcome
