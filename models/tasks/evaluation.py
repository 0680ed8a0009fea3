"""The task that evaluates: a version and a dataset's split in, the figures out."""

import time
from pathlib import Path
from typing import Any

from models.datasets import Dataset
from models.evaluation import evaluate_split
from models.limits import Limits
from models.tasks.channel import Channel
from models.training.threads import configure_threads
from models.training.vocabulary import check_split
from models.versions import load_version

REPORT_SECONDS = 0.2


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Evaluate the assignment's `version` on the `split` of its `dataset`; the result is that of API.md.

    Raises IncompleteVersion, InvalidData.
    """
    configure_threads(assignment["runtime"]["threads"])
    trained = load_version(Path(assignment["version"]), Limits(**assignment["limits"]))
    dataset = Dataset.open(Path(assignment["dataset"]))
    check_split(trained.spec, trained.preprocessing, dataset.split(assignment["split"]), folder)
    return evaluate_split(trained, dataset, assignment["split"], folder, _Reporter(channel).on_batch).to_document()


class _Reporter:
    """Tells the channel how far the evaluation is, at most five times a second."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reported_at = -float("inf")
        self._first: float | None = None

    def on_batch(self, step: int, steps: int) -> None:
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        if now - self._reported_at < REPORT_SECONDS and step < steps:
            return
        self._reported_at = now
        eta = (now - self._first) / (step - 1) * (steps - step) if step > 1 else None
        progress = {"step": step, "steps": steps, "fraction": step / steps, "eta_seconds": eta}
        self._channel.progress(progress)
