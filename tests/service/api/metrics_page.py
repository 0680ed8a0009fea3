"""Reads the metrics of a service with the parsers of Prometheus' own client."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.service.api.api_client import ApiClient

OPENMETRICS = "application/openmetrics-text"


class Page:
    """The metrics at one moment."""

    def __init__(self, text: str, *, is_openmetrics: bool = False) -> None:
        self.families: dict[str, Metric] = {
            family.name: family for family in (parse_openmetrics if is_openmetrics else parse_text)(text)
        }

    def samples(self, name: str, **labels: Any) -> Iterator[tuple[dict[str, str], float]]:
        """The labels and the values of the samples with this name and these labels."""
        wanted = {key: str(value) for key, value in labels.items()}.items()
        for family in self.families.values():
            for sample in family.samples:
                if sample.name == name and wanted <= sample.labels.items():
                    yield sample.labels, sample.value

    def value(self, name: str, **labels: Any) -> float:
        """The sum of these samples; 0 if there are none."""
        return sum(value for _, value in self.samples(name, **labels))


def read_page(api: ApiClient) -> Page:
    return Page(api.send("GET", "/metrics", 200).text)
