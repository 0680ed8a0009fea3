"""Putting jobs back whose worker is gone, judged by this process's own monotonic clock alone."""

import time
from collections.abc import Callable

import structlog

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Sighting

LOOKS_PER_LEASE = 5

log = structlog.get_logger()


class Reaper:
    """Watches all claimed jobs; one whose lease goes unrenewed for `lease_seconds` is put back."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._last_look = clock()
        self._ages: dict[Sighting, float] = {}

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return self._context.settings.lease_seconds / LOOKS_PER_LEASE

    def look(self) -> None:
        """Note what changed since the last look, and put back what hasn't for too long."""
        now = self._clock()
        # While this process itself stood still it saw nothing: the other workers may have stood still as well.
        elapsed = min(now - self._last_look, 2 * self.interval)
        self._last_look = now
        seen = execution.sightings(self._context)
        self._ages = {sighting: self._ages[sighting] + elapsed if sighting in self._ages else 0.0 for sighting in seen}
        for sighting, age in self._ages.items():
            if age >= self._context.settings.lease_seconds and execution.reap(self._context, sighting):
                log.warning("job put back, its worker is gone", job_id=sighting.job_id, token=sighting.token)
