"""The code that pages show for documents does what it says: with curl, and with the Python client."""

import shutil
import subprocess
import sys

import pytest

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import ROOT, Client


@pytest.mark.parametrize("language", ["curl", "python"])
def test_written_code_trains_a_model(client: Client, language: str) -> None:
    name = f"written-{language}"
    documents = {
        "dataset": named(LINE_DATASET, name),
        "model": named(LINE, name, description="It's “quoted” \\ and $HOME"),
        "training_job": {"model": name, "dataset": name, "epochs": 1},
    }
    code = client.request("POST", "/ui/code", json=documents).json()[language]
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["sh", "-c", code] if language == "curl" else [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert client.get(f"/v1/models/{name}")["description"] == documents["model"]["description"]
    (job,) = client.get(f"/v1/training-jobs?model={name}")["items"]
    assert client.wait_for_status(job["id"], "succeeded")["model"] == name
