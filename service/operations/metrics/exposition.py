"""The text formats of Prometheus."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class Format:
    """A text format."""

    media_type: str
    parameters: str
    write: Callable[[Collector], bytes]

    @property
    def content_type(self) -> str:
        return f"{self.media_type}; {self.parameters}; charset=utf-8"


# All names are valid in the legacy character set, so nothing is escaped, and not escaping them is much faster.
TEXT = Format("text/plain", "version=0.0.4", lambda collector: generate_latest(collector, ALLOWUTF8))
OPENMETRICS = Format(
    "application/openmetrics-text", "version=1.0.0", lambda collector: generate_openmetrics(collector, ALLOWUTF8)
)
FORMATS = (TEXT, OPENMETRICS)
"""The first is the default."""
