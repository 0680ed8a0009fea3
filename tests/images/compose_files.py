"""The Compose files of the project, as Compose reads them."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

from service.config import Settings
from service.environment import FILE_SUFFIX, PREFIX, variable_of
from tests.running_service import ROOT

COMPOSE = ROOT / "docker-compose.yml"
POSTGRESQL = ROOT / "deploy" / "compose" / "postgresql.yml"
SCALE = ROOT / "deploy" / "compose" / "scale.yml"
COMPOSE_FILES = (COMPOSE, POSTGRESQL, SCALE)
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<operator>[-?])(?P<word>[^}]*))?\}")
EXAMPLE = dict(re.findall(r"^#(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
REQUIRED = {
    "DATABASE_URL_FILE": "./url",
    "POSTGRES_PASSWORD": "postgres-password",
    "REDIS_PASSWORD": "redis-password",
    "S3_ACCESS_KEY": "s3-key",
    "S3_SECRET_KEY": "s3-secret",
    "GRAFANA_PASSWORD": "grafana-password",
}
"""Values of the variables that have no default."""
_SPECIFICATION = Path(__file__).parent / "compose_specification" / "compose-spec.json"
SCHEMA = Draft7Validator(json.loads(_SPECIFICATION.read_text()))


class _Loader(yaml.SafeLoader):
    """Knows the tag with which a Compose file removes what an earlier one set."""


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node)


_Loader.add_constructor("!reset", _sequence)


def read(path: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """A Compose file with the values of its variables, as Compose interpolates them."""

    def interpolate(match: re.Match[str]) -> str:
        name, operator, word = match.group("name", "operator", "word")
        if variables.get(name):
            return variables[name]
        assert operator == "-", f"{name} is required: {word}"
        return str(word)

    text = VARIABLE.sub(interpolate, path.read_text())
    document: dict[str, Any] = yaml.load(text, _Loader)
    return document


def known_settings() -> set[str]:
    """The variables that Fitserve knows."""
    names = {variable_of(member) for member in fields(Settings)}
    return names | {name + FILE_SUFFIX for name in names}


def named_settings(text: str) -> set[str]:
    """The variables of Fitserve that a text names."""
    return set(re.findall(rf"\b{PREFIX}\w+", text))
