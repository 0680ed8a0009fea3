"""The metrics of the service: what is counted, in which formats, and what is there while parts of it are away."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.context import Context
from service.identity import identify
from service.operations.metrics import counted
from service.operations.metrics.collector import Collector
from service.operations.metrics.counted import PREDICTED
from service.operations.metrics.database_figures import WORKER_STATES, DatabaseReader
from service.operations.metrics.exposition import TEXT
from service.storage.figures import JobCount
from service.storage.records import Job, Worker
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys
from tests.service.api.metrics_page import OPENMETRICS, Page, read_page
from tests.service.api.shared_routes import make_front

ROWS = {"instances": [[1], [2]]}
REQUESTS = "fitserve_http_requests_total"


@pytest.fixture(autouse=True)
def empty_tables() -> None:
    """Other tests of this process may have filled the tables: then new rows are counted as `other`."""
    counted.share()


def increase(api: ApiClient, before: Page, name: str, **labels: object) -> float:
    return read_page(api).value(name, **labels) - before.value(name, **labels)


def test_both_formats_say_the_same_and_a_scraper_chooses(api: ApiClient) -> None:
    text = api.send("GET", "/metrics", 200)
    assert text.content_type == "text/plain; version=0.0.4; charset=utf-8"
    prometheus = f"{OPENMETRICS};version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    openmetrics = api.send("GET", "/metrics", 200, headers={"Accept": prometheus})
    assert openmetrics.content_type == f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
    shown = Page(openmetrics.text, is_openmetrics=True).families
    assert {name: (shown[name].type, shown[name].documentation) for name in shown} == {
        name: (family.type, family.documentation) for name, family in Page(text.text).families.items()
    }
    for accept in ("text/plain", "*/*", "text/*", "text/plain;version=1.0.0;q=0.5, application/json;q=0.9"):
        assert api.send("GET", "/metrics", 200, headers={"Accept": accept}).mimetype == "text/plain"


def test_they_are_where_tensorflow_serving_has_them_too(api: ApiClient) -> None:
    response = api.send("GET", "/monitoring/prometheus/metrics", 200)
    assert "fitserve_api_processes 1.0" in response.text


def test_what_cannot_be_sent_is_refused(api: ApiClient) -> None:
    api.get("/metrics", 406, Accept="application/json")
    (fault,) = api.get("/metrics?name=fitserve_jobs", 400)["errors"]
    assert fault["parameter"] == "name"
    assert set(api.send("POST", "/metrics", 405).headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    head = api.send("HEAD", "/metrics", 200)
    assert (head.data, head.mimetype) == (b"", "text/plain")


def test_a_page_is_compressed_and_not_kept(api: ApiClient) -> None:
    page = api.send("GET", "/metrics", 200, headers={"Accept": OPENMETRICS, "Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Vary"] == "Accept, Accept-Encoding"


def test_requests_are_counted_by_the_template_of_their_route(api: ApiClient) -> None:
    before = read_page(api)
    for name in ("a", "b", "c"):
        api.get(f"/v1/models/{name}", 404)
    api.send("PUT", "/v1/models/a", 405)
    api.send("GET", "/v1/training-jobs/tj_1/snapshots/3", 404)
    for path in ("/nowhere", "/v1/nowhere/else", "/v1/models/a/b/c"):
        api.get(path, 404)
    expected = {
        ("/v1/models/{name}", "GET", 404): 3,
        ("/v1/models/{name}", "PUT", 405): 1,
        ("/v1/training-jobs/{job_id}/snapshots/{epoch}", "GET", 404): 1,
        ("unknown", "GET", 404): 3,
        ("/metrics", "GET", 200): 1,
    }
    after = read_page(api)
    for (route, method, status), count in expected.items():
        labels = {"route": route, "method": method, "status": status}
        assert after.value(REQUESTS, **labels) - before.value(REQUESTS, **labels) == count, labels
        name = "fitserve_http_request_duration_seconds"
        assert after.value(f"{name}_bucket", **labels, le="+Inf") == after.value(REQUESTS, **labels)
        assert after.value(f"{name}_sum", **labels) > 0
        buckets = [value for _, value in after.samples(f"{name}_bucket", **labels)]
        assert buckets == sorted(buckets)


def test_a_method_that_no_route_has_makes_no_row(api: ApiClient) -> None:
    before = read_page(api)
    for method in ("BREW", "FOLD"):
        api.send(method, "/v1/models", 405)
    assert increase(api, before, REQUESTS, method="other", route="/v1/models") == 2


def test_a_path_with_a_nul_is_counted_whatever_its_method(api: ApiClient) -> None:
    before = read_page(api)
    assert api.http.post("/v1/models/%00").status_code == 405
    assert increase(api, before, REQUESTS, method="POST", route="unknown") == 1


def test_predictions_are_counted_by_version_with_their_rows_and_failures(trained: ApiClient, context: Context) -> None:
    labels = {"project": "default", "model": "line", "version": 1}
    before = read_page(trained)
    for path in ("/v1/models/line/predictions", "/v1/models/line/versions/1:predict"):
        trained.post(path, ROWS, 200)
    trained.post("/v1/models/line/predictions", {"instances": [["x"]]}, 422)
    trained.post("/v1/models/nothing/predictions", ROWS, 404)
    page = read_page(trained)
    assert not list(page.samples("fitserve_predictions_total", model="nothing"))

    def increased(name: str, **more: str) -> float:
        return page.value(name, **labels, **more) - before.value(name, **labels, **more)

    assert increased("fitserve_predictions_total", outcome="success") == 2
    assert increased("fitserve_predictions_total", outcome="failure") == 1
    assert increased("fitserve_prediction_rows_total") == 4
    assert increased("fitserve_prediction_duration_seconds_count") == 2
    assert page.value("fitserve_loaded_versions") == 1
    assert page.value("fitserve_loaded_version_bytes") > 0
    assert page.value("fitserve_prediction_permits_limit", size="small") == context.settings.max_concurrent_predictions


def test_jobs_and_the_queue_are_counted_by_kind(api: ApiClient, idle_worker: FakeWorker) -> None:
    for dataset in (LINE_DATASET, named(LINE_DATASET, "second")):
        api.post("/v1/datasets", dataset, 202, Prefer="wait=0")
    idle_worker.run_next()
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    api.post("/v1/training-jobs", TRAINING, 202)
    page = read_page(api)
    imports = {"project": "default", "kind": "import"}
    assert page.value("fitserve_jobs", **imports, status="succeeded") == 1
    assert page.value("fitserve_jobs", **imports, status="queued") == 1
    assert page.value("fitserve_queue_jobs", **imports) == 1
    assert 0 < page.value("fitserve_queue_oldest_age_seconds", **imports) < 60
    # it waits for its model, not for a worker
    assert page.value("fitserve_jobs", kind="training", status="queued") == 1
    assert list(page.samples("fitserve_queue_jobs", kind="training")) == [
        ({"project": "default", "kind": "training", "queue": "cpu"}, 0)
    ]
    assert page.value("fitserve_queue_oldest_age_seconds", kind="training") == 0


def test_a_queue_is_counted_by_its_name_also_while_it_is_empty(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    idle_worker.run_all()
    for _ in range(2):
        api.post("/v1/training-jobs", {**TRAINING, "queue": "gpu"}, 202)
    with context.database.write() as session:
        session.scalars(select(Job).where(Job.queue == "gpu").limit(1)).one().status = "running"
        offers = {"host": "here", "process": identify(os.getpid()), "slots": 1, "versions": {}, "ready": True}
        session.add(Worker(id="wk_1", queues=["cpu", "large"], heartbeat_at=datetime.now(UTC), **offers))
    page = read_page(api)
    waiting, claimed = (
        {labels["queue"]: value for labels, value in page.samples(f"fitserve_queue_{name}", kind="training")}
        for name in ("jobs", "claimed_jobs")
    )
    assert waiting == {"cpu": 0, "gpu": 1, "large": 0}
    assert claimed == {"cpu": 0, "gpu": 1, "large": 0}


def test_the_age_of_a_job_in_the_queue_begins_when_it_is_queued_again(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    with context.database.write() as session:
        (job,) = session.scalars(select(Job))
        job.created_at = datetime.now(UTC) - timedelta(days=3)
    assert read_page(api).value("fitserve_queue_oldest_age_seconds", kind="import") < 60


def test_workers_are_counted_by_what_they_are_ready_for(context: Context) -> None:
    now, process = datetime.now(UTC), identify(os.getpid())
    seen = {
        "wk_1": (True, "running", now), "wk_2": (False, "running", now), "wk_3": (True, "draining", now),
        "wk_4": (True, "running", now - timedelta(minutes=1)),
    }  # fmt: skip
    with context.database.write() as session:
        for id_, (ready, desired, at) in seen.items():
            worker = {"host": "here", "process": process, "slots": 2, "versions": {}, "desired_status": desired}
            session.add(Worker(id=id_, ready=ready, heartbeat_at=at, **worker))
    page = read_page(ApiClient(FrontClient(make_front(context))))
    assert [page.value("fitserve_workers", state=state) for state in WORKER_STATES] == [1, 1, 1, 1]
    assert page.value("fitserve_worker_slots") == 2
    assert page.value("fitserve_process_memory_bytes", process="worker") > 2**20


def test_a_refused_request_is_counted_by_its_problem(
    context: Context, trained: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded = replace(context, settings=replace(context.settings, max_queued_jobs=1))
    api = ApiClient(FrontClient(make_front(crowded)))
    before = read_page(api)
    api.post("/v1/training-jobs", TRAINING, 202)
    api.post("/v1/training-jobs", TRAINING, 503)
    assert increase(api, before, "fitserve_refusals_total", code="queue-full") == 1


def test_the_delay_of_events_is_that_of_those_which_happen_while_a_stream_is_open(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    job = trained.post("/v1/training-jobs", TRAINING, 202)["links"]["events"]
    before = read_page(trained)
    stream = {"Accept": "text/event-stream"}
    with closing(trained.http.get(job, headers=stream)) as response:
        pieces: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
        assert b'"queued"' in next(pieces)
        assert read_page(trained).value("fitserve_event_streams") == 1
        assert increase(trained, before, "fitserve_event_lag_seconds_count") == 0
        claimed = idle_worker.claim("training")
        assert claimed is not None
        assert b'"running"' in next(pieces)
        idle_worker.finish(*claimed)
        list(pieces)
    assert increase(trained, before, "fitserve_event_lag_seconds_count") >= 2
    assert increase(trained, before, "fitserve_event_lag_seconds_bucket", le="60.0") >= 2
    assert read_page(trained).value("fitserve_event_streams") == 0


def test_a_database_that_does_not_answer_holds_up_no_metrics(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.front.metrics.DATABASE_SECONDS", 0.05)
    answering = threading.Event()
    monkeypatch.setattr(DatabaseReader, "read", lambda _: answering.wait(30) and None)
    for _ in range(2):
        assert read_page(api).value("fitserve_database_up") == 0
    answering.set()


def test_the_database_is_asked_once_a_second(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = DatabaseReader(context)
    first = reader.read()
    assert first is not None
    assert reader.read() is first
    for name in ("FRESH_SECONDS", "SHARE"):
        monkeypatch.setattr(f"service.operations.metrics.database_figures.{name}", 0)
    reader = DatabaseReader(context)
    assert reader.read() is not reader.read()


def test_a_project_sees_its_own_rows_and_nothing_of_the_service(context: Context) -> None:
    for project in ("default", "others"):
        PREDICTED.count_rows((project, "flowers", "1"), 1000, 1)
    read = DatabaseReader(context).read()
    assert read is not None
    counts = [JobCount(project, "training", "running", 1) for project in ("default", "others")]
    page = Page(TEXT.write(Collector(context, replace(read, jobs=counts), "others")).decode())
    samples = [sample for family in page.families.values() for sample in family.samples]
    assert {sample.labels.get("project") for sample in samples} == {None, "others"}
    assert {sample.name for sample in samples if "project" not in sample.labels} == {
        "fitserve_build_info",
        "fitserve_database_up",
    }
    assert page.value("fitserve_jobs", project="others", status="running") == 1
    assert page.value("fitserve_prediction_rows_total", project="others", model="flowers") >= 1


def test_with_keys_a_scraper_needs_one_and_sees_what_its_key_may(of: Keys, context: Context) -> None:
    of.make_project("others")
    of.client.send("GET", "/metrics", 401)
    of.client.send("GET", "/metrics", 403, headers=bearer(of.make("predict", project="others")))
    page = Page(of.client.send("GET", "/metrics", 200, headers=bearer(of.make("read", project="others"))).text)
    assert {labels["project"] for labels, _ in page.samples("fitserve_jobs")} == {"others"}
    assert REQUESTS.removesuffix("_total") not in page.families
    page = Page(of.client.send("GET", "/metrics", 200, headers=bearer(of.admin)).text)
    assert page.value(REQUESTS, route="/metrics", status=401) >= 1


def test_metrics_that_are_open_need_no_key_and_show_all(of: Keys, context: Context) -> None:
    settings = replace(context.settings, metrics_open=True)
    page = read_page(ApiClient(FrontClient(make_front(replace(context, settings=settings)))))
    assert page.value(REQUESTS) > 0
    of.client.send("GET", "/metrics", 401)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
