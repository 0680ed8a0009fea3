"""A route that is going away says so in every answer and in the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.problems import FailureSchema
from service.api.deprecation import deprecated
from service.api.http.paging import ByTime
from service.errors import NotFound
from service.storage.paging import Page, PageQuery
from tests.service.api.api_client import ApiClient

SINCE, SUNSET = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def old(app: Flask) -> ApiClient:
    """A client of an app with routes that are deprecated."""
    blueprint = Blueprint("old", __name__)

    @blueprint.get("/v1/old/<name>")
    @deprecated(SINCE, sunset=SUNSET, successor="/v1/new", notes="/docs/old")
    @blueprint.resource(FailureSchema)
    def get_old(name: str) -> Any:
        if name != "there":
            raise NotFound("It is gone.")
        return {"title": "old"}

    @blueprint.get("/v1/old")
    @deprecated(SINCE)
    @blueprint.lists(FailureSchema)
    @blueprint.query(ByTime)
    def list_old(query: PageQuery) -> Page[Any]:
        return Page([{"title": "old"}], "next")

    (api,) = (known["ext_obj"] for known in app.extensions["flask-smorest"]["apis"].values())
    api.register_blueprint(blueprint)
    return ApiClient(app.test_client())


@pytest.mark.parametrize(("path", "status"), [("/v1/old/there", 200), ("/v1/old/gone", 404)])
def test_answers_and_errors_carry_the_headers(old: ApiClient, path: str, status: int) -> None:
    headers = old.send("GET", path, status).headers
    assert headers["Deprecation"] == "@1798761600"
    assert headers["Sunset"] == "Thu, 01 Jul 2027 12:00:00 GMT"
    assert headers.getlist("Link") == ['</v1/new>; rel="successor-version"', '</docs/old>; rel="deprecation"']


def test_the_link_of_a_list_stays(old: ApiClient) -> None:
    headers = old.send("GET", "/v1/old", 200).headers
    assert headers["Deprecation"] == "@1798761600"
    assert "Sunset" not in headers
    assert headers["Link"].endswith('rel="next"')
    assert "Deprecation" not in old.send("GET", "/v1/models", 200).headers


def test_the_document_says_it(old: ApiClient) -> None:
    paths = old.get("/openapi.json")["paths"]
    operation = paths["/v1/old/{name}"]["get"]
    assert operation["deprecated"]
    assert operation["operationId"] == "get_old"
    assert {"Deprecation", "Sunset"} <= set(operation["responses"]["200"]["headers"])
    assert "deprecated" not in paths["/v1/models"]["get"]


@pytest.mark.parametrize("moments", [(datetime(2027, 1, 1), None), (SUNSET, SINCE)])
def test_a_deprecation_that_makes_no_sense_is_refused(moments: tuple[datetime, datetime | None]) -> None:
    since, sunset = moments
    with pytest.raises(ValueError, match="deprecation"):
        deprecated(since, sunset=sunset)
