"""The Python client against a real service: a whole job, and the files and arrays that it sends."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from fitserve_client import Client, JobEvent, RequestFailed
from tests.journeys.specs import LINE, LINE_DATASET, classifier, named
from tests.running_service import RunningService

SHADES = {"dark": 20, "light": 230}


@pytest.fixture(scope="module")
def fitserve(service: RunningService) -> Client:
    return Client(service.client.base_url)


@pytest.fixture(scope="module")
def line(fitserve: Client) -> str:
    """The name of a dataset and of a model with two versions, the first labelled `first`."""
    fitserve.datasets.create(named(LINE_DATASET, "client-line"))
    fitserve.models.create(named(LINE, "client-line"))
    for label in ("first", "second"):
        job = fitserve.training_jobs.create("client-line", "client-line", 300, seed=7, label=label)
        assert fitserve.training_jobs.wait(job["id"])["status"] == "succeeded"
    return "client-line"


def test_a_training_tells_how_it_goes_until_it_is_final(fitserve: Client, line: str) -> None:
    seen: list[JobEvent] = []
    job = fitserve.training_jobs.create(line, line, epochs=3, batch_size=2)
    ended = fitserve.training_jobs.wait(job["id"], progress=seen.append)
    assert (ended["status"], ended["batch_size"]) == ("succeeded", 2)
    assert [event.data["epoch"] for event in seen if event.type == "epoch"] == [1, 2, 3]
    assert [event.seq for event in seen] == list(range(1, ended["last_event"] + 1))
    assert [epoch["epoch"] for epoch in fitserve.training_jobs.metrics(job["id"])] == [1, 2, 3]
    assert "Epoch 3/3" in fitserve.training_jobs.log(job["id"])


def test_waiting_can_be_given_up_while_the_job_goes_on(fitserve: Client, line: str) -> None:
    jobs = fitserve.training_jobs
    job = jobs.create(line, line, epochs=100_000)["id"]
    with pytest.raises(TimeoutError):
        jobs.wait(job, timeout=0.1)
    with pytest.raises(TimeoutError):
        jobs.wait(job, timeout=0.1, progress=lambda event: None)
    jobs.pause(job)
    assert jobs.resume(job)["desired_status"] == "running"
    assert jobs.change(job, epochs=200_000)["epochs"] == 200_000
    jobs.cancel(job)
    assert jobs.wait(job)["status"] == "cancelled"
    jobs.delete(job)
    with pytest.raises(RequestFailed) as failed:
        jobs.get(job)
    assert failed.value.code == "not-found"


def test_lists_give_every_item_page_by_page(fitserve: Client, line: str) -> None:
    assert [item["version"] for item in fitserve.models.versions(line)][-2:] == [2, 1]
    small = [item["id"] for item in fitserve.training_jobs.list(model=line, limit=1)]
    assert small == [item["id"] for item in fitserve.training_jobs.list(model=line)]
    assert len(small) >= 2
    assert {item["label"]: item["version"] for item in fitserve.models.labels(line)} == {"first": 1, "second": 2}
    assert next(iter(fitserve.datasets.rows(line)))["instance"] == [-1]
    assert "iris" in [source["name"] for source in fitserve.datasets.sources()]


def test_rows_are_predicted_as_lists_and_as_arrays_by_any_version(fitserve: Client, line: str) -> None:
    as_list = fitserve.predict(line, [[10.0]], version=1)
    assert as_list["version"] == 1
    assert as_list["predictions"][0]["value"] == pytest.approx(19, abs=0.5)
    as_array = fitserve.predict(line, np.array([[10.0]], "float32"), label="first")
    assert as_array == as_list
    with pytest.raises(ValueError, match="not both"):
        fitserve.predict(line, [[1]], version=1, label="first")
    with pytest.raises(RequestFailed) as failed:
        fitserve.predict(line, [["x"]])
    assert failed.value.status == 422
    assert failed.value.errors


def test_versions_are_labelled_described_and_downloaded(fitserve: Client, line: str, tmp_path: Path) -> None:
    models = fitserve.models
    assert models.set_label(line, "moved", 1)["version"] == 1
    assert models.set_label(line, "moved", 2)["version"] == 2
    assert models.serve(line, "moved")["serve"] == "moved"
    assert models.serve(line, None)["serve"] is None
    models.delete_label(line, "moved")
    assert models.describe(line, "Finds the line.")["description"] == "Finds the line."
    assert "Dense" in models.summary(line)
    entry = next(item for item in models.version(line, 1)["artifacts"] if item["format"] == "onnx")
    assert models.download(line, 1, "onnx", tmp_path / "line.onnx") == entry["bytes"]
    with pytest.raises(RequestFailed):
        models.download(line, 99, "onnx", tmp_path / "none.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["line.onnx"]


def test_metadata_is_set_and_found_by(fitserve: Client, line: str) -> None:
    noted = {"team": "clients", "ticket": "ML-42"}
    fitserve.datasets.create(named(LINE_DATASET, "client-noted", metadata=noted))
    assert [item["name"] for item in fitserve.datasets.list(metadata=noted)] == ["client-noted"]
    changed = fitserve.datasets.set_metadata("client-noted", {"ticket": None, "phase": "2"})
    assert changed["metadata"] == {"team": "clients", "phase": "2"}
    assert list(fitserve.datasets.list(metadata=noted)) == []
    evaluation = fitserve.evaluations.create(line, line, split="train", metadata=noted)
    assert [item["id"] for item in fitserve.evaluations.list(metadata=noted)] == [evaluation["id"]]
    assert fitserve.models.set_metadata(line, {"team": "clients"})["metadata"] == {"team": "clients"}


def test_a_version_is_evaluated(fitserve: Client, line: str) -> None:
    evaluation = fitserve.evaluations.create(line, line, split="train", version=1)
    ended = fitserve.evaluations.wait(evaluation["id"])
    assert ended["status"] == "succeeded"
    assert ended["result"]["metrics"]["r2"] == pytest.approx(1, abs=0.01)


def test_many_rows_are_predicted_in_a_job(fitserve: Client, line: str, tmp_path: Path) -> None:
    batches = fitserve.batch_predictions
    of_dataset = batches.wait(batches.create(line, line, version=1)["id"])
    assert (of_dataset["status"], of_dataset["result"]["rows"]) == ("succeeded", 6)
    assert batches.download(of_dataset["id"], tmp_path / "line.csv") > 0
    assert len((tmp_path / "line.csv").read_text().splitlines()) == 7
    np.save(tmp_path / "rows.npy", np.array([[10.0]], "float32"))
    of_file = batches.wait(batches.upload(line, tmp_path / "rows.npy", label="first")["id"])
    batches.download(of_file["id"], tmp_path / "rows.jsonl")
    assert orjson.loads((tmp_path / "rows.jsonl").read_bytes())["value"] == pytest.approx(19, abs=0.5)
    with pytest.raises(ValueError, match="must end with one of"):
        batches.download(of_file["id"], tmp_path / "rows.txt")
    batches.delete(of_dataset["id"])


def test_a_spec_is_checked_without_keeping_it_and_its_faults_are_told(fitserve: Client) -> None:
    assert fitserve.models.check(named(LINE, "client-checked"))["summary"]["parameters"] == 2
    with pytest.raises(RequestFailed) as failed:
        fitserve.models.check(named(LINE, "client-checked", layers=[{"type": "Dens", "units": 1}]))
    assert failed.value.errors[0]["pointer"] == "#/layers/0/type"
    assert "client-checked" not in [model["name"] for model in fitserve.models.list()]


def picture(folder: Path, name: str, shade: int) -> Path:
    path = folder / name
    Image.new("L", (4, 4), shade).save(path)
    return path


def test_files_become_datasets_and_predictions(fitserve: Client, tmp_path: Path) -> None:
    rows = tmp_path / "shades.npz"
    shades = np.array([shade + noise for noise in range(20) for shade in SHADES.values()], "uint8")
    np.savez(rows, x=np.repeat(shades, 16).reshape(-1, 4, 4, 1), y=np.array(list(SHADES) * 20))
    dataset = fitserve.datasets.upload(rows, "client-shades", split={"test": 0.2, "seed": 1})
    assert (dataset["status"], dataset["kind"]) == ("ready", "image")
    fitserve.models.create(classifier("client-shades", [4, 4, 1], 2))
    job = fitserve.training_jobs.create("client-shades", "client-shades", epochs=20, seed=1)
    assert fitserve.training_jobs.wait(job["id"])["status"] == "succeeded"
    files = [picture(tmp_path, "a.png", 25), picture(tmp_path, "b.webp", 235)]
    both = fitserve.predict_files("client-shades", files, scores=False)
    assert [prediction["label"] for prediction in both["predictions"]] == ["dark", "light"]
    one = fitserve.predict_files("client-shades", files[:1], top=1)
    assert one["predictions"][0]["top"][0]["label"] == "dark"
    np.save(tmp_path / "rows.npy", np.full((3, 4, 4, 1), 230, "uint8"))
    many = fitserve.predict_files("client-shades", [tmp_path / "rows.npy"])
    assert [prediction["label"] for prediction in many["predictions"]] == ["light"] * 3
    with pytest.raises(ValueError, match="Several files must all be pictures"):
        fitserve.predict_files("client-shades", [*files, tmp_path / "rows.npy"])
    fitserve.datasets.delete("client-shades")
