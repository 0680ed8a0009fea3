"""Small bodies that would become too much are refused before they become it, in every protocol and format."""

import gzip
import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.errors import MOST_FAULTS
from service.context import Context
from tests.models.made_pictures import RED, picture
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

NATIVE, SERVING, OPEN = "/v1/models/line/predictions", "/v1/models/line:predict", "/v2/models/line/infer"
REGRESS = "/v1/models/line:regress"


def ask(rows: int, value: float = 0) -> dict[str, Any]:
    """A request of the Open Inference Protocol."""
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, 1], "data": [value] * rows}]}


def encode(body: Any) -> tuple[bytes, str]:
    """A body with its media type."""
    if isinstance(body, bytes):
        return body, "text/csv"
    if isinstance(body, dict):
        return json.dumps(body).encode(), "application/json"
    file = io.BytesIO()
    np.save(file, body)
    return file.getvalue(), "application/x-npy"


EXCESSIVE: tuple[tuple[str, Any, str], ...] = (
    (NATIVE, {"zz": [[]] * 1000}, "has more than 1,000 values, which is the limit"),
    (NATIVE, {"instances": [{}] * 1000}, "values"),
    (NATIVE, {"instances": ["x"] + [',,,\\",'] * 1000}, "values"),
    (NATIVE, {"instances": [0] * 1001}, "has more than 1,000 values"),
    (NATIVE, {"instances": [[0]] * 600}, "600 rows. A row of this model has 2 numbers"),
    (NATIVE, b"1\n" * 1001, "values"),
    (NATIVE, b"1\n" * 600, "the limit is 500 rows"),
    (NATIVE, np.zeros((600, 1), np.uint8), "the limit is 500 rows"),
    (SERVING, {"instances": [{}] * 1000}, "values"),
    (SERVING, {"inputs": [0] * 1001}, "values"),
    (SERVING, {"instances": [[0]] * 600 + [math.nan]}, "values"),
    (REGRESS, {"context": {"x": [0] * 90}, "examples": [{}] * 90}, "values"),
    (OPEN, {"outputs": [{}] * 1000, "inputs": []}, "values"),
    (OPEN, ask(1001), "values"),
    ("/v1/models", {"layers": [{}] * 300}, "has more than 500 values"),
    ("/v1/datasets", {"zz": [[]] * 1000}, "values"),
    ("/v2/repository/index", {"ready": [[]] * 300}, "has more than 500 values"),
)
"""Paths, bodies, and a part of the error."""


@pytest.fixture
def limited(trained: ApiClient, context: Context) -> Iterator[FrontClient]:
    """A client of an app with low limits."""
    settings = replace(
        context.settings,
        max_body_values=1000,
        max_document_values=500,
        max_prediction_numbers=1000,
        max_answer_bytes=4096,
        max_prediction_pixels=1000,
    )
    front = make_front(replace(context, settings=settings))
    yield FrontClient(front)
    front.close()


@pytest.mark.parametrize("compressed", [True, False])
def test_a_body_that_would_become_too_much_is_a_413(limited: FrontClient, compressed: bool) -> None:
    for path, body, says in EXCESSIVE:
        data, content_type = encode(body)
        headers = {"Content-Encoding": "gzip"} if compressed else {}
        data = gzip.compress(data) if compressed else data
        response = limited.post(path, data=data, content_type=content_type, headers=headers)
        assert response.status_code == 413, response.text
        assert response.json is not None
        assert says in response.json["error"]


def test_of_many_unknown_fields_only_the_first_ones_are_faults(limited: FrontClient) -> None:
    problem = limited.post("/v1/datasets", json={f"field{number}": 0 for number in range(400)}).json
    assert problem is not None
    assert problem["status"] == 422
    assert len(problem["errors"]) == MOST_FAULTS
    unknown = {error["pointer"] for error in problem["errors"] if error["pointer"].startswith("#/field")}
    assert unknown <= {f"#/field{number}" for number in range(MOST_FAULTS)}


def test_commas_within_texts_are_no_values(limited: FrontClient) -> None:
    answer = limited.post(NATIVE, json={"instances": ["," * 5000, '\\",' * 3000, "[{" * 5000]})
    assert answer.status_code == 422


def test_the_largest_request_that_is_allowed_is_answered(limited: FrontClient) -> None:
    for path, member in ((NATIVE, "instances"), (SERVING, "inputs")):
        answer = limited.post(path, json={member: [[1]] * 200})
        assert answer.status_code == 200
    assert limited.post(OPEN, json=ask(500)).status_code == 200
    refused = limited.post(OPEN, json=ask(501))
    assert refused.status_code == 400
    assert refused.json == {"error": "inference request batch-size must be <= 500 for 'line'"}


def test_a_response_that_would_be_too_large_is_a_413(limited: FrontClient) -> None:
    bodies: dict[str, Any] = {
        NATIVE: {"instances": [[0]] * 400},
        SERVING: {"instances": [[123456.5]] * 400},
        REGRESS: {"examples": [{"input": 123456789}] * 450},
        OPEN: ask(480, 123456789),
    }
    for path, body in bodies.items():
        response = limited.post(path, json=body)
        assert response.status_code == 413, response.text
        assert response.json is not None
        assert response.json["error"] == "The response would have more than 4,096 bytes. Post fewer rows per request."


def test_a_response_in_blocks_is_the_same_as_in_one(trained: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ask(5, 2.5)
    outputs = [{"name": "output", "parameters": {"classification": 1}}]
    binary = {"parameters": {"binary_data_output": True}}
    requests: list[tuple[str, Any]] = [
        (NATIVE, {"instances": [[number] for number in range(5)]}),
        (SERVING, {"inputs": [[number] for number in range(5)]}),
        (REGRESS, {"examples": [{"input": number} for number in range(5)]}),
        *((OPEN, rows | more) for more in ({}, {"outputs": outputs}, binary, binary | {"outputs": outputs})),
    ]
    whole = [trained.http.post(path, json=body).data for path, body in requests]
    monkeypatch.setattr("models.predictor.ROWS_DESCRIBED_AT_ONCE", 2)
    assert [trained.http.post(path, json=body).data for path, body in requests] == whole
    assert b"error" not in b"".join(whole)


def test_a_picture_for_a_prediction_has_fewer_pixels_than_one_of_a_dataset(limited: FrontClient) -> None:
    problem = limited.post(NATIVE, data=picture(RED, 50, 50), content_type="image/png").json
    assert problem is not None
    assert problem["status"] == 422


def test_memory_is_returned_after_every_request(trained: ApiClient, context: Context) -> None:
    front = make_front(replace(context, settings=replace(context.settings, max_buffered_bytes=2**20)))
    client = FrontClient(front)
    bodies: list[Any] = [{"instances": [[1]] * 3000}, {"instances": [["x"]] * 1500}, {"zz": 1}, {"instances": []}]
    for _ in range(20):
        statuses = [client.post(NATIVE, json=body).status_code for body in bodies]
        assert statuses == [200, 422, 422, 422]
    problem = client.post(NATIVE, json={"instances": [["x"]] * 10_000}).json
    assert problem is not None
    assert problem["type"] == "/problems/body-too-large"
    assert "takes more than 917,504 bytes of memory" in problem["detail"]
    assert client.post("/v1/models", json={"layers": [{}] * 10_000}).status_code == 413
    front.close()
