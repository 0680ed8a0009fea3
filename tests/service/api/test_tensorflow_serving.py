"""TensorFlow Serving's REST API: its forms, its texts, its statuses."""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from models.runtime import OnnxNetwork
from service.context import Context
from tests.models.made_pictures import GREY, picture
from tests.service.api.api_client import ApiClient
from tests.service.api.dialect_client import MOST_AT_ONCE, DialectClient, dialect_client
from tests.service.api.front_client import FrontClient
from tests.service.api.test_predictions_posted import DOTS
from tests.service.api.test_predictions_posted import SORTER as PICTURES

LINE = "/v1/models/line:predict"
FRUIT = "/v1/models/fruit:predict"
RED: dict[str, list[Any]] = {"width": [1.5], "colour": ["red"], "ripe": [1]}
GREEN: dict[str, list[Any]] = {"width": [2.5], "colour": ["green"], "ripe": [0]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectClient]:
    """One app for all tests that only predict."""
    with dialect_client(tmp_path_factory.mktemp("dialect")) as client:
        yield client


def test_rows_and_columns_are_answered_in_their_own_form(client: DialectClient) -> None:
    for path in (LINE, "/v1/models/line/versions/1:predict", "/v1/models/line/labels/champion:predict"):
        assert client.post(path, {"instances": [[10], [-2.5]]}) == {"predictions": [[10.0], [-2.5]]}
        assert client.post(path, {"inputs": [[10], [-2.5]]}) == {"outputs": [[10.0], [-2.5]]}
    assert client.post(LINE, {"instances": [10, 5]}) == {"predictions": [[10.0], [5.0]]}
    assert client.post(LINE, {"instances": [{"input": [10]}]}) == {"predictions": [[10.0]]}
    assert client.post(LINE, {"inputs": {"input": [[10]]}}) == {"outputs": [[10.0]]}


def test_whole_floats_have_a_point_and_what_is_not_finite_is_null(client: DialectClient) -> None:
    assert (
        client.send("POST", LINE, json={"instances": [[2], [0.1], [1e30]]}).text
        == '{"predictions":[[2.0],[0.1],[1e+30]]}'
    )
    assert client.send("POST", LINE, json={"inputs": [[3]]}).text == '{"outputs":[[3.0]]}'


def test_an_output_that_is_not_finite_is_null(client: DialectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    original = OnnxNetwork.run
    monkeypatch.setattr(OnnxNetwork, "run", lambda self, *given: original(self, *given) * float("nan"))
    assert client.post(LINE, {"instances": [[1]]}) == {"predictions": [[None]]}
    assert client.post("/v1/models/line:regress", {"examples": [{"input": 1}]}) == {"results": [None]}


def test_content_types_unknown_members_and_queries_are_ignored(client: DialectClient) -> None:
    body = json.dumps({"instances": [[1]], "signature_name": "serving_default", "other": {"a": 1}}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json", ""):
        answer = client.send("POST", f"{LINE}?timeout=5", data=body, content_type=content_type)
        assert answer.json == {"predictions": [[1.0]]}
    packed = client.send("POST", LINE, data=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert packed.json == {"predictions": [[1.0]]}


def test_paths_ignore_case_and_names_do_not(client: DialectClient) -> None:
    body = {"instances": [[1]]}
    for path in (
        "/V1/Models/line:Predict",
        "/v1/MODELS/line/Versions/1:PREDICT",
        "/v1/models/line/LABELS/champion:predict",
    ):
        assert client.post(path, body) == {"predictions": [[1.0]]}
    assert client.get("/V1/models/line/METADATA")["model_spec"]["name"] == "line"
    assert client.error("/v1/models/LINE:predict", body, 404) == "Servable not found for request: Latest(LINE)"
    assert client.error("/v1/models/line/labels/Champion:predict", body).endswith("label: Champion")


def test_unknown_models_versions_and_labels_have_the_servers_own_texts(client: DialectClient) -> None:
    not_found = "Servable not found for request: "
    for method, body in (("predict", {"instances": [[1]]}), ("regress", {"examples": [{"input": 1}]})):
        assert client.error(f"/v1/models/nobody:{method}", body, 404) == f"{not_found}Latest(nobody)"
        for number in (0, 2, 2**31, 10**18):
            path = f"/v1/models/line/versions/{number}:{method}"
            assert client.error(path, body, 404) == f"{not_found}Specific(line, {number})"
        path = f"/v1/models/line/labels/best:{method}"
        assert client.error(path, body) == "Unrecognized servable version label: best"
    assert client.get("/v1/models/nobody/metadata", 404) == {"error": f"{not_found}Latest(nobody)"}


@pytest.mark.usefixtures("worker")
def test_a_model_without_a_version_is_not_found(api: ApiClient, context: Context) -> None:
    api.make_line()
    text = DialectClient(context).error(LINE, {"instances": [[1]]}, 404)
    assert text == "Servable not found for request: Latest(line)"


def test_paths_that_are_none_and_methods_that_are_not_possible(client: DialectClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert set(client.send(method, LINE, 405).allow) == {"POST", "OPTIONS"}
    client.send("POST", "/v1/models/line/metadata", 405)
    client.send("POST", "/v1/models/line:explain", 404, json={})
    client.send("POST", "/v1/models/line/versions/one:predict", 404, json={})
    text = client.error(f"/v1/models/line/versions/{10**30}:predict", {"instances": [[1]]})
    assert text == f"Failed to convert version: {10**30} to numeric."


def test_status_routes_ignore_queries_and_say_whether_a_model_is_ready(client: DialectClient) -> None:
    for path in ("", "/versions/1", "/labels/champion"):
        (status,) = client.get(f"/v1/models/line{path}?timeout=5&timeout=6")["model_version_status"]
        fine = {"error_code": "OK", "error_message": ""}
        assert status == {"version": "1", "state": "AVAILABLE", "status": fine}
    assert client.get("/v1/models/line")["ready"] is True
    for accepted in ("application/json", "*/*"):
        assert client.api.http.get("/", headers={"Accept": accepted}).json == {"status": "alive"}
    browser = client.api.http.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.mimetype == "text/html"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        ('{"ä": ["x": 1]}'.encode(), "JSON Parse error: "),
        ('{"ä" 1}'.encode(), "JSON Parse error: Missing a colon after a name of object member. at offset: 6"),
        (b"{5: 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        (b"{} {}", "The document root must not be followed by other values. at offset: 3"),
        (b"[1, 2]", "JSON Value: [1, 2] Is not object"),
        (b"[" * 99_000, "JSON Parse error: The body has more than 64 levels of nesting."),
        (b'{"instances": [[-NaN]]}', "JSON Parse error: "),
        (b'{"instances": [[NaN]], "instances": [[1]]}', 'has the field "instances" twice'),
        (b'{"instances": [[NaN], [1e999]]}', "JSON Parse error: "),
        (b'{"instances": [[NaN, "a]]', "JSON Parse error: "),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": [[1]], "inputs": [[1]]}', "expecting only one of 'inputs' or 'instances' keys to exist"),
        (b'{"instances": 5}', "Expecting 'instances' to be an list/array"),
        (b'{"instances": []}', "No values in 'instances' array"),
        (b'{"instances": [[1]], "signature_name": 100}', "'signature_name' key must be a string value."),
        (b'{"instances": [[1]], "signature_name": "x"}', 'Serving signature name: "x" not found in signature def'),
        (
            b'{"instances": [[1], ["x"]]}',
            "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "x" Type: String is not of expected type: float',
        ),
        (b'{"instances": [[true]]}', "JSON Value: true Type: True is not of expected type: float"),
        (b'{"instances": [[1], [1, 2]]}', "Expecting tensor size: 1 but got: 2"),
        (b'{"instances": [[1], 2]}', "Expecting shape [1] but got: []"),
        (b'{"instances": [[1], [[2]]]}', "Expecting shape [1] but got: [1,1]"),
        (b'{"instances": [[1, [2]]]}', "Encountered list at unexpected level: 1 expected < 1"),
        (
            b'{"instances": [[[1], 2]]}',
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (b'{"inputs": [[1], [1, 2]]}', "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        (b'{"instances": [[1, 2]]}', 'The input "input" has the shape [1, 2], but [-1, 1] is expected.'),
        (b'{"instances": [[1]], "instances": [[1]]}', "JSON Parse error: "),
        (b'{"instances": [[1e39]]}', "Row 0: numbers must be finite"),
        (b'{"instances": [[null]]}', "JSON Value: null Type: Null is not of expected type: float"),
        (b'{"instances": [{"b64": "AAAA"}]}', "Type: Object is not of expected type: float"),
        (b'{"instances": [{"x": [1]}]}', "JSON object: does not have named input: x"),
        (b'{"instances": [{}]}', "keys must be equal to: input"),
        (b'{"instances": [{"input": [1]}, [1]]}', "Expecting object but got list at item 1 of input list"),
        (b'{"instances": [[1], {"input": [1]}]}', "Expecting value/list but got object at item 1 of input list"),
        (b'{"inputs": {}}', "Missing named input: input in 'inputs' object."),
        (b'{"inputs": 5}', 'The input "input" has the shape [], but [-1, 1] is expected.'),
        (b'{"inputs": {"input": [["x"]]}}', "is not of expected type: float"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_in_the_servers_words(client: DialectClient, body: bytes, text: str) -> None:
    answer = client.send("POST", LINE, 400, data=body).json
    assert answer is not None
    assert text in answer["error"]


def test_a_table_has_a_tensor_for_each_column(client: DialectClient) -> None:
    native = client.api.post(
        "/v1/models/fruit/predictions", {"instances": [[1.5, "red", True], [2.5, "green", False]]}, 200
    )
    scores = [prediction["scores"] for prediction in native["predictions"]]
    rows = [{name: cell for name, (cell,) in row.items()} for row in (RED, GREEN)]
    assert client.post(FRUIT, {"instances": [RED, GREEN]}) == {"predictions": scores}
    assert client.post(FRUIT, {"instances": rows}) == {"predictions": scores}
    columns = {name: [RED[name], GREEN[name]] for name in RED}
    assert client.post(FRUIT, {"inputs": columns}) == {"outputs": scores}
    encoded = {"b64": base64.b64encode(b"red").decode()}
    assert client.post(FRUIT, {"instances": [RED | {"colour": [encoded]}]}) == {"predictions": scores[:1]}
    unseen = client.post(FRUIT, {"instances": [RED | {"width": [None], "colour": [None]}]})
    missing = client.api.post("/v1/models/fruit/predictions", {"instances": [[None, None, True]]}, 200)
    assert unseen["predictions"][0] == missing["predictions"][0]["scores"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"instances": [[1.5, "red", 1]]}, "instances is a plain list, but expecting list of objects"),
        ({"inputs": [[1.5]]}, "inputs is a plain value/list, but expecting an object"),
        ({"instances": [RED | {"colour": [5]}]}, "Type: Number is not of expected type: string"),
        ({"instances": [RED | {"width": ["wide"]}]}, "Failed to process element: 0 key: width of 'instances' list."),
        ({"instances": [RED | {"colour": [{"b64": "%"}]}]}, "Unable to base64 decode"),
        ({"instances": [RED | {"colour": [{"b64": "/w=="}]}]}, "The bytes are not UTF-8"),
        ({"instances": [RED | {"colour": [{"b46": "AA=="}]}]}, "not formatted correctly for base64 data"),
        ({"instances": [RED | {"ripe": [7]}]}, '"ripe" must be true or false'),
        ({"instances": [RED, {"width": [1]}]}, "keys must be equal to: colour,ripe,width"),
        (
            {"inputs": {name: [cell] * (1 + (name == "ripe")) for name, cell in RED.items()}},
            "different numbers of rows",
        ),
    ],
)
def test_columns_that_do_not_fit_are_named(client: DialectClient, body: dict[str, Any], text: str) -> None:
    assert text in client.error(FRUIT, body)


def test_classifications_are_pairs_of_label_and_score(client: DialectClient) -> None:
    path, example = "/v1/models/fruit:classify", {"width": 0.5, "colour": "red", "ripe": [0]}
    native = client.api.post("/v1/models/fruit/predictions", {"instances": [[0.5, "red", 0]]}, 200)
    pairs = [[label, score] for label, score in zip("ab", native["predictions"][0]["scores"], strict=True)]
    assert client.post(path, {"examples": [example]}) == {"results": [pairs]}
    context = {"colour": "red", "ripe": 0}
    assert client.post(path, {"context": context, "examples": [{"width": 0.5, "more": 1}] * 2}) == {
        "results": [pairs] * 2
    }
    assert client.post(path, {"examples": [example], "signature_name": "tensorflow/serving/classify"})["results"]
    wrong = (
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify"
    )
    assert client.error("/v1/models/fruit:regress", {"examples": [example]}) == wrong


def test_regressions_are_numbers(client: DialectClient) -> None:
    path = "/v1/models/line:regress"
    answer = client.send("POST", path, json={"examples": [{"input": [80.0]}, {"input": 2}]})
    assert answer.text == '{"results":[80.0,2.0]}'
    wrong = "Expected classification signature method_name to be tensorflow/serving/classify."
    assert wrong in client.error("/v1/models/line:classify", {"examples": [{"input": 1}]})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [5]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": []}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"x": 1}]}, "Feature: input (data type: float) is required but could not be found."),
        ({"examples": [{"input": "x"}]}, "Feature: input: JSON Value: "),
        ({"examples": [{"input": 1}], "signature_name": "x"}, "No signature was found with the name: x"),
    ],
)
def test_examples_that_do_not_fit_are_refused(client: DialectClient, body: dict[str, Any], text: str) -> None:
    assert text in client.error("/v1/models/line:regress", body)


def test_metadata_nests_the_signature_twice(client: DialectClient) -> None:
    metadata = client.get("/v1/models/fruit/metadata")
    assert metadata["model_spec"] == {"name": "fruit", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    types = {name: tensor["dtype"] for name, tensor in signature["inputs"].items()}
    assert types == {"width": "DT_FLOAT", "colour": "DT_STRING", "ripe": "DT_FLOAT"}
    shape = {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False}
    assert signature["outputs"] == {"output": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "output:0"}}
    assert client.get("/v1/models/fruit/versions/1/metadata") == metadata


@pytest.mark.usefixtures("worker")
def test_pictures_may_be_files_in_base64(api: ApiClient, context: Context) -> None:
    api.post("/v1/datasets", DOTS)
    api.post("/v1/models", PICTURES)
    api.post("/v1/training-jobs", {"model": "sorter", "dataset": "dots", "epochs": 1}, Prefer="wait=20")
    file = {"b64": base64.b64encode(picture((GREY, GREY, GREY), 2, 2)).decode()}
    native = api.post("/v1/models/sorter/predictions", {"instances": [file]}, 200)
    client = DialectClient(context)
    (scores,) = client.post("/v1/models/sorter:predict", {"instances": [file]})["predictions"]
    assert scores == pytest.approx(native["predictions"][0]["scores"])
    assert "isn't a PNG, JPEG, WebP, GIF, BMP or TIFF" in client.error(
        "/v1/models/sorter:predict", {"instances": [{"b64": "AAAA"}]}
    )


def test_too_many_at_once_are_a_503_with_the_time_to_come_back(
    client: DialectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave = threading.Semaphore(0), threading.Event()
    original = OnnxNetwork.run

    def slow(self: OnnxNetwork, *args: Any) -> Any:
        inside.release()
        leave.wait(20)
        return original(self, *args)

    monkeypatch.setattr(OnnxNetwork, "run", slow)
    # A body so much larger than others is never computed in the event loop, where the first would hold up the rest.
    large = b'{"instances": [[1]]' + b" " * 50_000 + b"}"
    busy = [
        threading.Thread(target=lambda: FrontClient(client.app).post(LINE, data=large)) for _ in range(MOST_AT_ONCE)
    ]
    for thread in busy:
        thread.start()
    for _ in busy:
        assert inside.acquire(timeout=20)
    assert client.send("POST", LINE, 503, json={"instances": [[1]]}).headers["Retry-After"] == "1"
    leave.set()
    for thread in busy:
        thread.join()
