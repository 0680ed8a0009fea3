"""The Open Inference Protocol v2: JSON and binary tensors, and what is said where a request is wrong."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from models.allowance import Allowance
from models.preprocessing import Preprocessing
from models.runtime import OnnxNetwork
from models.signature import Signature
from service.api.inference.open_inference import Infer
from service.api.inference.open_inference_request import RequestLimits, read_request
from service.api.inference.plane import InferenceRequest
from service.operations.inference.predictions import Wanted
from tests.service.api.dialect_client import DialectClient, dialect_client
from tests.service.api.open_inference_bodies import FRUIT, LENGTH, LINE, binary, read_binary, send_binary, tensor, texts

BITS = {"UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1", "INT16": "i2", "INT32": "i4"}
BITS |= {"INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8", "BOOL": "?"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests that only predict."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        yield client


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


def test_only_results_of_infer_are_compressed_because_tritons_client_decompresses_no_others(
    client: DialectClient,
) -> None:
    headers = {"Accept-Encoding": "gzip"}
    client.post(LINE, {"inputs": [tensor([5])]})
    statistics = client.send("GET", "/v2/models/stats", headers=headers)
    outputs = [{"name": "n" * 600}, {"name": "output"}]
    error = client.send("POST", LINE, 400, json={"inputs": [tensor([5])], "outputs": outputs}, headers=headers)
    for response in (statistics, error):
        assert "Content-Encoding" not in response.headers
        assert len(response.data) > 500


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
        ([tensor([1])] * 2, "The input 'input' is given twice."),
        ([tensor([1]), tensor([1], name="x")], "The input 'x' is unknown; there are 'input'."),
        ([tensor([1], "FP31")], "has the datatype 'FP31', but FP32 is expected."),
        ([tensor(["a"], "BYTES")], "has the datatype 'BYTES', but FP32 is expected."),
        ([tensor([1], datatype=None)], "Each input must have a 'datatype'"),  # type: ignore[arg-type]
        ([tensor([1, 2], shape=[1, 2])], "has the shape [1, 2], but [-1, 1] is expected."),
        ([tensor([1, 2], shape=[2, 1, 1])], "has the shape [2, 1, 1], but [-1, 1] is expected."),
        ([tensor([1], shape=[])], "has the shape [], but [-1, 1] is expected."),
        ([tensor([1], shape=[1] * 100)], "but [-1, 1] is expected."),
        ([tensor([1], shape=[0, 1])], "has 1 elements, but the shape [0, 1] has 0."),
        ([tensor([1], shape=[-1, 1])], "whole numbers of at least 0"),
        ([tensor([1], shape=[True, 1])], "whole numbers of at least 0"),
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
        ([tensor([None])], "must be a list of numbers"),
        ([tensor([1e300])], "Row 0: numbers must be finite"),
        ([tensor(None, shape=[1, 1])], "must have either 'data' or the parameter 'binary_data_size'."),
        ([tensor([1], parameters={"binary_data_size": 4})], "must have either 'data' or the parameter"),
        ([tensor([1], parameters=5)], "'parameters' must be an object."),
        ([tensor([1], parameters={"shared_memory_region": "a"})], "'shared_memory_region' is not supported."),
        (
            [binary([1, 1], 4)],
            "'binary_data_size' is 4 bytes, but the rest of the body has 0.",
        ),
    ],
)
def test_an_input_that_does_not_fit_is_named(client: DialectClient, inputs: list[Any], text: str) -> None:
    assert text in client.error(LINE, {"inputs": inputs})


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"id": 5}, "'id' must be a string."),
        ({"outputs": [{"name": "x"}, {"name": "output"}]}, "The output 'x' is unknown; there is 'output'."),
        ({"outputs": [{"name": "output"}] * 2}, "The output 'output' is requested twice."),
        ({"outputs": "output"}, "'outputs' must be a list of objects."),
        ({"outputs": [{"name": "output", "parameters": {"binary_data": 1}}]}, "'binary_data' must be true or false."),
        ({"outputs": [{"name": "a", "parameters": {"classification": "2"}}]}, "must be a number of classes."),
        ({"outputs": [{"name": "a", "parameters": {"classification": -1}}]}, "must be a number of classes."),
        ({"outputs": [{"name": "a", "parameters": {"content_type": "str"}}]}, "'str' is not supported"),
        ({"parameters": {"binary_data_output": "yes"}}, "'binary_data_output' must be true or false."),
        ({"parameters": []}, "'parameters' must be an object."),
    ],
)
def test_what_is_asked_for_must_be_possible(client: DialectClient, more: dict[str, Any], text: str) -> None:
    assert text in client.error(LINE, {"inputs": [tensor([1])], **more})


@pytest.mark.parametrize(
    ("size", "content", "text"),
    [
        (4, b"", "the rest of the body has 0."),
        (8, bytes(8), "has 8 bytes of binary data, but needs 4 bytes for the shape [1, 1] of FP32."),
        (3, bytes(3), "has 3 bytes of binary data, but needs 4"),
        (4, bytes(9), "The body has 5 bytes more than its inputs."),
        (-1, bytes(4), "must be a number of bytes"),
        ("4", bytes(4), "must be a number of bytes"),
        (True, bytes(4), "must be a number of bytes"),
        (10**18, bytes(4), "the rest of the body has 4."),
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
    assert "different numbers of rows" in client.error(FRUIT, {"inputs": [width, colour, tensor([1, 0], name="ripe")]})
    assert 'The input "ripe" is missing.' in client.error(FRUIT, {"inputs": [width, colour]})
    assert "but BYTES is expected" in client.error(FRUIT, {"inputs": [width, tensor([1], name="colour"), ripe]})
    assert '"ripe" must be true or false' in client.error(FRUIT, {"inputs": [width, colour, tensor([7], name="ripe")]})
    ragged = tensor([["red"], "green"], "BYTES", [2, 1], "colour")
    assert "must be a list of texts" in client.error(FRUIT, {"inputs": [width, ragged, ripe]})


def test_a_request_that_names_a_variant_is_parsed_once() -> None:
    document = {"parameters": {"variant": "int8"}, "inputs": [tensor([5.0, 6.0])]}
    reserved: list[int] = []
    allowance = Allowance(reserve=reserved.append)
    asked = InferenceRequest(Wanted("default", "line"), orjson.dumps(document), {}, {}, allowance)
    aimed = Infer(max_json_depth=64).aim(asked, quickly=True)
    assert aimed is not None
    assert aimed.wanted.variant == "int8"

    taken = sum(reserved)
    numbers = {"type": "tensor", "shape": [1], "scaling": "none", "mean": 0, "std": 1}
    signature = Signature.of(Preprocessing.from_document({"input": numbers}), (1,))
    limits = RequestLimits(64, lambda rows: None, allowance)
    read = read_request(asked.body, None, aimed.document, signature, limits)
    assert np.array_equal(read.tensors["input"], [[5], [6]])
    assert sum(reserved) == taken
