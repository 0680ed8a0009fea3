"""Predictions for pictures, arrays and CSV over HTTP."""

import base64
import io
from typing import Any

import numpy as np
import orjson
import polars
import pytest

from models.allowance import Allowance
from models.errors import MOST_FAULTS
from service.api.inference.instances import read_instances
from service.context import Context
from service.errors import InvalidRequest
from tests.models.made_pictures import GREEN, GREY, RED, picture
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.prepared_data import PreparedData

DOTS = {
    "name": "dots",
    "source": "inline",
    "inputs": [[[list(RED)] * 2] * 2, [[list(GREEN)] * 2] * 2],
    "targets": ["red", "green"],
}
SORTER = {
    "name": "sorter",
    "task": "multiclass",
    "input": {"shape": [12], "scaling": "unit"},
    "layers": [{"type": "Dense", "units": 2, "activation": "softmax"}],
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
}
PATH = "/v1/models/sorter/predictions"


def train_sorter(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.post("/v1/datasets", DOTS)
        api.post("/v1/models", SORTER)
        api.post("/v1/training-jobs", {"model": "sorter", "dataset": "dots", "epochs": 1}, Prefer="wait=20")


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData, worker: object) -> ApiClient:
    """A client of an app with a version of `sorter`, whose first score is the sum of a picture's numbers."""
    prepared.copy(train_sorter, context)
    return api


def post(api: ApiClient, data: Any, content_type: str, expect: int = 200, path: str = PATH) -> Any:
    return api.send("POST", path, expect, data=data, content_type=content_type).json


def first_scores(answer: Any) -> Any:
    return pytest.approx([prediction["scores"][0] for prediction in answer["predictions"]])


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_one_picture_is_posted_as_it_is(trained: ApiClient, format_: str) -> None:
    answer = post(trained, picture((GREY, GREY, GREY), 5, 5, format_), f"image/{format_.lower()}")
    assert answer["classes"] == ["green", "red"]
    assert first_scores(answer) == [12 * GREY / 255]
    assert [warning["type"] for warning in answer["warnings"]] == ["resized"]
    assert answer["predictions"][0]["label"] == "green"


def test_several_pictures_are_files_of_a_form(trained: ApiClient) -> None:
    files = [(io.BytesIO(picture(colour, 2, 2)), f"{row}.png") for row, colour in enumerate((RED, GREY, RED))]
    answer = post(trained, {"file": files}, "multipart/form-data")
    assert first_scores(answer) == [4 * 250 / 255, 12 * GREY / 255, 4 * 250 / 255]
    assert [warning["row"] for warning in answer["warnings"]] == [1]


def test_pictures_are_base64_in_json(trained: ApiClient) -> None:
    encoded = [{"b64": base64.b64encode(picture(colour, 2, 2)).decode()} for colour in (RED, GREY)]
    answer = trained.post(PATH, {"instances": encoded}, expect=200)
    assert first_scores(answer) == [4 * 250 / 255, 12 * GREY / 255]


def test_an_array_is_rows(trained: ApiClient) -> None:
    file = io.BytesIO()
    np.save(file, np.full((2, 2, 2, 3), 51, np.uint8))
    assert first_scores(post(trained, file.getvalue(), "application/x-npy")) == [2.4, 2.4]


def test_an_empty_body_is_one_fault_of_the_body(trained: ApiClient) -> None:
    for content_type in ("text/csv", "application/x-npy", "image/png"):
        (fault,) = post(trained, "", content_type, expect=422)["errors"]
        assert (fault["detail"], fault["pointer"]) == ("The body is empty.", "#")


def test_csv_without_a_header_is_rows_of_numbers(trained: ApiClient) -> None:
    assert first_scores(post(trained, ",".join(["51"] * 12), "text/csv")) == [2.4]
    for data in ("", "1,2\n"):
        post(trained, data, "text/csv", expect=422)


@pytest.mark.usefixtures("worker")
def test_csv_with_a_header_is_rows_of_a_table(api: ApiClient) -> None:
    rows = [{"width": 1, "colour": "red", "y": 0.5}, {"width": 2, "colour": "blue", "y": 1.5}]
    api.post("/v1/datasets", {"name": "few", "source": "inline", "rows": rows, "target": "y"})
    model = {**SORTER, "name": "few", "task": "regression", "loss": "mse", "input": {"dataset": "few"}}
    api.post("/v1/models", {**model, "layers": [{"type": "Dense", "units": 1}]})
    api.post("/v1/training-jobs", {"model": "few", "dataset": "few", "epochs": 1}, Prefer="wait=20")
    path = "/v1/models/few/predictions"
    answer = post(api, "colour,width\nred,1\ngreen,2\n", "text/csv; charset=utf-8", path=path)
    assert len(answer["predictions"]) == 2
    assert [(warning["row"], warning["column"]) for warning in answer["warnings"]] == [(1, "colour")]
    latin = post(api, "colour,y,width\nred,0,1\n".encode("latin-1"), "text/csv; charset=ISO-8859-1", path=path)
    assert latin["predictions"] == answer["predictions"][:1]
    for charset in ("utf-7", "unicode_escape", "none"):
        problem = post(api, "colour,width\nred,1\n", f"text/csv; charset={charset}", expect=415, path=path)
        assert "utf-8, ascii" in problem["detail"]
    problem = post(api, "colour,width\nred,1\nblue,wide\n", "text/csv", expect=422, path=path)
    assert (problem["errors"][0]["row"], problem["errors"][0]["column"]) == (1, "width")


@pytest.mark.usefixtures("worker")
def test_the_file_of_the_dataset_is_posted_as_it_is(api: ApiClient) -> None:
    rows = [{"size": 1.5, "floor": 3, "y": 0.5}, {"size": None, "floor": 12, "y": 1.5}, {"size": 7, "floor": 3, "y": 2}]
    lines = b"\n".join(map(orjson.dumps, rows))
    form = {"name": "flats", "target": "y", "types": '{"floor": "category"}', "split": '{"validation": 0, "test": 0}'}
    api.send("POST", "/v1/datasets", 201, data=form | {"file": (io.BytesIO(lines), "flats.jsonl")})
    model = {**SORTER, "name": "flats", "task": "regression", "loss": "mse", "input": {"dataset": "flats"}}
    api.post("/v1/models", {**model, "layers": [{"type": "Dense", "units": 1}]})
    api.post("/v1/training-jobs", {"model": "flats", "dataset": "flats", "epochs": 1}, Prefer="wait=20")
    wanted = api.post("/v1/models/flats/predictions", {"instances": rows}, expect=200)["predictions"]
    assert len({prediction["value"] for prediction in wanted}) == 3
    table, parquet = polars.DataFrame(rows), io.BytesIO()
    table.write_parquet(parquet)
    files = {
        "application/x-ndjson": lines,
        "application/jsonl": lines,
        "application/vnd.apache.parquet": parquet.getvalue(),
        "text/csv": table.write_csv().encode(),
        "application/json": orjson.dumps(rows),
    }
    for label in ("", "/versions/1"):
        for type_, data in files.items():
            path = f"/v1/models/flats{label}/predictions"
            if type_ != "application/json":
                assert post(api, data, type_, path=path)["predictions"] == wanted
            posted = {"file": (io.BytesIO(data), "rows")}
            assert post(api, posted, "multipart/form-data", path=path)["predictions"] == wanted


@pytest.mark.usefixtures("worker")
def test_unknown_columns_are_ignored_if_the_query_says_so(api: ApiClient) -> None:
    rows = [{"width": 1, "y": 0.5}, {"width": 2, "y": 1.5}]
    api.post("/v1/datasets", {"name": "few", "source": "inline", "rows": rows, "target": "y"})
    model = {**SORTER, "name": "few", "task": "regression", "loss": "mse", "input": {"dataset": "few"}}
    api.post("/v1/models", {**model, "layers": [{"type": "Dense", "units": 1}]})
    api.post("/v1/training-jobs", {"model": "few", "dataset": "few", "epochs": 1}, Prefer="wait=20")
    path, body = "/v1/models/few/predictions", {"instances": [{"width": 1, "id": 7}]}
    assert api.post(path, body, expect=422)["errors"][0]["column"] == "id"
    assert api.post(f"{path}?extra=refuse", body, expect=422)["errors"][0]["pointer"] == "#/instances/0/id"
    answer = api.post(f"{path}?extra=ignore", body, expect=200)
    assert answer["warnings"] == [
        {"row": None, "column": None, "type": "ignored_columns", "detail": '1 unknown column was ignored: "id".'}
    ]
    problem = api.post(f"{path}?extra=drop", body, expect=400)
    assert problem["errors"][0]["parameter"] == "extra"


def test_what_can_not_be_read_is_a_problem(trained: ApiClient) -> None:
    good = picture(RED, 2, 2)
    for content_type in ("image/svg+xml", "application/octet-stream", ""):
        problem = post(trained, good, content_type, expect=415)
        assert "image/png" in problem["detail"]
    for data, content_type in (
        (b"", "image/png"),
        (good[:50], "image/png"),
        (b"no array", "application/x-npy"),
        ({"other": (io.BytesIO(good), "a.png")}, "multipart/form-data"),
        ({"file": "no file"}, "multipart/form-data"),
        ({}, "multipart/form-data"),
    ):
        post(trained, data, content_type, expect=422)
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + good
    for content_type in ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=é"):
        post(trained, form, content_type, expect=400)
    post(trained, bytes(200_000), "image/png", expect=413)
    assert len(post(trained, good, "image/png")["predictions"]) == 1


def test_a_form_reserves_its_memory_and_refuses_large_fields_and_most_unknown_ones() -> None:
    part = '--x\r\nContent-Disposition: form-data; name="field%d"\r\n\r\n%s\r\n'
    large = [part % (0, "a" * 1_000_000)]
    many = [part % (number, "a") for number in range(200)]
    for parts, says in ((large, "no other field of more than"), (many, "unknown")):
        reserved: list[int] = []
        body = "".join([*parts, "--x--\r\n"]).encode()
        with pytest.raises(InvalidRequest) as caught:
            read_instances("multipart/form-data; boundary=x", body, 64, Allowance(reserve=reserved.append))
        assert reserved == [2 * len(body)]
        assert says in caught.value.faults[0].detail
        assert len(caught.value.faults) <= MOST_FAULTS


def test_a_form_with_one_bad_picture_names_its_row(trained: ApiClient) -> None:
    files = [(io.BytesIO(data), name) for name, data in (("a.png", picture(RED)), ("b.png", b"bad"))]
    problem = post(trained, {"file": files}, "multipart/form-data", expect=422)
    assert [(error["row"], error["file"]) for error in problem["errors"]] == [(1, "b.png")]
    assert problem["detail"].startswith("Row 1, b.png: ")
