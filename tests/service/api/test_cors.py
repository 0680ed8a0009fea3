"""Pages of other origins may use the service where the operator allows theirs."""

from dataclasses import replace

import pytest

from service.context import Context
from tests.journeys.specs import LINE_DATASET
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys
from tests.service.api.shared_routes import make_front

ALLOWED, OTHER = "https://lab.example", "https://evil.example"


@pytest.fixture
def lab(context: Context) -> ApiClient:
    """A client of a service that pages of one origin may use."""
    settings = replace(context.settings, cors_origins=f"https://first.example, {ALLOWED}")
    return ApiClient(FrontClient(make_front(replace(context, settings=settings))))


def test_a_page_of_an_allowed_origin_may_ask_and_read_the_headers(lab: ApiClient) -> None:
    preflight = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    answer = lab.send("OPTIONS", "/v1/datasets", 200, headers=preflight)
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    created = lab.send("POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Origin": ALLOWED, "Prefer": "wait=0"})
    assert created.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "Location" in created.headers["Access-Control-Expose-Headers"]


def test_a_page_of_another_origin_is_refused(lab: ApiClient) -> None:
    refused = lab.send("POST", "/v1/datasets", 403, json=LINE_DATASET, headers={"Origin": OTHER})
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Origin" not in lab.send("GET", "/v1/datasets", 200, headers={"Origin": OTHER}).headers


def test_a_page_of_an_allowed_origin_may_send_a_key_and_learns_that_it_needs_one(lab: ApiClient) -> None:
    of = Keys(lab)
    names = "authorization,fitserve-project"
    wanted = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": names}
    answer = lab.send("OPTIONS", "/v1/models", 200, headers={"Origin": ALLOWED} | wanted)
    assert answer.headers["Access-Control-Allow-Headers"] == names
    refused = lab.send("GET", "/v1/models", 401, headers={"Origin": ALLOWED})
    assert refused.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "WWW-Authenticate" in refused.headers["Access-Control-Expose-Headers"]
    of.send(of.admin, "GET", "/v1/models", 200, headers={"Origin": ALLOWED})


def test_a_key_does_not_let_pages_of_other_origins_in(lab: ApiClient) -> None:
    of = Keys(lab)
    preflight = {"Origin": OTHER, "Access-Control-Request-Method": "GET"}
    refused = lab.http.open("/v1/models", method="OPTIONS", headers=preflight)
    assert refused.status_code == 400
    assert "Access-Control-Allow-Origin" not in refused.headers
    of.send(of.admin, "POST", "/v1/datasets", 403, json=LINE_DATASET, headers={"Origin": OTHER})


def test_a_request_for_options_without_an_origin_is_no_question_of_a_page(lab: ApiClient) -> None:
    answer = lab.send("OPTIONS", "/v1/models", 200, headers={"Access-Control-Request-Method": "POST"})
    assert "POST" in answer.headers["Allow"]
    assert "Access-Control-Allow-Methods" not in answer.headers


def test_without_allowed_origins_nothing_is_said_of_them(api: ApiClient) -> None:
    assert (
        "Access-Control-Allow-Origin" not in api.send("GET", "/v1/datasets", 200, headers={"Origin": ALLOWED}).headers
    )
