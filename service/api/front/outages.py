"""What the rate limits do while the server that counts doesn't answer."""

import math
import time

import structlog

PAUSE_SECONDS = 1.0
"""How long no request is counted after the server didn't answer, so that not every request waits for it."""
LOG_SECONDS = 30.0
"""The time between two log lines about that at least."""

log = structlog.get_logger()


class Outages:
    """The outages of a server, which `name` names at the beginning of a sentence."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._paused_until = self._logged_at = -math.inf
        self._is_away = False

    @property
    def is_pausing(self) -> bool:
        """Whether requests aren't counted now."""
        return time.monotonic() < self._paused_until

    def begin(self, error: Exception) -> None:
        """Note that the server didn't answer."""
        now = time.monotonic()
        self._is_away, self._paused_until = True, now + PAUSE_SECONDS
        if now >= self._logged_at + LOG_SECONDS:
            self._logged_at = now
            reason = str(error) or type(error).__name__
            log.warning(f"{self._name} doesn't answer: rate limits don't apply", reason=reason)

    def end(self) -> None:
        """Note that the server answered."""
        if self._is_away:
            self._is_away = False
            log.info("rate limits apply again")
