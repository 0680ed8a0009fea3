"""The jobs that the pages list, without a browser: which kinds, why they wait, and where their results are seen."""

import io
import re
from typing import Any

from service.api.ui.newest_jobs import SCHEMAS
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import queue
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker, model_file

RESULT = re.compile(r'<span><a href="([^"]+)">([^<]+)</a> <span class="break">([^<]+)</span>')
ROW = re.compile(r'<td><a href="([^"]+)">([^<]+)</a> <span class="break">([^<]+)</span></td><td>([^<]+)</td>')


def make_a_job_of_each_kind(api: ApiClient) -> list[str]:
    """Where the result of each is seen."""
    version = {"model": "line", "version": 1}
    training = api.post("/v1/training-jobs", TRAINING, 202)["id"]
    evaluation = api.post("/v1/evaluations", version | {"dataset": "tested", "split": "train"}, 202)
    batch = api.post("/v1/batch-predictions", version | {"dataset": "line"}, 202)
    api.post("/v1/models/line/versions/1/variants", {"type": "int8"}, 202)
    api.post("/v1/datasets", named(LINE_DATASET, "late"), 202, Prefer="wait=0")
    api.post("/v1/models", named(LINE, "late"), 202, Prefer="wait=0")
    form = {
        "file": (io.BytesIO(model_file()), "a.keras"),
        "name": "file",
        "task": "multiclass",
        "classes": '["a", "b", "c"]',
    }
    sent: dict[str, Any] = {"data": form, "content_type": "multipart/form-data", "headers": {"Prefer": "wait=0"}}
    api.send("POST", "/v1/models", 202, **sent)
    resources = (f"{each['links']['self']}?pretty=true" for each in (evaluation, batch))
    pages = ("models/line/versions/1#variants", "datasets/late", "models/late", "models/file")
    return [f"/ui/training-jobs/{training}", *resources, *(f"/ui/{page}" for page in pages)]


def test_the_overview_has_every_kind_of_job_with_where_its_result_is_seen(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    seen = make_a_job_of_each_kind(trained)
    waiting = ROW.findall(trained.http.get("/ui").text)
    assert sorted(place for place, *_ in waiting) == sorted(seen)
    assert len(waiting) == len(SCHEMAS)
    others = RESULT.findall(trained.http.get("/ui/training-jobs").text)
    assert sorted(place for place, *_ in others) == sorted(seen[1:])
    claimed = idle_worker.claim("variant")
    assert claimed is not None
    assert 'data-wait-for="/v1/variant-jobs/' in trained.http.get("/ui").text
    execution.put_back(context, claimed[0], queue.WORKER_SHUTDOWN)
    reasons = {place: reason for place, _, _, reason in ROW.findall(trained.http.get("/ui").text)}
    assert reasons["/ui/models/line/versions/1#variants"].startswith("Its worker was shut down.")
    for place in seen:
        assert trained.http.get(place.partition("#")[0]).status_code == 200, place


def test_a_refused_build_is_no_failed_job(trained: ApiClient, idle_worker: FakeWorker, context: Context) -> None:
    refused = named(LINE, "refused", description=UNBUILDABLE)
    with idle_worker:
        trained.post("/v1/models?dry_run=true", refused, 422)
    assert "<h2>Failed last" not in trained.http.get("/ui").text
    trained.post("/v1/models", refused, 202, Prefer="wait=0")
    FakeWorker(context).run_all()
    failed = RESULT.findall(trained.http.get("/ui").text)
    assert failed == [("/ui/models/refused", "Build of a model", "refused")]
