"""Networks that were trained elsewhere become models of a running service."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitserve_client import Client as PythonClient
from fitserve_client import RequestFailed
from tests.running_service import ROOT, Client

ONNX_FILES = ROOT / "tests" / "models" / "onnx_files"


@pytest.fixture
def fitserve(client: Client) -> PythonClient:
    return PythonClient(client.base_url)


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
