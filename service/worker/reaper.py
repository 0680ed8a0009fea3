"""Puts jobs of crashed workers back into the queue, and sends hints again for jobs that wait.

Only this process's monotonic clock measures leases.
"""

import time
from collections.abc import Callable

import structlog

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Abandoned, Sighting

CHECKS_PER_LEASE = 5
MOST_REMINDERS = 100
"""The hints that a check sends again, at most. Only a queue of the broker that is empty gets any."""

log = structlog.get_logger()


class Reaper:
    """Watches all claimed jobs and puts back those whose lease isn't renewed for `lease_seconds`.

    `remove` removes the files of such an execution.
    """

    def __init__(
        self, context: Context, remove: Callable[[Abandoned], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._remove = remove
        self._clock = clock
        self._last_check = clock()
        self._ages: dict[Sighting, float] = {}

    @property
    def interval(self) -> float:
        """Seconds between two checks."""
        return self._context.settings.lease_seconds / CHECKS_PER_LEASE

    def check(self) -> None:
        """Record which leases were renewed since the last check, and put back jobs whose lease has expired."""
        now = self._clock()
        # If this process was suspended, the other workers may have been too: count at most two intervals.
        elapsed = min(now - self._last_check, 2 * self.interval)
        self._last_check = now
        seen = execution.sightings(self._context)
        self._ages = {sighting: self._ages[sighting] + elapsed if sighting in self._ages else 0.0 for sighting in seen}
        for sighting, age in self._ages.items():
            if age < self._context.settings.lease_seconds:
                continue
            abandoned = execution.reap(self._context, sighting)
            if abandoned is not None:
                origin = {} if sighting.origin is None else sighting.origin.describe()
                log.warning("job put back: its lease expired", job_id=sighting.job_id, token=sighting.token, **origin)
                self._remove(abandoned)
        self._remind()

    def _remind(self) -> None:
        """Send hints again that got lost, such as those of an api process that was killed after the commit."""
        broker = self._context.broker
        if broker is not None and broker.problem is None:
            broker.remind(execution.find_hints(self._context, self._context.settings.queues, MOST_REMINDERS))
