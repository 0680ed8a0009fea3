"""docs/metrics.md, the alert rules and the dashboard name exactly what the service shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
import yaml

from tests.service.api.api_client import ApiClient
from tests.service.api.metrics_page import Page, read_page

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "fitserve.json"
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
ROW = re.compile(r"^\| `(fitserve_[a-z_]+)` \| (\w+) \| (.*?) \| (.*) \|$", re.MULTILINE)
LABEL = re.compile(r"{{ *(?:\$labels\.)?([a-z_]+) *}}")
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$project": ".*"}
OF_PROMETHEUS = {"job", "instance"}
"""The labels that Prometheus adds to each sample."""
OF_TYPES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


class Shown(NamedTuple):
    """What the service shows: the labels of each sample's name, and the documentation's row of each family."""

    labels: dict[str, set[str]]
    rows: dict[str, tuple[str, frozenset[str], str]]


@pytest.fixture
def shown(trained: ApiClient) -> Shown:
    trained.post("/v1/models/line/predictions", {"instances": [[1]]}, 200)
    page: Page = read_page(trained)
    labels, rows = {"up": set[str]()}, {}
    for family in page.families.values():
        for suffix in OF_TYPES[family.type]:
            labels[family.name + suffix] = {name for sample in family.samples for name in sample.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        names = {name for sample in family.samples for name in sample.labels} - {"le"}
        rows[name] = (family.type, frozenset(names), family.documentation)
    # a request was refused in no test before this one, perhaps
    labels["fitserve_refusals_total"] |= {"code"}
    rows["fitserve_refusals_total"] = ("counter", frozenset({"code"}), rows["fitserve_refusals_total"][2])
    return Shown(labels, rows)


def test_every_metric_is_documented_with_its_type_labels_and_meaning(shown: Shown) -> None:
    documented = {
        name: (type_, frozenset(re.findall(r"`([a-z_]+)`", labels)), meaning)
        for name, type_, labels, meaning in ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    }
    assert documented == shown.rows


def test_alerts_are_complete_and_name_what_is_shown(shown: Shown) -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) > 10
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}
        assert notes["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert f"#### {rule['alert']}\n" in RUNBOOK, "the page has no paragraph for it"
        check(rule["expr"], notes["summary"] + notes["description"], shown)


def test_the_dashboard_shows_what_is_shown(shown: Shown) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Traffic", "Predictions", "Jobs", "Resources",
    ]  # fmt: skip
    assert len({panel["id"] for panel in panels}) == len(panels)
    targets = [target for panel in panels for target in panel.get("targets", ())]
    assert len(targets) > 20
    for target in targets:
        check(target["expr"], target["legendFormat"], shown)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.findall(r"[a-z_]+", variable["definition"].removeprefix("label_values"))
            assert label in shown.labels[metric] | OF_PROMETHEUS


def test_a_wrong_name_would_be_noticed(shown: Shown) -> None:
    for wrong in ("fitserve_job", 'fitserve_jobs{state="failed"}', "sum by (queue) (fitserve_jobs)"):
        with pytest.raises(AssertionError):
            check(wrong, "", shown)


def check(expression: str, text: str, shown: Shown) -> None:
    """Check that an expression is valid, and that it and a text with labels name what the service shows."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    parsed = list(_nodes(promql_parser.parse(expression)))
    selectors = [node for node in parsed if isinstance(node, promql_parser.VectorSelector)]
    assert selectors
    known = set(OF_PROMETHEUS)
    for selector in selectors:
        assert selector.name in shown.labels, expression
        labels = shown.labels[selector.name] | OF_PROMETHEUS
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels, expression
        known |= labels
    for node in parsed:
        assert set(_grouping(node)) <= known, expression
    assert set(LABEL.findall(text)) <= known, text


def _nodes(expression: promql_parser.Expr) -> Iterator[Any]:
    found: list[Any] = []
    promql_parser.walk(expression, lambda node: found.append(node))
    for node in found:
        yield node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node


def _grouping(node: Any) -> list[str]:
    modifier = getattr(node, "modifier", None)
    matching = getattr(modifier, "matching", modifier)
    return [] if matching is None else list(matching.labels)
