"""The Open Inference Protocol v2: JSON and binary tensors, and what is said where a request is wrong."""

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import TestResponse

from models.runtime import OnnxNetwork
from service import __version__
from service.operations.catalog import versions
from tests.service.api.dialect_client import DialectClient, dialect_client

LINE = "/v2/models/line/infer"
FRUIT = "/v2/models/fruit/infer"
LENGTH = "Inference-Header-Content-Length"
BITS = {"UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1", "INT16": "i2", "INT32": "i4"}
BITS |= {"INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8", "BOOL": "?"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests that only predict."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DialectClient]:
    """An app of the test's own, which has predicted nothing yet."""
    with dialect_client(tmp_path) as client:
        yield client


def tensor(data: Any, datatype: str = "FP32", shape: Any = None, name: str = "input", **more: Any) -> dict[str, Any]:
    """An input, of one column where no shape is given."""
    shape = [len(data), 1] if shape is None else shape
    return {"name": name, "shape": shape, "datatype": datatype, "data": data} | more


def binary(shape: Any, size: Any, datatype: str = "FP32", name: str = "input") -> dict[str, Any]:
    """An input whose elements come after the JSON."""
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def send_binary(
    client: DialectClient, document: Any, content: bytes, expect: int = 200, path: str = LINE, length: Any = None
) -> TestResponse:
    header = json.dumps(document).encode()
    headers = {LENGTH: str(len(header) if length is None else length)}
    return client.send("POST", path, expect, data=header + content, headers=headers)


def read_binary(response: TestResponse) -> tuple[Any, np.ndarray]:
    """The JSON of an answer, and its only output."""
    length = int(response.headers[LENGTH])
    document = json.loads(response.data[:length])
    (output,) = document["outputs"]
    content = response.data[length:]
    assert output["parameters"] == {"binary_data_size": len(content)}
    return document, np.frombuffer(content, "<f4").reshape(output["shape"])


def test_json_is_answered_flat_with_the_id(client: DialectClient) -> None:
    body = {"id": "a-1", "inputs": [tensor([1, 2.5])], "parameters": {"priority": 1}, "more": None}
    output = {"name": "output", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 2.5]}
    expected = {"model_name": "line", "model_version": "1", "id": "a-1", "outputs": [output]}
    assert client.post(LINE, body) == expected
    assert client.post("/v2/models/line/versions/1/infer?x=1", body) == expected
    del body["id"], expected["id"]
    assert client.post(LINE, body | {"inputs": [tensor([[1], [2.5]])], "outputs": [{"name": "output"}]}) == expected
    response = client.send("POST", LINE, data=json.dumps(body), content_type="text/plain")
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("datatype", BITS)
def test_numbers_of_any_type_are_cast_from_json_and_from_binary(client: DialectClient, datatype: str) -> None:
    values = np.array([1, 0, 1] if datatype == "BOOL" else [1, 0, 100], BITS[datatype])
    answer = client.post(LINE, {"inputs": [tensor(values.tolist(), datatype)]})
    assert answer["outputs"][0]["data"] == values.tolist()
    content = values.astype(f"<{BITS[datatype]}").tobytes()
    body = {"inputs": [binary([3, 1], len(content), datatype)], "parameters": {"binary_data_output": True}}
    _, output = read_binary(send_binary(client, body, content))
    assert output.ravel().tolist() == values.tolist()


def test_bfloat16_is_the_upper_half_of_a_float(client: DialectClient) -> None:
    content = (np.array([1.5, -2], "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    answer = send_binary(client, {"inputs": [binary([2, 1], 4, "BF16")]}, content).json
    assert answer is not None
    assert answer["outputs"][0]["data"] == [1.5, -2.0]


def test_the_output_is_binary_where_it_is_asked_for(client: DialectClient) -> None:
    wanted = {"name": "output", "parameters": {"binary_data": True}}
    response = client.send("POST", LINE, json={"inputs": [tensor([5])], "outputs": [wanted], "id": "b"})
    document, output = read_binary(response)
    assert response.mimetype == "application/octet-stream"
    assert document["id"] == "b"
    assert output.tolist() == [[5.0]]
    both = {"parameters": {"binary_data_output": True}, "outputs": [wanted | {"parameters": {"binary_data": False}}]}
    assert client.post(LINE, {"inputs": [tensor([5])], **both})["outputs"][0]["data"] == [5.0]


def test_what_is_not_finite_is_null_in_json_and_itself_in_binary(
    client: DialectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = OnnxNetwork.run
    monkeypatch.setattr(OnnxNetwork, "run", lambda self, *given: original(self, *given) * float("nan"))
    body: dict[str, Any] = {"inputs": [tensor([5])]}
    assert client.post(LINE, body)["outputs"][0]["data"] == [None]
    _, output = read_binary(client.send("POST", LINE, json=body | {"parameters": {"binary_data_output": True}}))
    assert np.isnan(output).all()


def test_bodies_may_be_packed_and_large_answers_are(client: DialectClient) -> None:
    content = np.arange(5000, dtype="<f4").tobytes()
    header = json.dumps({"inputs": [binary([5000, 1], len(content))]}).encode()
    for name, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        headers = {LENGTH: str(len(header)), "Content-Encoding": name, "Accept-Encoding": "gzip"}
        response = client.send("POST", LINE, data=compress(header + content), headers=headers)
        assert response.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(response.data))["outputs"][0]["data"] == list(range(5000))
    client.send("POST", LINE, 400, data=b"x", headers={"Content-Encoding": "gzip"})
    client.send("POST", LINE, 400, data=gzip.compress(header)[:-4], headers={"Content-Encoding": "gzip"})
    client.send("POST", LINE, 400, data=b"x", headers={"Content-Encoding": "br"})
    client.send("POST", LINE, 413, data=gzip.compress(b" " * 200_000), headers={"Content-Encoding": "gzip"})


def test_a_table_has_a_tensor_for_each_column(client: DialectClient) -> None:
    rows: list[list[Any]] = [[1.5, "red", True], [2.5, "green", False], [None, None, None]]
    native = client.api.post("/v1/models/fruit/predictions", {"instances": rows}, 200)
    expected = [score for prediction in native["predictions"] for score in prediction["scores"]]
    width, colour = ([row[place] for row in rows] for place in range(2))
    inputs = [
        tensor(width, "FP64", name="width"),
        tensor(colour, "BYTES", name="colour"),
        tensor([1, 0, None], "FP32", name="ripe"),
    ]
    assert client.post(FRUIT, {"inputs": inputs})["outputs"][0]["data"] == expected
    widths, names = np.array([1.5, 2.5, np.nan], "<f4").tobytes(), texts(b"red", b"green", b"unknown")
    inputs = [
        binary([3, 1], len(widths), name="width"),
        binary([3, 1], len(names), "BYTES", name="colour"),
        tensor([1, 0, None], name="ripe"),
    ]
    answer = send_binary(client, {"inputs": inputs}, widths + names, path=FRUIT).json
    assert answer is not None
    assert answer["outputs"][0]["data"] == expected


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "empty"),
        (b"{", "line 1"),
        (b"[" * 99_000, "64 levels"),
        (b"[]", "must be an object"),
        (b"{}", "'inputs' must be a list of objects."),
        (b'{"inputs": [5]}', "'inputs' must be a list of objects."),
    ],
)
def test_a_body_that_is_no_request_is_refused(client: DialectClient, body: bytes, text: str) -> None:
    answer = client.send("POST", LINE, 400, data=body).json
    assert answer is not None
    assert text in answer["error"]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([], 'The input "input" is missing.'),
        ([{}], "Each input must have a 'name', which is a string."),
        ([tensor([1], name="x")], "The input 'x' is unknown; there are 'input'."),
        ([tensor([1])] * 2, "The input 'input' is given twice."),
        ([tensor([1], "FP31")], "has the datatype 'FP31', but FP32 is wanted."),
        ([tensor(["a"], "BYTES")], "has the datatype 'BYTES', but FP32 is wanted."),
        ([tensor([1], datatype=None)], "Each input must have a 'datatype'"),  # type: ignore[arg-type]
        ([tensor([1, 2], shape=[1, 2])], "has the shape [1, 2], but [-1, 1] is wanted."),
        ([tensor([1, 2], shape=[2])], "has the shape [2], but [-1, 1] is wanted."),
        ([tensor([1], shape=[1] * 100)], "but [-1, 1] is wanted."),
        ([tensor([], shape=[0, 1])], "whole numbers above 0"),
        ([tensor([1], shape=[-1, 1])], "whole numbers above 0"),
        ([tensor([1], shape=[True, 1])], "whole numbers above 0"),
        ([tensor([1], shape="1")], "must have a 'shape'"),
        ([tensor([1, 2], shape=[10**18, 1])], f"has 2 elements, but the shape [{10**18}, 1] has {10**18}."),
        ([tensor([1, 2], shape=[1, 1])], "has 2 elements, but the shape [1, 1] has 1."),
        ([tensor([[1, 2]], shape=[2, 1])], "has 'data' of the shape [1, 2], not [2, 1]."),
        ([tensor([1, [2]])], "must be a list of numbers, flat or nested evenly."),
        ([tensor(["1"])], "must be a list of numbers, flat or nested evenly."),
        ([tensor([1]) | {"data": 0}], "must be a list of numbers, flat or nested evenly."),
        (
            [tensor([1]) | {"data": 0, "parameters": {"data": [10]}}],
            "must be a list of numbers, flat or nested evenly.",
        ),
        ([tensor([1]) | {"data": 0, 'x"data': [10]}], "must be a list of numbers, flat or nested evenly."),
        ([tensor([True])], "must be a list of numbers"),
        ([tensor(5, shape=[1, 1])], "must be a list of numbers"),
        ([tensor([300], "UINT8")], "must be a list of whole numbers of UINT8"),
        ([tensor([1.5], "INT64")], "must be a list of whole numbers of INT64"),
        ([tensor([1], "BOOL")], "must be a list of true and false"),
        ([tensor([None])], "Row 0: numbers must be finite"),
        ([tensor([1e300])], "Row 0: numbers must be finite"),
        ([tensor(None, shape=[1, 1])], "must have either 'data' or the parameter 'binary_data_size'."),
        ([tensor([1], parameters={"binary_data_size": 4})], "must have either 'data' or the parameter"),
        ([tensor([1], parameters=5)], "'parameters' must be an object."),
        ([tensor([1], parameters={"shared_memory_region": "a"})], "'shared_memory_region' is not supported."),
        (
            [binary([1, 1], 4)],
            "'binary_data_size' is 4 bytes, but after the JSON and the inputs before it there are 0.",
        ),
    ],
)
def test_an_input_that_does_not_fit_is_named(client: DialectClient, inputs: list[Any], text: str) -> None:
    assert text in client.error(LINE, {"inputs": inputs})


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"id": 5}, "'id' must be a string."),
        ({"outputs": [{"name": "x"}]}, "The output 'x' is unknown; there is 'output'."),
        ({"outputs": [{"name": "output"}] * 2}, "The output 'output' is asked for twice."),
        ({"outputs": "output"}, "'outputs' must be a list of objects."),
        ({"outputs": [{"name": "output", "parameters": {"binary_data": 1}}]}, "'binary_data' must be true or false."),
        ({"outputs": [{"name": "output", "parameters": {"classification": 2}}]}, "'classification' is not supported."),
        ({"parameters": {"binary_data_output": "yes"}}, "'binary_data_output' must be true or false."),
        ({"parameters": []}, "'parameters' must be an object."),
    ],
)
def test_what_is_asked_for_must_be_possible(client: DialectClient, more: dict[str, Any], text: str) -> None:
    assert text in client.error(LINE, {"inputs": [tensor([1])], **more})


@pytest.mark.parametrize(
    ("size", "content", "text"),
    [
        (4, b"", "there are 0."),
        (8, bytes(8), "has 8 bytes of binary data, but needs 4 bytes for the shape [1, 1] of FP32."),
        (3, bytes(3), "has 3 bytes of binary data, but needs 4"),
        (4, bytes(9), "The body has 5 bytes more than its inputs."),
        (-1, bytes(4), "must be a number of bytes"),
        ("4", bytes(4), "must be a number of bytes"),
        (True, bytes(4), "must be a number of bytes"),
        (10**18, bytes(4), "there are 4."),
        (4, b"\0\0\xc0\x7f", "Row 0: numbers must be finite"),
    ],
)
def test_a_wrong_size_of_binary_data_is_refused(client: DialectClient, size: Any, content: bytes, text: str) -> None:
    answer = send_binary(client, {"inputs": [binary([1, 1], size)]}, content, 400).json
    assert answer is not None
    assert text in answer["error"]


@pytest.mark.parametrize("length", ["-1", "1e2", "x", "", "9" * 5000, "10000", "²"])
def test_a_header_length_that_is_none_or_past_the_end_is_refused(client: DialectClient, length: str) -> None:
    header = json.dumps({"inputs": [tensor([1])]}).encode()
    headers = {LENGTH: length.encode().decode("latin-1")}
    answer = client.send("POST", LINE, 400, data=header, headers=headers).json
    assert answer is not None
    assert answer["error"].startswith(f"{LENGTH} must be a number of bytes")
    client.send("POST", LINE, 400, data=header, headers={LENGTH: "3"})
    client.send("POST", LINE, 400, data=header, headers={LENGTH: "0"})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\1\0", "ends within the length of a text"),
        (b"\5\0\0\0red", "a text goes past the end"),
        (b"\xff\xff\xff\xff", "a text goes past the end"),
        (texts(b"\xff"), "a text is not UTF-8"),
        (texts(b"red", b"red"), "has 2 elements, but the shape [1, 1] has 1."),
    ],
)
def test_texts_that_are_none_are_refused(client: DialectClient, content: bytes, text: str) -> None:
    inputs = [tensor([1], name="width"), binary([1, 1], len(content), "BYTES", "colour"), tensor([1], name="ripe")]
    answer = send_binary(client, {"inputs": inputs}, content, 400, FRUIT).json
    assert answer is not None
    assert text in answer["error"]


def test_columns_must_have_as_many_rows_and_their_own_types(client: DialectClient) -> None:
    width, colour, ripe = tensor([1], name="width"), tensor(["red"], "BYTES", name="colour"), tensor([1], name="ripe")
    assert client.post(FRUIT, {"inputs": [width, colour, ripe]})
    assert "differ in how many rows" in client.error(FRUIT, {"inputs": [width, colour, tensor([1, 0], name="ripe")]})
    assert 'The input "ripe" is missing.' in client.error(FRUIT, {"inputs": [width, colour]})
    assert "but BYTES is wanted" in client.error(FRUIT, {"inputs": [width, tensor([1], name="colour"), ripe]})
    assert '"ripe" must be true or false' in client.error(FRUIT, {"inputs": [width, colour, tensor([7], name="ripe")]})
    ragged = tensor([["red"], "green"], "BYTES", [2, 1], "colour")
    assert "must be a list of texts" in client.error(FRUIT, {"inputs": [width, ragged, ripe]})


def test_the_server_and_its_models_describe_themselves(client: DialectClient) -> None:
    for path in ("/v2", "/v2/"):
        server = client.get(path)
        assert server["name"] == "fitserve"
        assert server["version"] == __version__
        assert "binary_tensor_data" in server["extensions"]
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert client.get(path) == {"live": True, "ready": True}
    inputs = [
        {"name": "width", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "colour", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "ripe", "datatype": "FP32", "shape": [-1, 1]},
    ]
    outputs = [{"name": "output", "datatype": "FP32", "shape": [-1, 2]}]
    described = {"name": "fruit", "versions": ["1"], "platform": "onnx_onnxv1", "inputs": inputs, "outputs": outputs}
    for path in ("/v2/models/fruit", "/v2/models/fruit/versions/1"):
        assert client.get(path) == described
        assert client.get(f"{path}/ready") == {"name": "fruit", "ready": True}
        config = client.get(f"{path}/config")
        assert config["max_batch_size"] == 0
        assert config["input"][1] == {"name": "colour", "data_type": "TYPE_STRING", "dims": [-1, 1]}


def test_the_index_lists_every_version(own: DialectClient) -> None:
    own.api.train_line()
    own.api.post("/v1/models", UNTRAINED)
    ready = [
        {"name": name, "version": number, "state": "READY", "reason": ""}
        for name, number in (("fruit", "1"), ("line", "1"), ("line", "2"))
    ]
    untrained = {"name": "untrained", "state": "UNAVAILABLE", "reason": "It has no version yet: train it."}
    assert own.send("POST", "/v2/repository/index").json == [*ready, untrained]
    assert own.post("/v2/repository/index", {"ready": True}) == ready
    for wrong in ("[]", '{"ready": 1}', "{"):
        own.send("POST", "/v2/repository/index", 400, data=wrong)
    assert own.get("/v2/models/untrained", 404)["error"].startswith('The model "untrained" has no version yet')
    own.get("/v2/models/untrained/ready", 404)


UNTRAINED = {
    "name": "untrained",
    "task": "regression",
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": "sgd",
    "loss": "mean_squared_error",
}


def test_statistics_count_rows_requests_and_failures(own: DialectClient) -> None:
    for rows in (1, 3, 3):
        own.post(LINE, {"inputs": [tensor([1] * rows)]})
    own.post("/v1/models/line:predict", {"instances": [[1]]})
    own.post("/v1/models/line/predictions", {"instances": [[1]]})
    own.error(LINE, {"inputs": [tensor(["x"])]})
    (found,) = own.get("/v2/models/line/versions/1/stats")["model_stats"]
    assert own.get("/v2/models/line/stats") == {"model_stats": [found]}
    other, same = own.get("/v2/models/stats")["model_stats"]
    assert same == found
    assert (other["name"], other["inference_count"], other["batch_stats"]) == ("fruit", 0, [])
    assert (found["name"], found["version"]) == ("line", "1")
    assert (found["inference_count"], found["execution_count"]) == (9, 5)
    assert found["last_inference"] > 1.7e12
    stages = found["inference_stats"]
    assert {stage: stages[stage]["count"] for stage in ("success", "fail", "queue")} == {
        "success": 5, "fail": 1, "queue": 5,
    }  # fmt: skip
    parts = [stages[part] for part in ("compute_input", "compute_infer", "compute_output")]
    assert [part["count"] for part in parts] == [5, 5, 5]
    assert 0 < sum(part["ns"] for part in parts) == stages["success"]["ns"]
    assert [(entry["batch_size"], entry["compute_infer"]["count"]) for entry in found["batch_stats"]] == [
        (1, 3),
        (3, 2),
    ]


def test_what_is_unknown_is_a_404_and_what_is_tritons_own_a_501(client: DialectClient) -> None:
    body = {"inputs": [tensor([1])]}
    for path in ("/v2/models/nobody/infer", "/v2/models/line/versions/2/infer", "/v2/models/line/versions/0/infer"):
        client.post(path, body, 404)
    for path in ("nobody", "line/versions/9", "line/versions/x", "nobody/stats", "line/versions/9/stats", "line/more"):
        client.get(f"/v2/models/{path}", 404)
    client.get("/v2/more", 404)
    client.get(LINE, 405)
    client.send("POST", "/v2", 405)
    for path in ("repository/models/line/load", "systemsharedmemory/region/a/register", "logging", "trace/setting"):
        assert "Triton" in client.error(f"/v2/{path}", {}, 501)
    client.get("/v2/cudasharedmemory/status", 501)
    client.post("/v2/models/line/generate", {}, 501)


def test_a_damaged_network_is_the_services_fault(own: DialectClient) -> None:
    path, _ = versions.artifact(own.context, "line", 1, "onnx")
    path.unlink()
    own.get("/v2/models/line/ready", 500)
    own.post(LINE, {"inputs": [tensor([1])]}, 500)
