"""Models over HTTP: specs are checked, built, shown, changed, deleted."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models.spec import TargetScaling
from service.api.front.app import Front
from service.context import Context
from service.errors import NotFound
from service.operations.catalog.target_scaling import check_target_scaling
from service.storage import datasets
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker
from tests.service.api.front_client import FrontClient

OF_DATA = LINE | {"input": {"dataset": "line"}}


@pytest.mark.usefixtures("worker")
def test_a_model_that_is_built_within_the_wait_is_a_201(api: ApiClient) -> None:
    response = api.send("POST", "/v1/models", 201, json=named(LINE, "line", description="two numbers"))
    model = response.json
    assert model is not None
    assert response.headers["Location"] == model["links"]["self"] == "/v1/models/line"
    assert model["id"].startswith("md_")
    assert model["status"] == "ready"
    assert model["summary"]["parameters"] == 2
    assert model["description"] == "two numbers"
    assert model["layers"] == LINE["layers"]
    assert (model["latest_version"], model["labels"], model["model_version_status"]) == (None, {}, [])
    assert api.get("/v1/models/line") == model


def test_a_model_that_takes_longer_is_a_202_and_ready_later(api: ApiClient, idle_worker: FakeWorker) -> None:
    response = api.send("POST", "/v1/models", 202, json=LINE, headers={"Prefer": "wait=0"})
    assert response.headers["Preference-Applied"] == "wait=0"
    assert response.json is not None
    assert response.json["status"] == "building"
    assert response.json["summary"] is None
    assert api.get("/v1/models/line/summary", 409)["type"] == "/problems/not-ready"
    idle_worker.run_next()
    assert api.get("/v1/models/line")["status"] == "ready"


@pytest.mark.usefixtures("worker")
def test_a_spec_that_cannot_be_built_is_a_422_and_nothing_is_kept(api: ApiClient) -> None:
    problem = api.post("/v1/models", named(LINE, "line", description=UNBUILDABLE), expect=422)
    assert problem["type"] == "/problems/invalid-spec"
    assert problem["errors"] == [{"detail": "The shapes don't fit.", "pointer": "#/layers/0"}]
    api.get("/v1/models/line", 404)
    api.post("/v1/models", LINE)


@pytest.mark.usefixtures("worker")
def test_a_dry_run_shows_the_model_and_keeps_nothing(api: ApiClient) -> None:
    model = api.post("/v1/models?dry_run=true", LINE, expect=200)
    assert (model["id"], model["created_at"], model["links"]) == (None, None, None)
    assert model["status"] == "ready"
    assert model["summary"]["parameters"] == 2
    assert api.get("/v1/models")["items"] == []
    problem = api.post("/v1/models?dry_run=true", named(LINE, "line", description=UNBUILDABLE), expect=422)
    assert problem["errors"][0]["pointer"] == "#/layers/0"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"layers": [{"type": "Dnse"}]}, "#/layers/0/type"),
        ({"layers": {}}, "#/layers"),
        ({"input": "dataset"}, "#/input"),
        ({"input": {"shape": [1], "scalling": "unit"}}, "#/input/scalling"),
        ({"input": {"shape": [1], "dataset": "line"}}, "#/input/shape"),
        ({"input": {"shape": [1], "missing": "mean"}}, "#/input/missing"),
        ({"input": {"dataset": "nothing"}}, "#/input/dataset"),
        ({"input": {"dataset": 5}}, "#/input/dataset"),
        ({"inputs": {"a": {"shape": [1], "size": 1}}}, "#/inputs/a/size"),
        ({"metrics": None}, "#/metrics"),
        ({"task": "regresion"}, "#/task"),
        ({"description": "a\0b"}, "#/description"),
        ({"nmae": "x"}, "#/nmae"),
    ],
)
def test_faults_of_a_spec_are_located(api: ApiClient, change: dict[str, Any], pointer: str) -> None:
    problem = api.post("/v1/models", LINE | change, expect=422)
    assert pointer in [fault["pointer"] for fault in problem["errors"]]
    api.get("/v1/models/line", 404)


def test_a_dataset_that_is_not_ready_is_a_409_with_a_time_to_come_back(api: ApiClient) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    response = api.send("POST", "/v1/models", 409, json=OF_DATA, headers={"Prefer": "wait=0"})
    assert response.json is not None
    assert response.json["detail"] == 'The dataset "line" is processing.'
    assert "Retry-After" in response.headers


def test_a_model_waits_for_its_dataset_and_then_for_its_build(
    api: ApiClient, app: Front, idle_worker: FakeWorker
) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")

    def create(path: str, status: int) -> Any:
        return ApiClient(FrontClient(app)).post(path, OF_DATA, status, Idempotency_Key=path)

    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(create, "/v1/models", 201), pool.submit(create, "/v1/models?dry_run=true", 200)]
        wait_for(lambda: idle_worker.run_next("import"))
        for _ in answers:
            wait_for(lambda: idle_worker.run_next("build"))
    assert [answer.result()["input"]["shape"] for answer in answers] == [[1], [1]]
    assert create("/v1/models", 201)["id"] == api.get("/v1/models/line")["id"]


def test_a_model_does_not_wait_for_a_dataset_whose_import_fails(
    api: ApiClient, app: Front, idle_worker: FakeWorker
) -> None:
    api.post("/v1/datasets", named(LINE_DATASET, "line", inputs=[[1], [2, 3]], targets=[1, 2]), 202, Prefer="wait=0")
    with ThreadPoolExecutor() as pool:
        refused = pool.submit(ApiClient(FrontClient(app)).post, "/v1/models", OF_DATA, 409)
        wait_for(lambda: idle_worker.run_next("import"))
    assert refused.result()["detail"].startswith('The dataset "line" is failed.')


@pytest.mark.usefixtures("worker")
def test_the_summary_is_json_or_the_table_of_keras(api: ApiClient) -> None:
    api.post("/v1/models", LINE)
    assert api.get("/v1/models/line/summary")["parameters"] == 2
    assert api.send("GET", "/v1/models/line/summary", 200).headers["Vary"] == "Accept, Accept-Encoding, User-Agent"
    text = api.send("GET", "/v1/models/line/summary", 200, headers={"Accept": "text/plain"})
    assert text.mimetype == "text/plain"
    assert "sequential" in text.text
    assert text.headers["Vary"] == "Accept, Accept-Encoding"
    api.get("/v1/models/line/summary", 406, Accept="text/csv")


@pytest.mark.usefixtures("worker")
def test_only_the_description_can_be_changed(api: ApiClient) -> None:
    api.post("/v1/models", LINE)
    assert api.patch("/v1/models/line", {"description": "new"})["description"] == "new"
    merge = {"Content-Type": "application/merge-patch+json"}
    api.send("PATCH", "/v1/models/line", 200, data=b'{"description": "newer"}', headers=merge)
    assert api.get("/v1/models/line")["description"] == "newer"
    assert api.patch("/v1/models/line", {}) == api.get("/v1/models/line")
    api.patch("/v1/models/nobody", {}, 404)
    assert api.patch("/v1/models/line", {"layers": []}, 422)["errors"]
    api.patch("/v1/models/nobody", {"description": "new"}, 404)


def test_a_taken_name_is_a_409_also_for_two_at_once(app: Front) -> None:
    def create() -> int:
        return FrontClient(app).post("/v1/models", json=LINE, headers={"Prefer": "wait=0"}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: create(), range(4))) == [202, 409, 409, 409]


@pytest.mark.usefixtures("worker")
def test_items_of_lists_leave_out_what_is_long(api: ApiClient) -> None:
    api.post("/v1/models", LINE)
    (item,) = api.get("/v1/models?task=regression&status=ready")["items"]
    assert item["name"] == "line"
    assert not {"layers", "summary", "model_version_status"} & set(item)
    assert api.get("/v1/models?task=binary")["items"] == []


@pytest.mark.usefixtures("worker")
def test_a_deleted_model_takes_its_versions_and_leaves_its_jobs(api: ApiClient) -> None:
    api.make_line()
    job = api.train_line()
    api.delete("/v1/models/line")
    api.get("/v1/models/line/versions/1", 404)
    left = api.get(job["links"]["self"])
    assert left["links"]["model"] is None
    assert "version" not in left["links"]
    api.post("/v1/models", LINE)
    assert api.get(job["links"]["self"])["links"]["model"] is None


def test_a_model_that_a_job_needs_stays(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    while idle_worker.run_next():
        pass
    api.post("/v1/training-jobs", TRAINING, 202)
    assert api.send("DELETE", "/v1/models/line", 409).json["type"] == "/problems/in-use"  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/v1/layer-types", "Dense"),
        ("/v1/optimizer-types", "Adam"),
        ("/v1/loss-types", "MeanSquaredError"),
        ("/v1/metric-types", "MeanAbsoluteError"),
    ],
)
def test_the_catalogue_describes_every_parameter(api: ApiClient, path: str, type_: str) -> None:
    entry = next(entry for entry in api.get(path)["items"] if entry["type"] == type_)
    assert entry["category"]
    assert entry["description"]
    for parameter in entry["parameters"]:
        assert {"name", "type", "required", "default", "minimum", "maximum", "allowed", "description"} == set(parameter)


CARS: dict[str, Any] = {
    "name": "cars",
    "source": "inline",
    "rows": [
        {"hp": 100, "town": "Bern", "y": 1.5},
        {"hp": None, "town": "Chur", "y": 2.5},
        {"hp": 90, "town": "Bern", "y": 3.5},
    ],
    "target": "y",
}


@pytest.mark.usefixtures("worker")
def test_a_model_of_a_table_says_what_replaces_missing_values(api: ApiClient) -> None:
    api.post("/v1/datasets", CARS)
    chosen = {"dataset": "cars", "missing": {"hp": "mean"}, "missing_indicator": True}
    model = api.post("/v1/models", named(LINE, "cars", input=chosen))
    assert model["input"]["shape"] == [5]
    assert model["input"]["columns"] == [
        {"name": "hp", "type": "number", "missing": "mean", "missing_indicator": True},
        {"name": "town", "type": "category", "categories": ["Bern", "Chur"]},
    ]
    for wrong, pointer in (
        ({"missing": "average"}, "#/input/missing"),
        ({"missing": {"town": "mean"}}, "#/input/missing/town"),
        ({"missing_indicator": ["power"]}, "#/input/missing_indicator/0"),
    ):
        posted = named(LINE, "wrong", input={"dataset": "cars", **wrong})
        assert api.post("/v1/models", posted, expect=422)["errors"][0]["pointer"] == pointer


@pytest.mark.usefixtures("worker")
def test_missing_values_of_other_datasets_than_tables_have_no_options(api: ApiClient) -> None:
    api.post("/v1/datasets", LINE_DATASET)
    posted = named(LINE, "line", input={"dataset": LINE_DATASET["name"], "missing": "mean"})
    (error,) = api.post("/v1/models", posted, expect=422)["errors"]
    assert (error["pointer"], "isn't one" in error["detail"]) == ("#/input/missing", True)


PRICES: dict[str, Any] = {
    "name": "prices", "source": "inline", "target": "price",
    "rows": [{"size": 20.5 + 10 * number, "price": 135_000.5 + 7_000 * number} for number in range(8)],
}  # fmt: skip
PRICING = named(LINE, "pricing", input={"dataset": "prices"})


@pytest.mark.usefixtures("worker")
def test_a_regression_shows_how_its_target_is_scaled(api: ApiClient) -> None:
    api.post("/v1/datasets", PRICES)
    assert api.post("/v1/models", PRICING)["target"] == {"scaling": "standard"}
    assert api.post("/v1/models", named(PRICING, "log", target={"scaling": "log"}))["target"] == {"scaling": "log"}
    assert api.post("/v1/models", LINE)["target"] == {"scaling": "none"}
    poisson = api.post("/v1/models", named(PRICING, "counts", loss="poisson"))
    assert poisson["target"] == {"scaling": "none"}
    assert api.get("/v1/models/counts")["target"] == {"scaling": "none"}
    classes = named(PRICING, "classes", task="binary", loss="mse")
    assert api.post("/v1/models?dry_run=true", classes | {"input": {"shape": [1]}}, expect=200)["target"] is None


@pytest.mark.usefixtures("worker")
def test_a_target_that_cannot_be_scaled_is_a_422_with_the_reason(api: ApiClient) -> None:
    api.post("/v1/datasets", PRICES)
    losses = [{"date": row["size"], "price": -row["price"]} for row in PRICES["rows"][:3]]
    api.post("/v1/datasets", PRICES | {"name": "losses", "rows": [*losses, {"date": 1, "price": 5.5}]})

    def refused(document: dict[str, Any], url: str = "/v1/models") -> tuple[str, str]:
        (fault,) = api.post(url, document, expect=422)["errors"]
        return fault["pointer"], fault["detail"]

    standard, log = {"target": {"scaling": "standard"}}, {"target": {"scaling": "log"}}
    assert refused(PRICING | standard | {"loss": "poisson"}) == (
        "#/target/scaling",
        "The loss Poisson takes the targets as they are, so the target can't be scaled: use `none`.",
    )
    assert refused(PRICING | standard | {"task": "binary"})[0] == "#/target/scaling"
    assert refused(PRICING | {"target": {"scaling": "cube"}})[0] == "#/target/scaling"
    too_small = '3 rows have a value of -1 or less in the target "price", but the target scaling "log" needs'
    pointer, detail = refused(named(LINE, "loss", input={"dataset": "losses"}) | log)
    assert (pointer, detail.startswith(too_small)) == ("#/target/scaling", True)
    api.post("/v1/models", LINE | log)
    pointer, detail = refused({"model": "line", "dataset": "losses", "epochs": 1}, "/v1/training-jobs")
    assert (pointer, detail.startswith(too_small)) == ("#/dataset", True)


@pytest.mark.usefixtures("worker")
def test_a_dataset_that_is_deleted_while_its_targets_are_checked_is_gone_not_damaged(
    api: ApiClient, context: Context
) -> None:
    api.post("/v1/datasets", PRICES)
    with context.database.read() as session:
        dataset = datasets.by_name(session, PRICES["name"])
    api.delete(f"/v1/datasets/{PRICES['name']}")
    with pytest.raises(NotFound, match="deleted meanwhile"):
        check_target_scaling(context, TargetScaling.LOG, dataset, "#/dataset")
