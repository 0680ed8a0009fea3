"""How an execution ends."""

from collections.abc import Callable

from service import statuses
from service.operations.jobs import lifecycle as execution


class Conclusion:
    """What records how an execution ends, and with which details."""

    def __init__(self, record: Callable[..., None], *details: object) -> None:
        """`record` is called with the context, the lease and the details."""
        self.record = record
        self.details = details

    @property
    def failure(self) -> dict[str, object] | None:
        """The job's error, if this fails it."""
        return next((each for each in self.details if self.record is execution.fail and isinstance(each, dict)), None)

    @property
    def found_no_room(self) -> bool:
        """Whether the job fails because its files couldn't be written."""
        return self.failure is not None and self.details[-1] in statuses.DISK_REASONS
