"""The api's log of requests: a line for each, or one line for many alike."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from service.config import Settings
from service.logs import mask_keys, mask_secrets

SUMMARY_SECONDS = 10.0
"""The time between the first of several requests and the line that summarizes them."""
MOST_GROUPS = 1000
"""Groups of requests that are alike, at most. One more, and the summaries are written at once."""
TENTHS = 10_000
"""Tenths of a millisecond in a second."""
FAILED, BROKEN = 400, 500
"""The lowest statuses of failed requests, and of those whose failure isn't the client's."""
ALL, ERRORS = "all", "errors"
"""Two of the values of FITSERVE_ACCESS_LOG; by default, predictions and probes are summarized unless they fail."""
NAMES = {logging.INFO: "info", logging.WARNING: "warning"}


class Group:
    """Successful requests with the same method, path and caller since the last summary."""

    __slots__ = ("bytes", "count", "times")

    def __init__(self) -> None:
        self.count = self.bytes = 0
        self.times: dict[int, int] = {}
        """How many requests took so many tenths of a millisecond."""

    def add(self, seconds: float, size: int) -> None:
        """Count a request that took `seconds`, and whose response has `size` bytes."""
        self.count += 1
        self.bytes += size
        tenths = int(seconds * TENTHS + 0.5)  # `round` is four times as slow
        self.times[tenths] = self.times.get(tenths, 0) + 1

    def percentile(self, percent: int) -> float:
        """The milliseconds within which `percent` of the requests were answered."""
        reached = 0
        for tenths in sorted(self.times):
            reached += self.times[tenths]
            if reached * 100 >= self.count * percent:
                break
        return tenths / 10


class AccessLog:
    """Writes the lines of one process in the format of all other lines, faster than structlog.

    Lines are buffered until `flush`: one write per request would take a tenth of a small prediction's time.
    """

    def __init__(self, settings: Settings, part: str) -> None:
        self._part = part
        self._is_json = settings.log_format == "json"
        self._least = logging.getLevelNamesMapping()[settings.log_level.upper()]
        self._summarizes_frequent = settings.access_log != ALL
        self._summarizes_others = settings.access_log == ERRORS
        self._lines: list[str] = []
        self._groups: dict[tuple[str, str, str | None, str | None], Group] = {}
        self._second, self._prefix = 0, ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to flush."""
        return not self._lines

    @property
    def is_counting(self) -> bool:
        """Whether there are requests to summarize."""
        return bool(self._groups)

    def summarizes(self, status: int, *, is_frequent: bool) -> bool:
        """Whether a request is only counted. `is_frequent`: it is a prediction or a probe."""
        return status < FAILED and (self._summarizes_frequent if is_frequent else self._summarizes_others)

    def count(self, method: str, path: str, key_id: str | None, project: str | None, seconds: float, size: int) -> None:
        """Count a request that took `seconds` for the next summary of its kind."""
        group = self._groups.get((method, path, key_id, project))
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                self.summarize()
            group = self._groups[method, path, key_id, project] = Group()
        group.add(seconds, size)

    def write(
        self,
        method: str,
        path: str,
        status: int,
        milliseconds: float,
        size: int,
        address: str,
        **others: str | None,
    ) -> None:
        """Add the line of a request that took `milliseconds` and whose response's body has `size` bytes.

        `others` are further members, such as `request_id`; those that are None are omitted.
        """
        level = logging.WARNING if status >= BROKEN else logging.INFO
        if level < self._least:
            return
        path = _printable(path)
        if self._is_json:
            members = {
                "part": self._part, "method": method, "path": path, "status": status, "milliseconds": milliseconds,
                "bytes": size, "address": address or None,
            }  # fmt: skip
            self._add_document(level, "request", members | others)
        else:
            self._add_text(
                level,
                "request",
                f"address={address or '-'} bytes={size} method={method} milliseconds={milliseconds} part={self._part} "
                f"path={path} status={status}{_pairs(others)}",
            )

    def summarize(self) -> None:
        """Add a line for each group of requests that were only counted."""
        groups, self._groups = self._groups, {}
        if self._least > logging.INFO:
            return
        for (method, path, key_id, project), group in groups.items():
            members = {
                "part": self._part, "method": method, "path": _printable(path), "count": group.count,
                "milliseconds_p50": group.percentile(50), "milliseconds_p99": group.percentile(99),
                "bytes": group.bytes, "key_id": key_id, "project": project,
            }  # fmt: skip
            if self._is_json:
                self._add_document(logging.INFO, "requests", members)
            else:
                self._add_text(logging.INFO, "requests", _pairs(members).lstrip())

    def _add_document(self, level: int, event: str, members: dict[str, Any]) -> None:
        name = NAMES[level]
        given = {member: value for member, value in members.items() if value is not None}
        line = orjson.dumps(given | {"event": event, "level": name, "timestamp": self._timestamp()}).decode()
        self._lines.append(mask_secrets(None, name, line) if "://" in line else mask_keys(line))

    def _add_text(self, level: int, event: str, pairs: str) -> None:
        name = NAMES[level]
        line = f"{self._timestamp()} [{name:<9}] {event:<30} {pairs}"
        self._lines.append(mask_secrets(None, name, line) if "://" in line else mask_keys(line))

    def flush(self) -> None:
        """Write the collected lines to standard error."""
        lines, self._lines = self._lines, []
        # A request must not fail because nobody reads the log, or its disk is full.
        with contextlib.suppress(OSError):
            sys.stderr.write("".join(f"{line}\n" for line in lines))

    def _timestamp(self) -> str:
        """The time in RFC 3339; the seconds are formatted once per second."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._prefix = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._prefix}.{int((now - second) * 1e6):06d}Z"


def _printable(path: str) -> str:
    """The path without spaces, which separate the members of a line, and other characters that would confuse it."""
    return path if path.isascii() and path.isprintable() and " " not in path else quote(path, safe="/:")


def _pairs(members: Mapping[str, object]) -> str:
    return "".join([f" {name}={value}" for name, value in members.items() if value is not None])
