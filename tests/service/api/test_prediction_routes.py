"""Every prediction is answered by the front: Flask has the routes for the documentation alone."""

from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from service.api.contract.openapi import PATH
from service.api.http.dialect_paths import as_routed
from service.api.inference.endpoints import Endpoints
from service.callers import DEFAULT_PROJECT
from service.context import Context
from service.operations.inference.predictions import Target, Wanted, WantedSnapshot
from tests.service.api.api_client import ApiClient
from tests.service.api.shared_routes import make_app

ENDS = ("/predictions", ":predict", ":classify", ":regress", "/infer")
NAMES = (
    "line",
    "ResNet50",
    "a.b",
    "..",
    "stats",
    "versions",
    "predictions",
    "x" * 200,
    "%C3%BC",
    "%FF",
    "a%20b",
    "a%0A",
    "a%00",
    "a%2Fb",
    "a%3Ab",
    "a%3Fb",
    "a;b",
    "",
)
"""Names as paths have them, of which few belong to models."""
EPOCHS = ("1", "latest", "best", "0", "01", "999999999", "1000000000", "-1", "Latest", "worst", "1%0A", "")
VERSIONS = ("1", "0", "01", "999999999", "1000000000", "9" * 4000, "9" * 4001, "-1", "1.0", "%D9%A1", "1%0A", "one", "")
BEHIND = ("", "/", "//", "%0A", "x")


def documented() -> list[str]:
    """The paths that openapi.yaml has for predictions."""
    paths = yaml.load(PATH.read_text(encoding="utf-8"), yaml.CSafeLoader)["paths"]
    return [path for path, item in paths.items() if "post" in item and path.endswith(ENDS)]


def fill(template: str) -> Iterator[str]:
    """Paths of an operation, most of them odd."""
    if "{epoch}" in template:
        for name, epoch, behind in product(NAMES, EPOCHS, BEHIND):
            yield template.format(job_id=name, epoch=epoch) + behind
        return
    for name, version, behind in product(NAMES, VERSIONS, BEHIND):
        if version == "1" or "{version}" in template:
            yield template.format(name=name, version=version, label=name) + behind


@pytest.fixture
def flask_routes(context: Context) -> MapAdapter:
    return make_app(context).url_map.bind("")


def find_in_flask(routes: MapAdapter, path: str) -> Target | None:
    """What Flask would take a POST to be for, if it were for a prediction."""
    try:
        rule, arguments = routes.match(path, "POST", return_rule=True)
    except HTTPException:
        return None
    if not rule.rule.endswith(ENDS):
        return None
    if "epoch" in arguments:
        return WantedSnapshot(DEFAULT_PROJECT, arguments["job_id"], arguments["epoch"])
    return Wanted(DEFAULT_PROJECT, arguments["name"], arguments.get("version"), arguments.get("label"))


def test_openapi_has_each_prediction_by_model_version_label_and_snapshot() -> None:
    assert len(documented()) == 4 * 3 + 2 + 1


@pytest.mark.parametrize("template", documented())
def test_the_front_finds_exactly_what_flask_would(template: str, flask_routes: MapAdapter) -> None:
    endpoints = Endpoints(100)
    found = 0
    for path in map(unquote, fill(template)):
        endpoint = endpoints.find(DEFAULT_PROJECT, path)
        assert (endpoint and endpoint.wanted) == find_in_flask(flask_routes, path), ascii(path)
        found += endpoint is not None
    assert found > 5


@pytest.mark.parametrize("template", documented())
def test_no_prediction_gets_as_far_as_flasks_routes(template: str, trained: ApiClient) -> None:
    for path in fill(template):
        response = trained.http.post(path, json={}, buffered=True)
        assert 400 <= response.status_code < 500, ascii(path)


def test_fixed_parts_in_upper_case_are_found_too(flask_routes: MapAdapter) -> None:
    for path in ("/V1/Models/Line:Predict", "/v1/MODELS/Line/Versions/1:CLASSIFY", "/v1/models/Line/LABELS/A:regress"):
        endpoint = Endpoints(100).find(DEFAULT_PROJECT, as_routed(path))
        assert endpoint is not None
        assert isinstance(endpoint.wanted, Wanted)
        assert endpoint.wanted.model == "Line"
        assert endpoint.wanted == find_in_flask(flask_routes, as_routed(path))


@pytest.mark.parametrize("template", documented())
def test_other_methods_are_refused_with_the_one_that_is_possible(template: str, api: ApiClient) -> None:
    path = template.format(name="line", version=1, label="live", job_id="tj_0", epoch="best")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response: Any = api.http.open(path, method=method)
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("template", documented())
def test_flask_itself_answers_no_prediction(template: str, context: Context) -> None:
    path = template.format(name="line", version=1, label="live", job_id="tj_0", epoch="best")
    assert make_app(context).test_client().post(path, json={}).status_code == 500
