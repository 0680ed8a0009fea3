"""The tasks that child processes run, one module for each kind of job. The assignment names its task.

A task gets an assignment (models/jobs), an empty folder for its files, and a channel for its reports. It returns its
result or the reason why it has none, or raises a ModelsError. Importing most of these modules imports TensorFlow.
"""

import importlib
from pathlib import Path

from models.documents import Document
from models.jobs.assignment import Assignment, Unfinished
from models.tasks.channel import Channel


def run(assignment: Assignment, folder: Path, channel: Channel) -> Document | Unfinished:
    """Run the assignment's task."""
    module, _, function = assignment.task.partition(":")
    outcome: Document | Unfinished = getattr(importlib.import_module(module), function)(assignment, folder, channel)
    return outcome
