"""The pages of training jobs without a browser: lists, family trees, comparisons, and what a key forbids."""

import base64
import hashlib
import tomllib
from typing import Any

import pytest

from service.api.ui import job_tree
from service.api.ui.compared_jobs import MOST_JOBS
from service.api.ui.differences import MISSING, Difference, find_differences
from service.api.ui.vendored import NOTE, VENDOR, integrity
from service.context import Context
from service.operations.jobs import compared_curves
from service.operations.jobs.compared_curves import MOST_EPOCHS
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.keys import Keys


def page(api: ApiClient, path: str, status: int = 200, **headers: str) -> str:
    response = api.http.get(path, headers=headers)
    assert response.status_code == status, response.text
    return response.text


def train(api: ApiClient, worker: FakeWorker, **options: Any) -> str:
    job = api.post("/v1/training-jobs", {**TRAINING, **options}, 202)
    worker.run_all()
    return str(job["id"])


def test_files_of_libraries_are_those_that_were_published() -> None:
    for note in VENDOR.glob(f"*/{NOTE}"):
        described = tomllib.loads(note.read_text())
        assert {"version", "source", "licence"} <= set(described)
        assert (note.parent / "LICENSE.txt").exists()
        for name in described["integrity"]:
            digest = base64.b64encode(hashlib.sha384((note.parent / name).read_bytes()).digest()).decode()
            assert integrity(note.parent.name, name) == f"sha384-{digest}"


def test_the_list_is_filtered_and_paged(trained: ApiClient, idle_worker: FakeWorker) -> None:
    first = trained.get("/v1/training-jobs")["items"][0]["id"]
    second = train(trained, idle_worker, dataset="tested")
    assert first not in page(trained, "/ui/training-jobs?dataset=tested&status=&model=line")
    assert second in page(trained, "/ui/training-jobs?dataset=tested&status=&model=line")
    assert "No job matches." in page(trained, "/ui/training-jobs?status=failed")
    page(trained, "/ui/training-jobs?cursor=nonsense", 400)


def test_a_family_is_shown_as_far_as_it_goes(
    trained: ApiClient, idle_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ancestors, children = 3, 3
    monkeypatch.setattr(job_tree, "MOST_ANCESTORS", ancestors)
    monkeypatch.setattr(job_tree, "MOST_CHILDREN", children)
    idle_worker.takes_snapshots = True
    family = [train(trained, idle_worker)]
    for _ in range(ancestors + 1):
        family.append(train(trained, idle_worker, start_from={"training_job": family[-1], "epoch": 2}))
    shown = page(trained, f"/ui/training-jobs/{family[-1]}")
    assert family[1] in shown
    assert family[0] not in shown
    assert "The oldest job below started from another one" in shown
    assert "from epoch 2" in shown
    for _ in range(children):
        train(trained, idle_worker, start_from={"training_job": family[-1]})
    train(trained, idle_worker, start_from={"training_job": family[-1]})
    assert "More jobs started from this one" in page(trained, f"/ui/training-jobs/{family[-1]}")
    trained.delete(f"/v1/training-jobs/{family[0]}")
    assert f"started from {family[0]}, which was deleted" in page(trained, f"/ui/training-jobs/{family[1]}")


def test_a_job_that_makes_a_version_of_a_snapshot_says_that_it_trains_nothing(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    idle_worker.takes_snapshots = True
    job = train(trained, idle_worker)
    made = trained.post("/v1/models/line/versions", {"training_job": job, "epoch": 2}, 202)["id"]
    assert "This job trains nothing" in page(trained, f"/ui/training-jobs/{made}")


def test_a_key_that_reads_sees_no_buttons(trained: ApiClient, of: Keys) -> None:
    key = f"Bearer {of.make('read')}"
    job = trained.get("/v1/training-jobs", Authorization=key)["items"][0]
    shown = page(trained, f"/ui/training-jobs/{job['id']}", Authorization=key)
    assert "training-jobs/new" not in shown
    assert "data-send" not in shown
    assert "training-jobs/new" not in page(trained, "/ui/training-jobs", Authorization=key)
    page(trained, "/ui/training-jobs/new", 303, Authorization=key)


def test_the_form_has_the_settings_of_an_earlier_job(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = train(
        trained, idle_worker, batch_size=2, snapshots=None, class_weights=None, label="champion", precision="bfloat16"
    )
    shown = page(trained, f"/ui/training-jobs/new?job={job}&epoch=best")
    assert f"The settings are those of the job {job}." in shown
    assert 'value="2" aria-describedby="batch_size-hint"' in shown
    assert 'id="epoch" value="best"' in shown
    assert 'value="champion"' in shown
    assert "<option selected>bfloat16</option>" in shown
    assert "more than it saves in 9 steps." in page(trained, f"/ui/training-jobs/{job}")
    assert "<dd>bfloat16 (layers that computed in it: 0)</dd>" in page(trained, "/ui/models/line/versions/2")
    page(trained, "/ui/training-jobs/new?job=tj_none", 404)
    assert '<option value="line" selected>line</option>' in page(trained, "/ui/training-jobs/new?model=line")


def test_more_jobs_than_can_be_compared_are_left_out_and_counted(trained: ApiClient) -> None:
    job = trained.get("/v1/training-jobs")["items"][0]["id"]
    others = ",".join(f"tj_{number}" for number in range(MOST_JOBS + 4))
    assert f"At most {MOST_JOBS} jobs are compared: 5 more are left out." in page(
        trained, f"/ui/training-jobs/compare?jobs={job}&jobs={others}"
    )
    assert "Choose the jobs to compare" in page(trained, "/ui/training-jobs/compare")


def test_compared_curves_have_the_first_and_the_last_epoch_of_each_job(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    jobs = [train(trained, idle_worker, epochs=epochs) for epochs in (1, 7, 1000)]
    found = compared_curves.read(context, [*jobs, "tj_none"], "loss")
    assert found.is_thinned
    assert len(found.epochs) <= MOST_EPOCHS
    for epoch, values in zip((1, 7, 1000), found.values, strict=False):
        by_epoch = dict(zip(found.epochs, values, strict=True))
        assert (by_epoch[1], by_epoch[epoch]) == (1, 1 / epoch)
    assert set(found.values[-1]) == {None}


def test_differences_are_found_within_documents() -> None:
    differing, equal = find_differences(
        [
            {"epochs": 3, "optimizer": {"type": "SGD", "rate": 0.1}, "layers": [{"units": 4}], "seed": None},
            {"epochs": 3, "optimizer": {"type": "SGD", "rate": 0.2}, "layers": [{"units": 4}, {"units": 1}]},
        ]
    )
    assert differing == [
        Difference("optimizer/rate", (0.1, 0.2)),
        Difference("seed", (None, MISSING)),
        Difference("layers/1/units", (MISSING, 1)),
    ]
    assert equal == {"epochs": 3, "optimizer/type": "SGD", "layers/0/units": 4}
