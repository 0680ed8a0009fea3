"""Columns of texts over HTTP: models that take them, and predictions in every protocol."""

from typing import Any

import pytest

from tests.service.api.api_client import ApiClient

REVIEWS = {
    "name": "reviews", "source": "inline", "target": "liked", "types": {"review": "text"},
    "rows": [
        {"review": "a good film", "stars": 5, "liked": "yes"}, {"review": "a bad film", "stars": 1, "liked": "no"},
        {"review": None, "stars": 3, "liked": "no"}, {"review": "good good", "stars": 4, "liked": "yes"},
    ],
}  # fmt: skip
TEXT: dict[str, Any] = {"column": "review", "max_tokens": 5, "length": 2}
MODEL: dict[str, Any] = {
    "name": "critic", "task": "multiclass", "input": {"dataset": "reviews", "text": TEXT}, "optimizer": "adam",
    "layers": [{"type": "Dense", "units": 2, "activation": "softmax"}], "loss": "sparse_categorical_crossentropy",
}  # fmt: skip
EMBEDDING = [
    {"type": "Embedding", "input_dim": 5, "output_dim": 2}, {"type": "GlobalAveragePooling1D"}, *MODEL["layers"],
]  # fmt: skip


@pytest.fixture
def client(api: ApiClient, worker: object) -> ApiClient:
    api.post("/v1/datasets", REVIEWS)
    return api


@pytest.fixture
def trained(client: ApiClient) -> ApiClient:
    """A client of an app with a version of `critic`, whose first output is the sum of a text's token ids."""
    client.post("/v1/models", MODEL)
    client.post("/v1/training-jobs", {"model": "critic", "dataset": "reviews", "epochs": 1}, Prefer="wait=20")
    return client


def errors(client: ApiClient, **change: Any) -> list[tuple[str, str]]:
    model = {name: value for name, value in (MODEL | change).items() if value is not None}
    problem = client.post("/v1/models", model, expect=422)
    return [(error["pointer"], error["detail"]) for error in problem["errors"]]


def test_a_model_shows_how_it_reads_texts(client: ApiClient) -> None:
    defaults = {
        "standardize": "lower_and_strip_punctuation", "split": "whitespace", "ngrams": None, "output_mode": "int",
    }  # fmt: skip
    model = client.post("/v1/models", MODEL)
    assert model["input"] == {"dataset": "reviews", "shape": [2], "scaling": "none", "text": TEXT | defaults}
    again = {name: model[name] for name in MODEL if name != "input"} | {"name": "again"}
    assert client.post("/v1/models", again | {"input": {"dataset": "reviews", "text": model["input"]["text"]}})
    bag = {"dataset": "reviews", "text": {"column": "review", "max_tokens": 7, "output_mode": "tf_idf", "ngrams": 2}}
    assert client.post("/v1/models", MODEL | {"name": "bag", "input": bag})["input"]["shape"] == [7]


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ({"column": "reviw"}, "/column", 'The dataset has no column "reviw".'),
        ({"column": "stars"}, "/column", 'The dataset has a number column "stars": to use it as text, set "types" to'),
        ({"column": "liked"}, "/column", 'The dataset has the column "liked" as its target, which can\'t be an input.'),
        ({"length": None}, "/length", "can't be null"),
        ({"output_mode": "count"}, "/length", "`length` is for the output mode `int`; with `count` a row has"),
        ({"max_tokens": 2}, "/max_tokens", "must be an integer between 3 and 1,000,000"),
        ({"split": "sentence"}, "/split", "must be one of whitespace, character"),
        ({"ngrams": 1}, "/ngrams", "must be an integer between 2 and 10"),
        ({"lenght": 2}, "/lenght", ""),
    ],
)
def test_faults_of_text_options_are_located(client: ApiClient, text: Any, pointer: str, detail: str) -> None:
    ((where, what),) = errors(client, input={"dataset": "reviews", "text": TEXT | text})
    assert where == f"#/input/text{pointer}"
    assert detail in what


def test_faults_of_inputs_with_texts_are_located(client: ApiClient) -> None:
    without = {name: value for name, value in TEXT.items() if name != "length"}
    assert errors(client, input={"dataset": "reviews", "text": without}) == [
        ("#/input/text/length", "The output mode `int` requires a `length`: the number of token ids of a row.")
    ]
    assert errors(client, input={"dataset": "reviews", "text": TEXT, "scaling": "unit"})[0][0] == "#/input/scaling"
    assert errors(client, input={"shape": [2], "text": TEXT})[0][0] == "#/input/text"
    beside = {"review": {"dataset": "reviews", "text": TEXT}, "more": {"shape": [2]}}
    assert errors(client, inputs=beside, input=None) == [
        ("#/inputs/more", 'All inputs must come from the dataset "reviews", whose texts another input takes.')
    ]
    twice = {"review": {"dataset": "reviews", "text": TEXT}, "a": {"dataset": "reviews"}, "b": {"dataset": "reviews"}}
    found = [pointer for pointer, _ in errors(client, inputs=twice, input=None)]
    assert found == ["#/inputs/a/dataset", "#/inputs/b/dataset"]


def test_an_embedding_that_is_too_small_for_the_vocabulary_is_a_fault(client: ApiClient) -> None:
    small = [EMBEDDING[0] | {"input_dim": 4}, *EMBEDDING[1:]]
    detail = 'The input "input" has `max_tokens` 5, but `input_dim` of the layer "embedding" is 4: '
    assert errors(client, layers=small) == [("#/layers/0/input_dim", f"{detail}set it to at least 5.")]
    client.post("/v1/models", MODEL | {"layers": EMBEDDING})


def test_a_table_of_texts_alone_tells_how_to_take_one(client: ApiClient) -> None:
    rows = [{"review": row["review"], "liked": row["liked"]} for row in REVIEWS["rows"]]  # type: ignore[index]
    client.post("/v1/datasets", REVIEWS | {"name": "texts", "rows": rows})
    ((pointer, detail),) = errors(client, input={"dataset": "texts"})
    assert pointer == "#/input/dataset"
    assert '"text": {"column": "review", "max_tokens": 10000, "length": 100}' in detail


def test_rows_and_csv_are_predicted_with_warnings(trained: ApiClient) -> None:
    path = "/v1/models/critic/predictions"
    answer = trained.post(path, {"instances": [{"review": "A GOOD one"}, {"review": "new", "stars": 1}]}, expect=200)
    assert [prediction["scores"][0] for prediction in answer["predictions"]] == [6, 1]
    assert [(warning["row"], warning["type"]) for warning in answer["warnings"]] == [
        (0, "truncated"),
        (1, "unknown_tokens"),
    ]
    answer = trained.send("POST", path, 200, data=b"stars,review\n1,a good\n", content_type="text/csv").json
    assert answer is not None
    assert answer["predictions"][0]["scores"][0] == 6
    problem = trained.post(path, {"instances": [{"review": 5}]}, expect=422)
    assert problem["errors"][0]["detail"] == 'Row 0: "review" must be text, not 5.'


def test_other_protocols_take_the_text_as_a_tensor(trained: ApiClient) -> None:
    assert trained.post("/v1/models/critic:predict", {"instances": [{"review": "a good"}]}, expect=200) == {
        "predictions": [[6.0, 0.0]]
    }
    assert trained.post("/v1/models/critic:predict", {"instances": ["a good"]}, expect=200)["predictions"][0][0] == 6
    tensor = {"name": "review", "datatype": "BYTES", "shape": [1, 1], "data": ["a good"]}
    answer = trained.post("/v2/models/critic/infer", {"inputs": [tensor]}, expect=200)
    assert answer["outputs"][0]["data"] == [6, 0]
    metadata = trained.get("/v2/models/critic")
    assert metadata["inputs"] == [{"name": "review", "datatype": "BYTES", "shape": [-1, 1]}]


def test_the_preprocessing_has_the_vocabulary_and_the_options(trained: ApiClient) -> None:
    document = trained.get("/v1/models/critic/versions/1/artifacts/preprocessing")["inputs"]["input"]
    assert document["vocabulary"] == ["good", "film", "a"]
    assert document["text"] == trained.get("/v1/models/critic")["input"]["text"]


def test_batches_predict_the_rows_of_a_dataset(trained: ApiClient) -> None:
    batch = trained.post(
        "/v1/batch-predictions", {"model": "critic", "dataset": "reviews"}, expect=201, Prefer="wait=20"
    )
    result = trained.send("GET", batch["links"]["result"], 200, headers={"Accept": "application/x-ndjson"}).text
    assert result.count("\n") == 4


def test_unknown_columns_beside_a_text_are_ignored_if_the_client_says_so(trained: ApiClient) -> None:
    path = "/v1/models/critic/predictions?extra=ignore"
    answer = trained.post(path, {"instances": [{"review": "a good", "other": 1}]}, expect=200)
    assert answer["predictions"][0]["scores"][0] == 6
    assert [warning["type"] for warning in answer["warnings"]] == ["ignored_columns"]
