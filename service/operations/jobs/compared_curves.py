"""A metric of several training jobs, on the epochs that they share as far as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.context import Context
from service.operations.jobs.kinds.training import choose_evenly
from service.storage import jobs

MOST_EPOCHS = 240
"""How many epochs are compared at most. Every job has its first and its last one among them."""


@dataclass(frozen=True)
class ComparedCurves:
    """The values of a metric at `epochs`, for each job; None where a job has no such epoch, or no finite value."""

    epochs: list[int]
    values: list[list[float | None]]
    is_thinned: bool
    """Whether jobs have more epochs than these."""


def read(context: Context, job_ids: Sequence[str], metric: str) -> ComparedCurves:
    """The curves of a metric, in the order of the jobs. Jobs that don't exist have no values."""
    with context.database.read() as session:
        lengths = set(jobs.last_epochs(session, job_ids).values())
        epochs = _choose_epochs(lengths)
        found = jobs.epochs_of_all(session, job_ids, epochs)
    is_thinned = bool(lengths) and len(epochs) < max(lengths)
    return ComparedCurves(epochs, [_align(found[job_id], epochs, metric) for job_id in job_ids], is_thinned)


def _choose_epochs(lengths: set[int]) -> list[int]:
    """Evenly spaced epochs of each length."""
    share = max(2, MOST_EPOCHS // max(1, len(lengths)))
    return sorted({epoch for length in lengths for epoch in choose_evenly(range(1, length + 1), share)})


def _align(found: list[dict[str, Any]], epochs: list[int], metric: str) -> list[float | None]:
    by_epoch = {data["epoch"]: data.get(metric) for data in found}
    return [by_epoch.get(epoch) for epoch in epochs]
