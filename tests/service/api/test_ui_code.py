"""Documents as code for curl, the Python client and Keras, which pages show beside forms."""

from dataclasses import replace
from typing import Any

from service.api.ui.code import MOST_BYTES
from service.context import Context
from tests.journeys.specs import LINE, LINE_DATASET, RINGS
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys
from tests.service.api.shared_routes import make_front

CODE = "/ui/code"
DOCUMENTS: dict[str, Any] = {"dataset": LINE_DATASET, "model": LINE, "training_job": TRAINING}


def pointers(problem: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]


def test_documents_are_written_as_code(api: ApiClient) -> None:
    written = api.post(CODE, DOCUMENTS, 200)
    assert written["curl"].count("curl http://localhost/v1/") == 3
    assert "FITSERVE_KEY" not in written["curl"] + written["python"]
    assert 'client.training_jobs.create("line", "line", epochs=3)' in written["python"]
    assert "model.fit(x_train, y_train, epochs=3)" in written["keras"]
    for name in ("python", "keras"):
        compile(written[name], name, "exec")


def test_only_what_is_posted_is_written(api: ApiClient) -> None:
    written = api.post(CODE, {"training_job": TRAINING}, 200)
    assert "v1/models" not in written["curl"]
    assert written["keras"] == ""


def test_the_code_uses_a_key_once_there_are_keys(api: ApiClient, of: Keys) -> None:
    assert of is not None
    written = api.post(CODE, DOCUMENTS, 200)
    assert written["curl"].count('-H "Authorization: Bearer $FITSERVE_KEY"') == 3
    assert "FITSERVE_KEY" in written["python"]


def test_faults_are_shown_at_their_places(api: ApiClient) -> None:
    assert pointers(api.post(CODE, {"model": {**LINE, "task": "clustering"}}, 422)) == ["#/model/task"]
    layers = [{"type": "Dense", "units": 0}, {"type": "Dens", "units": 1}]
    problem = api.post(CODE, {"model": {**LINE, "layers": layers}, "training_job": {**TRAINING, "optimizer": "x"}}, 422)
    assert pointers(problem) == ["#/model/layers/0/units", "#/model/layers/1/type", "#/training_job/optimizer"]
    assert pointers(api.post(CODE, {"dataset": {"name": "d", "source": "nowhere"}}, 422)) == ["#/dataset/source"]
    assert pointers(api.post(CODE, {}, 422)) == ["#"]
    assert pointers(api.post(CODE, [], 422)) == ["#"]
    assert pointers(api.post(CODE, {"models": RINGS}, 422)) == ["#/models"]
    assert pointers(api.post(CODE, {"model": None}, 422)) == ["#/model"]


def test_the_body_is_bounded(context: Context) -> None:
    front = make_front(replace(context, settings=replace(context.settings, max_body_bytes=2 * MOST_BYTES)))
    problem = ApiClient(FrontClient(front)).post(CODE, {"model": {**LINE, "description": "d" * MOST_BYTES}}, expect=413)
    assert problem["type"] == "/problems/body-too-large"
    assert "written as code" in problem["detail"]


def test_nothing_of_any_project_is_read(api: ApiClient) -> None:
    unknown = {**LINE, "input": {"dataset": "nowhere"}}
    written = api.post(CODE, {"model": unknown}, 200)
    assert 'client.datasets.rows("nowhere", split=split)' in written["keras"]
