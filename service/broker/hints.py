"""Hints: messages that there may be a job to claim. The job's row decides, so a hint may get lost or come twice."""

from dataclasses import dataclass

TASK = "fitserve.claim"
"""The name of the Celery task that a hint runs. Its arguments are the kind and the id of the job."""
HINT_SECONDS = 300
"""How long a hint is valid. The clocks of the hosts may differ by as much."""


@dataclass(frozen=True)
class Hint:
    """That workers which offer this queue may find a job of this kind."""

    queue: str
    kind: str
    job_id: str

    @property
    def address(self) -> str:
        """The name of the broker's queue."""
        return name_address(self.queue, self.kind)


def name_address(queue: str, kind: str) -> str:
    """The name of the broker's queue for jobs of a kind and a queue.

    Each kind has slots of its own, so a worker must be able to leave the hints of a kind to others.
    """
    return f"fitserve.{queue}.{kind}"
