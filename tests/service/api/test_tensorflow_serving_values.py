"""Values that TensorFlow Serving takes though JSON, or the model, would have them otherwise."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.context import Context
from tests.models.made_pictures import GREY, picture
from tests.service.api.api_client import ApiClient
from tests.service.api.dialect_client import DialectClient, dialect_client
from tests.service.api.test_predictions_posted import DOTS
from tests.service.api.test_predictions_posted import SORTER as PICTURES
from tests.service.api.test_tensorflow_serving import FRUIT, LINE, RED


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests that only predict."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        yield client


def send(client: DialectClient, path: str, body: bytes) -> Any:
    return client.send("POST", path, data=body).json


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_not_finite_goes_into_the_network(client: DialectClient, word: bytes) -> None:
    assert send(client, LINE, b'{"instances": [[%b], [2]], "x": "NaN \\" Infinity"}' % word) == {
        "predictions": [[None], [2.0]]
    }
    assert send(client, LINE, b'{"inputs": {"input": [[1], [%b]]}}' % word) == {"outputs": [[1.0], [None]]}
    answer = send(client, "/v1/models/line:regress", b'{"examples": [{"input": %b}]}' % word)
    assert answer == {"results": [None]}


def test_nan_is_missing_in_a_table(client: DialectClient) -> None:
    expected = client.post(FRUIT, {"instances": [RED | {"width": [None]}]})
    assert send(client, FRUIT, json.dumps({"instances": [RED | {"width": [float("nan")]}]}).encode()) == expected


def test_a_body_may_begin_with_a_byte_order_mark(client: DialectClient) -> None:
    assert send(client, LINE, b'\xef\xbb\xbf{"instances": [[1]]}') == {"predictions": [[1.0]]}
    assert send(client, FRUIT, b"\xef\xbb\xbf" + json.dumps({"instances": [RED]}).encode())


def test_booleans_are_values_of_a_column_of_them(client: DialectClient) -> None:
    expected = client.post(FRUIT, {"instances": [RED]})
    assert client.post(FRUIT, {"instances": [RED | {"ripe": True}]}) == expected
    assert client.post(FRUIT, {"inputs": RED | {"ripe": [True]}})["outputs"] == expected["predictions"]
    text = client.error(FRUIT, {"instances": [RED | {"width": True}]})
    assert "JSON Value: true Type: True is not of expected type: float" in text


def test_base64_may_lack_its_padding(client: DialectClient) -> None:
    expected = client.post(FRUIT, {"instances": [RED | {"colour": ["green"]}]})
    for encoded in ("Z3JlZW4=", "Z3JlZW4", "Z3Jl\nZW4="):
        assert client.post(FRUIT, {"instances": [RED | {"colour": [{"b64": encoded}]}]}) == expected


@pytest.mark.usefixtures("worker")
def test_so_may_that_of_pictures(api: ApiClient, context: Context) -> None:
    api.post("/v1/datasets", DOTS)
    api.post("/v1/models", PICTURES)
    api.post("/v1/training-jobs", {"model": "sorter", "dataset": "dots", "epochs": 1}, Prefer="wait=20")
    client = DialectClient(context)
    encoded = base64.b64encode(picture((GREY, GREY, GREY), 2, 2)).decode()
    padded, unpadded = ({"instances": [{"b64": text}]} for text in (encoded, encoded.rstrip("=")))
    path = "/v1/models/sorter:predict"
    assert client.post(path, padded) == client.post(path, unpadded)
    assert "Unable to base64 decode" in client.error(path, {"instances": [{"b64": "%"}]})


def test_a_column_of_no_rows_is_answered_with_none(client: DialectClient) -> None:
    assert client.post(LINE, {"inputs": []}) == {"outputs": []}
    assert client.post(FRUIT, {"inputs": {name: [] for name in RED}}) == {"outputs": []}
