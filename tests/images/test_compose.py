"""What can be checked of the images and of docker-compose.yml without a container engine."""

import json
import re
from pathlib import Path

import pytest

from service import __version__
from service.environment import PREFIX
from tests.images.compose_files import (
    COMPOSE,
    COMPOSE_FILES,
    EXAMPLE,
    REQUIRED,
    SCHEMA,
    VARIABLE,
    known_settings,
    named_settings,
    read,
)
from tests.running_service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line[:1].isupper()]
PARTS = ("api", "worker")


def stage(part: str) -> list[list[str]]:
    """The instructions of the Dockerfile that make the image of a part, including those of the stage it begins with."""
    stages: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for keyword, rest in INSTRUCTIONS:
        if keyword == "FROM":
            base, _, name = rest.split()
            current = stages[name] = list(stages.get(base, []))
        current.append([keyword, rest])
    return stages[part]


@pytest.mark.parametrize("variables", [{}, EXAMPLE], ids=["the defaults", ".env.example"])
@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_the_compose_files_follow_the_specification(path: Path, variables: dict[str, str]) -> None:
    document = read(path, variables | REQUIRED)
    faults = [f"{fault.json_path}: {fault.message}" for fault in SCHEMA.iter_errors(document)]
    assert faults == []


def test_the_check_finds_what_compose_does_not_know() -> None:
    document = read(COMPOSE, {})
    document["services"]["api"]["memory_limit"] = "4g"
    assert not SCHEMA.is_valid(document)


def test_containers_may_do_only_what_they_need() -> None:
    document = read(COMPOSE, {})
    assert list(document["services"]) == list(PARTS)
    for service in document["services"].values():
        assert service["read_only"] is service["init"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert service["stop_grace_period"] == "15s"
        assert service["logging"]["options"]["max-size"]
        assert all(volume.split(":")[0] in document["volumes"] for volume in service["volumes"])
    ports = {name: service.get("ports", []) for name, service in document["services"].items()}
    assert ports == {"api": ["127.0.0.1:8000:8000"], "worker": []}


@pytest.mark.parametrize("part", PARTS)
def test_images_run_as_an_unprivileged_user_with_a_health_check_and_labels(part: str) -> None:
    instructions = stage(part)
    assert [rest for keyword, rest in instructions if keyword == "USER"] == ["1000:1000"]
    command = f'["fitserve", "health", "{part}"]'
    assert [rest for keyword, rest in instructions if keyword == "HEALTHCHECK" and rest.endswith(command)]
    healthcheck = read(COMPOSE, {})["services"][part]["healthcheck"]["test"]
    assert ["CMD", *json.loads(command)] == healthcheck
    labels = " ".join(rest for keyword, rest in instructions if keyword == "LABEL")
    names = ("title", "description", "version", "revision", "licenses")
    assert [name for name in names if f"org.opencontainers.image.{name}=" not in labels] == []


def test_the_version_of_the_images_is_that_of_the_service() -> None:
    assert set(re.findall(r"^ARG VERSION=(.+)$", DOCKERFILE, re.MULTILINE)) == {__version__}


def test_the_base_is_pinned_and_the_same_everywhere() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"@sha256:[0-9a-f]{64}$", base)
    assert EXAMPLE["PYTHON_IMAGE"] == base
    for service in read(COMPOSE, {})["services"].values():
        assert service["build"]["args"] == {"PYTHON_IMAGE": base}


def test_the_api_needs_no_tensorflow() -> None:
    packages = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "api.lock").read_text(), re.MULTILINE)
    assert "onnxruntime" in packages
    assert [name for name in packages if name.startswith(("tensorflow", "keras"))] == []
    assert all("worker" not in rest for keyword, rest in stage("api") if keyword == "COPY")


def test_every_variable_is_a_setting_or_is_used_by_a_compose_file() -> None:
    texts = [path.read_text() for path in COMPOSE_FILES]
    named = named_settings("\n".join([*texts, DOCKERFILE])) | {name for name in EXAMPLE if name.startswith(PREFIX)}
    assert named
    assert named - known_settings() == set()
    interpolated = {match["name"] for text in texts for match in VARIABLE.finditer(text)}
    assert {name for name in EXAMPLE if not name.startswith(PREFIX)} - interpolated == {"COMPOSE_FILE"}
    assert interpolated - EXAMPLE.keys() == {"FITSERVE_ALLOW_ANONYMOUS"}
