"""The pages of models without a browser: what failed and why, what a key forbids, and what isn't there."""

from tests.journeys.specs import LINE, named
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker
from tests.service.api.keys import Keys


def page(api: ApiClient, path: str, status: int = 200, **headers: str) -> str:
    response = api.http.get(path, headers=headers)
    assert response.status_code == status, response.text
    return response.text


def test_without_models_the_list_says_how_to_make_one(api: ApiClient) -> None:
    assert "There are no models yet." in page(api, "/ui/models")


def test_a_model_that_waits_and_a_version_that_is_missing_say_so(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    assert 'data-wait-for="/v1/models/line"' in page(api, "/ui/models/line")
    assert "There is no model &#34;nothing&#34;" in page(api, "/ui/models/nothing", 404)
    idle_worker.run_all()
    assert "It has no version yet." in page(api, "/ui/models/line")
    assert "has no version yet" in page(api, "/ui/models/line/try")
    page(api, "/ui/models/line/versions/7", 404)


def test_a_failed_model_shows_why(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", named(LINE, "unlucky", description=UNBUILDABLE), 202, Prefer="wait=0")
    idle_worker.run_all()
    assert "The shapes don&#39;t fit." in page(api, "/ui/models/unlucky")
    assert "The shapes don&#39;t fit." in page(api, "/ui/models")


def test_pages_of_a_trained_model(trained: ApiClient) -> None:
    shown = page(trained, "/ui/models/line")
    assert "/v1/models/line/versions/1/boundary?width=" in shown
    assert "client.training_jobs.create(&#34;line&#34;, &#34;line&#34;, epochs=3" in shown
    assert "keras.Sequential" in shown
    assert "Keras network" in page(trained, "/ui/models/line/versions/1")
    assert 'data-pointer="#/instances/0/0"' in page(trained, "/ui/models/line/try?version=1")
    job = trained.get("/v1/training-jobs")["items"][0]
    assert "trained by" in page(trained, f"/ui/models/line/try?job={job['id']}")
    trained.post("/v1/models", named(LINE, "other"), 202, Prefer="wait=0")
    page(trained, f"/ui/models/other/try?job={job['id']}", 404)


def test_a_key_that_reads_sees_no_buttons_and_is_told_that_it_cannot_predict(trained: ApiClient, of: Keys) -> None:
    key = f"Bearer {of.make('read')}"
    shown = page(trained, "/ui/models/line", Authorization=key)
    assert "data-send" not in shown
    assert "<form" not in shown
    assert "Your key can&#39;t predict" in page(trained, "/ui/models/line/try", Authorization=key)


def test_variants_are_shown_while_they_are_made_and_afterwards(trained: ApiClient, idle_worker: FakeWorker) -> None:
    url, path = "/v1/models/line/versions/1/variants", "/ui/models/line/versions/1"
    assert "data-create" in page(trained, path)
    job = trained.post(url, {"type": "int8"}, 202)["links"]["self"]
    shown = page(trained, path)
    assert f'data-wait-for="{job}"' in shown
    assert f'data-send="PATCH {job}"' in shown, "the job can be cancelled"
    assert "data-create" not in shown
    assert 'id="variant"' not in page(trained, "/ui/models/line/try?version=1")
    idle_worker.run_all()
    shown = page(trained, path)
    assert "yes, on test rows" in shown
    assert "2 ×" in shown
    assert "r2 0.9<br>" in shown
    assert '<option value="int8" selected>' in page(trained, "/ui/models/line/try?version=1&variant=int8")

    trained.put("/v1/models/line/labels/champion", {"version": 1, "variant": "int8"}, 201)
    assert "champion (int8)" in page(trained, path)
    assert "champion (int8)" in page(trained, "/ui/models/line")
    trained.post(url, {"type": "int8", "max_accuracy_drop": 0}, 202)
    idle_worker.run_all()
    shown = page(trained, path)
    assert "couldn&#39;t be made again; the earlier one stays." in shown
    assert "The r2 drops by 0.005." in shown


def test_a_variant_that_failed_shows_its_figures(trained: ApiClient, idle_worker: FakeWorker, of: Keys) -> None:
    wanted = {"type": "int8", "max_accuracy_drop": 0}
    of.send(of.admin, "POST", "/v1/models/line/versions/1/variants", 202, json=wanted)
    idle_worker.run_all()
    shown = page(trained, "/ui/models/line/versions/1", Authorization=f"Bearer {of.make('read')}")
    assert "wasn&#39;t made.</strong> The r2 drops by 0.005." in shown
    assert "version: 0.905" in shown
    assert "data-create" not in shown
