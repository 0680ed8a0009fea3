"""A client that openapi-python-client generates from openapi.yaml: nothing of the file is left out, its types are
right, and it does a whole job."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_service import ROOT, RunningService

JOURNEY = Path(__file__).with_name("mnist_by_generated_client.py")
PACKAGE = "generated_fitserve"
BYTES = (
    "application/jsonl",
    "application/vnd.apache.parquet",
    "application/x-ndjson",
    "application/x-npy",
    "application/x-npz",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/csv",
)
GENERATOR = {"post_hooks": [], "content_type_overrides": dict.fromkeys(BYTES, "application/octet-stream")}
"""The generator knows no other type of body that is sent as it is."""
MYPY = f"""\
[mypy]
check_untyped_defs = true
strict_equality = true
[mypy-{PACKAGE}.models.create_upload,{PACKAGE}.models.add_file]
# The member "types" hides the generator's own module of that name.
disable_error_code = name-defined
"""


def run(*command: str, **variables: str) -> None:
    """Run a module's command; fail with what it printed."""
    found = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    configuration = folder / "generator.json"
    configuration.write_text(json.dumps(GENERATOR))
    options = ["--path", str(ROOT / "openapi.yaml"), "--meta", "none", "--output-path", str(folder / PACKAGE)]
    run("openapi_python_client", "generate", *options, "--config", str(configuration), "--fail-on-warning")
    return folder


def test_its_types_are_right(generated: Path) -> None:
    configuration = generated / "mypy.ini"
    configuration.write_text(MYPY)
    options = ["--config-file", str(configuration), "--cache-dir", str(generated / "mypy")]
    run("mypy", *options, str(generated / PACKAGE), str(JOURNEY), MYPYPATH=f"{generated}:{ROOT}")


def test_it_does_a_whole_job(generated: Path, service: RunningService, reference_data: Path) -> None:
    arguments = [service.client.base_url, str(reference_data / "mnist.npz")]
    run(f"tests.journeys.{JOURNEY.stem}", *arguments, PYTHONPATH=str(generated))
