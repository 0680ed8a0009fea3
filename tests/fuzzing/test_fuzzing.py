"""The service against its OpenAPI document: requests that schemathesis makes up, right and wrong ones.

`FITSERVE_TEST_FUZZ_EXAMPLES` sets the number of examples for each operation, `FITSERVE_TEST_FUZZ_SEED` what is drawn.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzzing.hooks import KEY
from tests.fuzzing.made import make_one_of_each
from tests.running_service import ROOT, RunningService, running_service

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("FITSERVE_TEST_FUZZ_EXAMPLES") or 5)
SEED = os.environ.get("FITSERVE_TEST_FUZZ_SEED") or "1"
PHASES = ["--phases", "examples,fuzzing,stateful"] if EXAMPLES < 50 else []
"""Few examples leave out the phase that visits the limits of every parameter, which takes longer than all others."""
LONGEST_RUN = 180 + 10 * EXAMPLES
"""Seconds."""
SMALL = {
    "max_activations_per_row": "10000",
    "max_batch_size": "64",
    "max_epochs": "3",
    "max_layers": "8",
    "max_parameters": "10000",
    "max_queued_jobs": "1000000",
    "max_recurrent_steps": "20",
    "max_rows": "1000",
    "dataset_downloads": "false",
    "dataset_wait_seconds": "1",
    "model_wait_seconds": "1",
}
"""Settings with which nothing that a request makes takes long, and the queue is never full."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with running_service(folder / "var", folder / "keras", **SMALL) as running:
        yield running


def configure(folder: Path, dictionaries: dict[str, list[str]]) -> Path:
    """The configuration with dictionaries added."""
    tables = [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in dictionaries.items()]
    path = folder / CONFIGURATION.name
    path.write_text("\n".join([CONFIGURATION.read_text(), *tables]))
    return path


@pytest.mark.timeout(LONGEST_RUN + 60)
def test_every_answer_is_as_the_document_says(fuzzed: RunningService, tmp_path: Path) -> None:
    configuration = configure(tmp_path, make_one_of_each(fuzzed.client))
    key = fuzzed.client.post("/v1/api-keys", {"name": "fuzzing", "scopes": ["admin"]})["key"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
    options = ["--seed", SEED, "--max-examples", str(EXAMPLES), "--no-color", *PHASES]
    run = subprocess.run(
        [*command, f"{fuzzed.client.base_url}/openapi.json", "--header", f"Authorization: Bearer {key}", *options],
        cwd=ROOT,
        env=os.environ | {KEY: key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "unexpected error" not in fuzzed.log
