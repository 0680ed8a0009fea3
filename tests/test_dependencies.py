"""Dependencies: what is declared, pinned and documented is the same."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = re.compile(r"[a-z0-9-]+")


def pinned(lock: str) -> dict[str, str]:
    """Versions by name; where Python versions differ, the one for the oldest Python."""
    pins = re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / "requirements" / lock).read_text(), re.MULTILINE)
    return dict(reversed(pins))


def declared() -> set[str]:
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    groups.append(PROJECT["dependency-groups"]["dev"])
    return {match[0] for group in groups for requirement in group if (match := NAME.match(requirement))}


def test_every_direct_dependency_is_documented_with_its_version() -> None:
    rows = re.findall(
        r"^\| ([a-z0-9-]+) \| ([0-9][^ ]*) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE
    )
    versions = pinned("dev.lock")
    assert dict(rows) == {name: versions[name] for name in declared()}


@pytest.mark.parametrize("lock", ["api.lock", "worker.lock"])
def test_the_lock_files_agree(lock: str) -> None:
    assert pinned(lock).items() <= pinned("dev.lock").items()


def test_the_api_installs_without_tensorflow() -> None:
    assert not {"tensorflow", "tensorflow-cpu", "keras"} & pinned("api.lock").keys()
