"""`metadata`: what clients note of datasets, models and jobs, and find them by."""

import io
from typing import Any

import pytest

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

NOTES = {"team": "vision", "ticket": "ML-42"}
WORK = {"model": "line", "dataset": "tested"}
CREATING: dict[str, Any] = {
    "/v1/datasets": named(LINE_DATASET, "noted"),
    "/v1/models": named(LINE, "noted"),
    "/v1/training-jobs": TRAINING,
    "/v1/evaluations": WORK,
    "/v1/batch-predictions": WORK,
}
"""What makes one of each kind."""


def create(api: ApiClient, path: str, **members: Any) -> str:
    """The URL of a new resource."""
    url: str = api.post(path, {**CREATING[path], **members}, 202, Prefer="wait=0")["links"]["self"]
    return url


@pytest.mark.parametrize("path", CREATING)
def test_it_is_shown_as_it_was_posted_and_nothing_where_it_was_left_out(trained: ApiClient, path: str) -> None:
    url = create(trained, path, metadata=NOTES)
    assert trained.get(url)["metadata"] == NOTES
    newest = trained.get(f"{path}?limit=1")["items"][0]
    assert newest["metadata"] == NOTES
    left_out: tuple[dict[str, Any], ...] = ({"metadata": None}, {"metadata": {}}, {})
    for number, nothing in enumerate(left_out):
        other = {"name": f"other-{number}"} if "name" in CREATING[path] else {}
        assert trained.get(create(trained, path, **nothing, **other))["metadata"] == {}


@pytest.mark.parametrize("path", CREATING)
def test_a_patch_is_merged_into_it(trained: ApiClient, path: str) -> None:
    url = create(trained, path, metadata=NOTES)
    changed = trained.patch(url, {"metadata": {"team": "speech", "ticket": None, "phase": "2"}})
    assert changed["metadata"] == {"team": "speech", "phase": "2"}
    assert trained.patch(url, {})["metadata"] == {"team": "speech", "phase": "2"}
    assert trained.get(url)["metadata"] == {"team": "speech", "phase": "2"}
    assert trained.patch(url, {"metadata": None})["metadata"] == {}


@pytest.mark.parametrize("path", CREATING)
def test_lists_are_filtered_by_it(trained: ApiClient, path: str) -> None:
    names = iter("abcd") if "name" in CREATING[path] else None
    made = []
    for notes in ({"team": "a"}, {"team": "a", "phase": "1"}, {"team": "b", "phase": "1"}, {'"odd".$[0]': "a=b&c"}):
        made.append(create(trained, path, metadata=notes, **({"name": next(names)} if names else {})))

    def found(query: str) -> list[str]:
        return [item["links"]["self"] for item in trained.get(f"{path}?sort=created_at&{query}")["items"]]

    assert found("metadata.team=a") == made[:2]
    assert found("metadata.team=a&metadata.phase=1") == [made[1]]
    assert found("metadata.phase=1&status=failed") == []
    assert found("metadata.%22odd%22.%24%5B0%5D=a%3Db%26c") == [made[3]]
    assert found("metadata.team=") == found("metadata.nothing=a") == []


def test_pages_of_a_filtered_list_follow_one_another(api: ApiClient) -> None:
    for name in "abcdef":
        notes = {"group": "odd" if name in "ace" else "even"}
        api.post("/v1/datasets", named(LINE_DATASET, name, metadata=notes), 202, Prefer="wait=0")
    page = api.get("/v1/datasets?metadata.group=odd&limit=2&sort=name")
    assert [item["name"] for item in page["items"]] == ["a", "c"]
    assert "metadata.group=odd" in page["next"]
    page = api.get(page["next"])
    assert ([item["name"] for item in page["items"]], page["next"]) == (["e"], None)


@pytest.mark.parametrize(
    ("metadata", "pointer"),
    [
        ("text", "#/metadata"),
        (["a"], "#/metadata"),
        ({"a": 1}, "#/metadata/a"),
        ({"a": None}, "#/metadata/a"),
        ({"a": {"b": "c"}}, "#/metadata/a"),
        ({"a": "x" * 513}, "#/metadata/a"),
        ({"a": "\0"}, "#/metadata/a"),
        ({"a/b" * 22: "x"}, "#/metadata/" + "a~1b" * 22),
        ({"": "x"}, "#/metadata/"),
        ({f"key{number}": "x" for number in range(17)}, "#/metadata"),
    ],
)
def test_what_it_can_not_be_is_a_fault_with_its_place(trained: ApiClient, metadata: Any, pointer: str) -> None:
    for path, document in CREATING.items():
        (fault,) = trained.post(path, {**document, "metadata": metadata}, 422)["errors"]
        assert fault["pointer"] == pointer


def test_the_longest_that_is_allowed_is_kept(api: ApiClient) -> None:
    notes = {f"{number:02}" + "ä" * 62: "ö" * 512 for number in range(16)}
    api.post("/v1/datasets", named(LINE_DATASET, "full", metadata=notes), 202, Prefer="wait=0")
    assert api.get("/v1/datasets/full")["metadata"] == notes
    (fault,) = api.patch("/v1/datasets/full", {"metadata": {"one more": "x"}}, 422)["errors"]
    assert (fault["pointer"], "17" in fault["detail"]) == ("#/metadata", True)
    first = min(notes)
    changed = api.patch("/v1/datasets/full", {"metadata": {"one more": "x", first: None}})
    assert len(changed["metadata"]) == 16


def test_a_filter_that_is_none_is_a_fault_of_the_query(api: ApiClient) -> None:
    for query in ("metadata=a", "metadata.=a", f"metadata.{'a' * 65}=a", f"metadata.a={'x' * 513}"):
        (fault,) = api.get(f"/v1/datasets?{query}", 400)["errors"]
        assert fault["parameter"].startswith("metadata")
    api.get("/v1/datasets?metadata.a=1&metadata.a=2", 400)
    api.get("/v1/datasets/x/rows?metadata.a=1", 400)


def test_a_job_that_has_ended_keeps_its_result_while_its_metadata_changes(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    url = create(trained, "/v1/evaluations")
    idle_worker.run_all()
    assert trained.patch(url, {"metadata": NOTES})["status"] == "succeeded"
    trained.patch(url, {"metadata": {"a": "b"}, "desired_status": "cancelled"}, 409)
    assert trained.get(url)["metadata"] == NOTES


def test_a_form_has_it_as_json(trained: ApiClient) -> None:
    fields = {"name": "uploaded", "metadata": '{"team": "vision"}'}
    for path, extra in (("/v1/datasets", {"target": "y"}), ("/v1/batch-predictions", {"model": "line"})):
        form = {**(fields if path == "/v1/datasets" else {"metadata": fields["metadata"]}), **extra}
        file = (io.BytesIO(b"input,y\n1,2\n2,3\n3,4\n"), "rows.csv")
        options: Any = {"data": {**form, "file": file}, "content_type": "multipart/form-data"}
        response: Any = trained.send("POST", path, 202, headers={"Prefer": "wait=0"}, **options)
        assert response.json["metadata"] == {"team": "vision"}


def test_a_dry_run_shows_it(api: ApiClient, worker: FakeWorker) -> None:
    checked = api.post("/v1/models?dry_run=true", {**LINE, "metadata": NOTES}, 200)
    assert checked["metadata"] == NOTES
