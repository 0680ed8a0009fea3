"""Networks that were trained elsewhere become models of a running service."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator

from fitserve_client import Client as PythonClient
from fitserve_client import RequestFailed
from tests.running_service import ROOT, Client

ONNX_FILES = ROOT / "tests" / "models" / "onnx_files"


@pytest.fixture
def fitserve(client: Client) -> PythonClient:
    return PythonClient(client.base_url)


KERAS_FILES = ROOT / "tests" / "models" / "keras_files"
SPECIES = ["setosa", "versicolor", "virginica"]


def keras_file(folder: Path, keras: str, name: str) -> Path:
    """A file that a version of Keras saved; `.npz` files have rows and what it predicts for them."""
    with zipfile.ZipFile(KERAS_FILES / f"keras-{keras}.zip") as archive:
        target = folder / f"keras-{keras}-{name}"
        target.write_bytes(archive.read(name))
    return target


def test_a_network_of_a_notebook_predicts_learns_and_lends_its_layers(
    fitserve: PythonClient, client: Client, tmp_path: Path
) -> None:
    known = np.load(keras_file(tmp_path, "3.15", "dense.npz"))
    model = fitserve.import_model(keras_file(tmp_path, "3.15", "dense.keras"), "notebook", classes=SPECIES)
    assert (model["task"], model["trainable"], model["source"]["format"]) == ("multiclass", True, "keras")
    assert any("multiclass" in note for note in model["notes"])
    assert undocumented(client, "Model", "/v1/models/notebook") == []
    assert undocumented(client, "Version", "/v1/models/notebook/versions/1") == []
    assert 0 <= client.get("/v1/models/notebook/versions/1")["difference"] <= 1e-5
    rows, predicted = known["input_measurements"], known["output"]
    answer = fitserve.predict("notebook", rows)["predictions"]
    assert np.allclose([row["scores"] for row in answer], predicted, atol=1e-5)
    assert [row["label"] for row in answer] == [SPECIES[index] for index in predicted.argmax(axis=1)]
    data = {"inputs": rows.tolist() * 3, "targets": SPECIES * 4, "split": {"validation": 0, "test": 0}}
    client.post("/v1/datasets", {"name": "notebook", "source": "inline", **data})
    job = fitserve.training_jobs.create("notebook", "notebook", 1, seed=7, start_from={"version": 1})
    assert fitserve.training_jobs.wait(job["id"])["version"] == 2
    evaluation = fitserve.evaluations.create("notebook", "notebook", split="train", version=1)
    assert fitserve.evaluations.wait(evaluation["id"])["status"] == "succeeded"
    named = [dict(zip("abcde", row, strict=True)) for row in rows.tolist() * 3]
    table = [row | {"kind": kind} for row, kind in zip(named, SPECIES * 4, strict=True)]
    split = {"validation": 0, "test": 0}
    client.post(
        "/v1/datasets", {"name": "columns", "source": "inline", "rows": table, "target": "kind", "split": split}
    )
    of_columns = fitserve.evaluations.create("notebook", "columns", split="train", version=1)
    of_tensors, of_columns = (fitserve.evaluations.wait(one["id"])["result"] for one in (evaluation, of_columns))
    assert of_columns["metrics"] == pytest.approx(of_tensors["metrics"])
    job = fitserve.training_jobs.create("notebook", "columns", 1, seed=7, start_from={"version": 1})
    assert fitserve.training_jobs.wait(job["id"])["status"] == "succeeded"
    spec = {
        "name": "borrower", "task": "multiclass", "input": {"shape": [5]}, "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
        "layers": [{"type": "Pretrained", "model": "notebook", "version": 1}],
    }  # fmt: skip
    assert fitserve.models.create(spec)["status"] == "ready"
    assert fitserve.models.download("notebook", 1, "keras", tmp_path / "again.keras") > 0
    older = fitserve.models.add_version("notebook", keras_file(tmp_path, "2.15", "dense.h5"))
    assert (older["version"], older["classes"], older["source"]["format"]) == (4, SPECIES, "h5")
    with pytest.raises(RequestFailed) as refused:
        fitserve.models.add_version("notebook", keras_file(tmp_path, "3.15", "gru.keras"))
    assert refused.value.errors[0]["pointer"] == "#/file"


def undocumented(client: Client, schema: str, path: str) -> list[str]:
    """In what a response is unlike its schema in the OpenAPI document."""
    document = client.get("/openapi.json")
    validator = OAS31Validator(document | {"$ref": f"#/components/schemas/{schema}"})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(client.get(path))]


def expected(name: str) -> Any:
    return json.loads((ONNX_FILES / f"{name}.json").read_text())


def test_an_estimator_of_scikit_learn_predicts_the_same_here(fitserve: PythonClient, client: Client) -> None:
    file, known = ONNX_FILES / "logistic_names.onnx", expected("logistic_names")
    model = fitserve.import_model(file, "sklearn-irises", metadata={"from": "sklearn"})
    assert (model["trainable"], model["source"]["file"], model["latest_version"]) == (False, file.name, 1)
    answer = fitserve.predict("sklearn-irises", np.array(known["rows"]))["predictions"]
    assert [row["label"] for row in answer] == known["labels"]
    assert np.allclose([row["scores"] for row in answer], known["scores"], atol=1e-5)
    assert client.get("/v2/models/sklearn-irises")["inputs"][0]["shape"] == [-1, 4]
    client.post("/v1/datasets", {"name": "sklearn-irises", "source": "iris"})
    evaluation = fitserve.evaluations.create("sklearn-irises", "sklearn-irises")
    assert fitserve.evaluations.wait(evaluation["id"])["result"]["metrics"]["accuracy"] >= 0.9
    assert undocumented(client, "Model", "/v1/models/sklearn-irises") == []
    assert undocumented(client, "Version", "/v1/models/sklearn-irises/versions/1") == []
    assert client.get("/v1/models/sklearn-irises/versions/1")["difference"] is None
    with pytest.raises(RequestFailed) as refused:
        fitserve.models.add_version("sklearn-irises", ONNX_FILES / "torch_mlp.onnx")
    assert refused.value.code == "invalid-spec"
    assert fitserve.models.add_version("sklearn-irises", file)["version"] == 2


def test_a_file_that_is_not_what_it_seems_leaves_nothing(fitserve: PythonClient, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((ONNX_FILES / "forest.onnx").read_bytes()[:-20])
    with pytest.raises(RequestFailed) as refused:
        fitserve.import_model(cut, "cut")
    assert (refused.value.status, refused.value.errors[0]["pointer"]) == (422, "#/file")
    with pytest.raises(RequestFailed) as gone:
        fitserve.models.get("cut")
    assert gone.value.status == 404
