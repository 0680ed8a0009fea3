"""What clients of Triton, KServe and MLServer send that the protocol itself leaves open."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.context import Context
from tests.service.api.api_client import ApiClient
from tests.service.api.dialect_client import TABLE, DialectClient, dialect_client
from tests.service.api.open_inference_bodies import (
    FRUIT,
    LENGTH,
    LINE,
    binary,
    read_binary,
    send_binary,
    tensor,
    texts,
)
from tests.service.api.test_predictions_posted import DOTS
from tests.service.api.test_predictions_posted import SORTER as PICTURES

RIPE, WIDTH = tensor([1], name="ripe"), tensor([1.5], name="width")
DATED: list[dict[str, Any]] = [
    {"day": "2024-01-01", "kind": "a"},
    {"day": "2024-01-02", "kind": "b"},
    {"day": "2024-01-03", "kind": "a"},
    {"day": "2024-01-04", "kind": "b"},
]
MODEL: dict[str, Any] = {
    "task": "multiclass",
    "layers": [{"type": "Dense", "units": 2, "activation": "softmax", "name": "probabilities"}],
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests; the output of the model `named` has a name of its own."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        for name, rows in (("named", TABLE["rows"]), ("dated", DATED)):
            client.api.post("/v1/datasets", TABLE | {"name": name, "rows": rows})
            client.api.post("/v1/models", MODEL | {"name": name, "input": {"dataset": name, "scaling": "none"}})
            job = {"model": name, "dataset": name, "epochs": 1}
            client.api.post("/v1/training-jobs", job, Prefer="wait=20")
        yield client


def colour(content_type: str | None, *values: str, **more: Any) -> dict[str, Any]:
    parameters = {} if content_type is None else {"content_type": content_type}
    return tensor(list(values), "BYTES", name="colour", parameters=parameters, **more)


def test_contents_are_decoded_as_mlserver_does(client: DialectClient) -> None:
    expected = client.post(FRUIT, {"inputs": [WIDTH, colour(None, "red"), RIPE]})
    for encoded in (
        colour("base64", "cmVk"),
        colour("str", "red"),
        colour("np", "red"),
        colour("base64", "cmVk", shape=[1]),
    ):
        assert client.post(FRUIT, {"inputs": [WIDTH, encoded, RIPE]}) == expected
    whole = {"inputs": [WIDTH, colour(None, "cmVk"), RIPE], "parameters": {"content_type": "base64"}}
    assert client.post(FRUIT, whole) == expected
    table = {"inputs": [WIDTH | {"shape": [1]}, colour("str", "red", shape=[1]), RIPE]}
    assert client.post(FRUIT, table | {"parameters": {"content_type": "pd"}}) == expected
    packed = texts(b"cmVk")
    column = binary([1, 1], len(packed), "BYTES", "colour")
    column["parameters"]["content_type"] = "base64"
    assert send_binary(client, {"inputs": [WIDTH, column, RIPE]}, packed, path=FRUIT).json == expected


def test_base64_may_lack_its_padding(client: DialectClient) -> None:
    padded, unpadded = ({"inputs": [WIDTH, colour("base64", text), RIPE]} for text in ("Z3JlZW4=", "Z3JlZW4"))
    assert client.post(FRUIT, padded) == client.post(FRUIT, unpadded)
    assert client.post(FRUIT, padded) == client.post(FRUIT, {"inputs": [WIDTH, colour(None, "green"), RIPE]})


def test_dates_are_read_as_mlserver_writes_them(client: DialectClient) -> None:
    def ask(text: str, content_type: str | None) -> dict[str, Any]:
        parameters = {} if content_type is None else {"content_type": content_type}
        return {"inputs": [tensor([text], "BYTES", [1], "day", parameters=parameters)]}

    path = "/v2/models/dated/infer"
    plain = client.post(path, ask("2024-01-02", None))
    assert client.post(path, ask("2024-01-02T00:00:00", "datetime")) == plain
    assert client.post(path, ask("2024-01-02T01:00:00+01:00", "datetime")) == plain
    assert "'today' is not an ISO 8601 date." in client.error(path, ask("today", "datetime"))


@pytest.mark.parametrize(
    ("parameters", "column", "text"),
    [
        (
            {},
            colour("hg_json", "red"),
            "The input 'colour': the content type 'hg_json' is not supported. Supported are 'base",
        ),
        ({}, colour("base64", "r$d"), "The input 'colour': 'r$d' is not Base64."),
        ({}, colour("base64", "/w=="), "The input 'colour': a text is not UTF-8."),
        ({"content_type": "pickle"}, colour(None, "red"), "The request: the content type 'pickle' is not supported"),
        ({"content_type": 5}, colour(None, "red"), "The request: the content type '5' is not supported"),
    ],
)
def test_contents_that_are_not_understood_are_refused(
    client: DialectClient, parameters: dict[str, Any], column: dict[str, Any], text: str
) -> None:
    assert text in client.error(FRUIT, {"inputs": [WIDTH, column, RIPE], "parameters": parameters})


def test_numbers_are_no_texts(client: DialectClient) -> None:
    given = tensor([1], parameters={"content_type": "str"})
    assert "the content type 'str' is only for BYTES" in client.error(LINE, {"inputs": [given]})
    assert client.post(LINE, {"inputs": [tensor([1], parameters={"content_type": "np"})]})


def test_a_sole_input_and_a_sole_output_go_by_any_name(client: DialectClient) -> None:
    body = {
        "inputs": [tensor([2], name="input-0")],
        "outputs": [{"name": "predict", "parameters": {"content_type": "np"}}],
    }
    (output,) = client.post(LINE, body)["outputs"]
    assert (output["name"], output["data"]) == ("predict", [2.0])
    assert client.post(LINE, {"inputs": [tensor([2], shape=[1], name="predict")]})["outputs"][0]["shape"] == [1, 1]
    assert "unknown; there are 'width'" in client.error(FRUIT, {"inputs": [tensor([1], name="input-0")] * 3})


def test_an_output_has_the_name_of_its_layer_and_output_stays_another(client: DialectClient) -> None:
    columns = {"inputs": [WIDTH, colour(None, "red"), RIPE]}
    path = "/v2/models/named"
    assert (
        client.get(path)["outputs"][0]["name"] == client.get(f"{path}/config")["output"][0]["name"] == "probabilities"
    )
    signature = client.get("/v1/models/named/metadata")["metadata"]["signature_def"]["signature_def"]
    assert list(signature["serving_default"]["outputs"]) == ["probabilities"]
    assert client.post(f"{path}/infer", columns)["outputs"][0]["name"] == "probabilities"
    for name in ("probabilities", "output"):
        assert client.post(f"{path}/infer", columns | {"outputs": [{"name": name}]})["outputs"][0]["name"] == name


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_goes_into_the_network(client: DialectClient, value: float) -> None:
    rows = np.array([[value], [2]], "<f4")
    in_json: dict[str, Any] = {"inputs": [tensor(rows.tolist())], "parameters": {"binary_data_output": True}}
    header = json.dumps(in_json)
    for response in (
        client.send("POST", LINE, data=header),
        send_binary(client, in_json | {"inputs": [binary([2, 1], 8)]}, rows.tobytes()),
    ):
        np.testing.assert_array_equal(read_binary(response)[1], rows)
    in_json["parameters"] = {}
    answer = client.send("POST", LINE, data=json.dumps(in_json)).json
    assert answer is not None
    assert answer["outputs"][0]["data"] == [None, 2.0]


def test_nan_is_missing_in_a_table_and_infinity_is_no_number_of_it(client: DialectClient) -> None:
    def ask(width: float | None) -> dict[str, Any]:
        inputs = [tensor([width], name="width"), colour(None, "red"), RIPE]
        return {"data": json.dumps({"inputs": inputs})}

    missing, nan = (client.send("POST", FRUIT, **ask(width)).json for width in (None, float("nan")))
    assert missing == nan
    answer = client.send("POST", FRUIT, 400, **ask(float("inf"))).json
    assert answer is not None
    assert '"width" must be a number' in answer["error"]


def test_there_may_be_no_rows(client: DialectClient) -> None:
    (output,) = client.post(LINE, {"inputs": [tensor([])]})["outputs"]
    assert (output["shape"], output["data"]) == ([0, 1], [])
    columns = [tensor([], name="width"), tensor([], "BYTES", name="colour"), tensor([], name="ripe")]
    assert client.post(FRUIT, {"inputs": columns})["outputs"][0]["shape"] == [0, 2]
    counted = client.get("/v2/models/line/stats")["model_stats"][0]
    assert counted["inference_stats"]["fail"]["count"] >= 0


def test_more_rows_than_max_batch_size_are_refused(client: DialectClient) -> None:
    most = client.get("/v2/models/fruit/config")["max_batch_size"]
    rows = most + 1
    inputs = [tensor([1] * rows, "UINT8", name="width"), binary([rows, 1], 5 * rows, "BYTES", "colour")]
    flags = np.ones(rows, "?").tobytes()
    inputs = [
        binary([rows, 1], rows, "UINT8", "width"),
        binary([rows, 1], 4 * rows, "BYTES", "colour"),
        binary([rows, 1], rows, "BOOL", "ripe"),
    ]
    content = np.ones(rows, "u1").tobytes() + texts(*[b""] * rows) + flags
    answer = send_binary(client, {"inputs": inputs}, content, 400, FRUIT).json
    assert answer == {"error": f"inference request batch-size must be <= {most} for 'fruit'"}


def test_a_body_may_be_nothing_but_the_sole_inputs_elements(client: DialectClient) -> None:
    rows = np.array([1, 2.5, -3], "<f4")
    document, output = read_binary(client.send("POST", LINE, data=rows.tobytes(), headers={LENGTH: "0"}))
    assert (document["model_name"], output.ravel().tolist()) == ("line", rows.tolist())
    _, output = read_binary(client.send("POST", "/v2/models/dated/infer", data=b"2024-01-02", headers={LENGTH: "0"}))
    assert output.shape == (1, 2)
    said = client.send("POST", LINE, 400, data=b"abcd", headers={LENGTH: "0", "Content-Type": "application/json"}).json
    assert said == {"error": f"{LENGTH} is 0, but the Content-Type says that the body is JSON."}
    for path, body, text in (
        (LINE, b"abc", "The body has 3 bytes, but a row of the input 'input' has 4."),
        (FRUIT, b"abcd", "only for models with one input. This model has 3."),
    ):
        answer = client.send("POST", path, 400, data=body, headers={LENGTH: "0"}).json
        assert answer is not None
        assert text in answer["error"]


def test_json_may_begin_with_a_byte_order_mark(client: DialectClient) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"inputs": [tensor([1])]}).encode()
    assert client.send("POST", LINE, data=body).json == client.post(LINE, {"inputs": [tensor([1])]})


def test_classes_are_named_as_triton_does(client: DialectClient) -> None:
    columns = {
        "inputs": [tensor([0.25, 0.75], name="width"), colour(None, "grey", "grey"), tensor([0, 0], name="ripe")]
    }

    def ask(classes: int, **more: Any) -> dict[str, Any]:
        return columns | {"outputs": [{"name": "output", "parameters": {"classification": classes} | more}]}

    (output,) = client.post(FRUIT, ask(1))["outputs"]
    scores = client.post(FRUIT, columns)["outputs"][0]["data"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 1])
    assert output["data"] == [f"{scores[0]:f}:0:a", f"{scores[2]:f}:0:a"]
    assert client.post(FRUIT, ask(9))["outputs"][0]["shape"] == [2, 2]
    assert client.post(FRUIT, ask(0))["outputs"][0]["datatype"] == "FP32"
    response = client.send("POST", FRUIT, json=ask(1, binary_data=True))
    end = int(response.headers[LENGTH])
    assert response.data[end:] == texts(*(text.encode() for text in output["data"]))
    regression = {"inputs": [tensor([3])], "outputs": [{"name": "output", "parameters": {"classification": 2}}]}
    assert client.post(LINE, regression)["outputs"][0]["data"] == ["3.000000:0"]


@pytest.mark.usefixtures("worker")
def test_pictures_have_their_channels_last(api: ApiClient, context: Context) -> None:
    api.post("/v1/datasets", DOTS)
    api.post("/v1/models", PICTURES)
    api.post("/v1/training-jobs", {"model": "sorter", "dataset": "dots", "epochs": 1}, Prefer="wait=20")
    (picture,) = DialectClient(context).get("/v2/models/sorter/config")["input"]
    assert picture["format"] == ("FORMAT_NHWC" if len(picture["dims"]) == 3 else "FORMAT_NONE")
