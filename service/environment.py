"""Declares settings as fields of a dataclass, and reads them from `FITSERVE_…` environment variables."""

from collections.abc import Iterable, Mapping
from dataclasses import Field, field
from pathlib import Path
from typing import Any

from environs import Env, EnvValidationError, ValidationError

from models.suggestions import nearest

PREFIX = "FITSERVE_"
TEST_PREFIX = "FITSERVE_TEST_"
"""Prefix of the test suite's own variables, which a service started by a test inherits."""


class InvalidSettings(Exception):
    """A setting is invalid; the message is one line that names the variable and says what would be valid."""


def setting(
    default: Any,
    meaning: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    allowed: tuple[str, ...] = (),
    variable: str | None = None,
    stands_for: str | None = None,
    secret: bool = False,
) -> Any:
    """A field with a setting: its default, its meaning, and the accepted values; words may be upper or lower case.

    `stands_for` describes a default that depends on other settings or on the machine. A `secret` may contain a
    password and is omitted when settings are printed.
    """
    bounds = {"minimum": minimum, "maximum": maximum, "allowed": allowed}
    about = {"meaning": meaning, "variable": variable, "stands_for": stands_for}
    return field(default=default, repr=not secret, metadata=bounds | about)


def variable_of(member: "Field[Any]") -> str:
    """The environment variable that sets a field."""
    return member.metadata["variable"] or f"{PREFIX}{member.name.upper()}"


def read_settings(members: Iterable["Field[Any]"], env: Mapping[str, str]) -> dict[str, Any]:
    """The values that `env` has for these fields, by the fields' names.

    An empty variable counts as not set. Raises InvalidSettings for the first invalid or unknown one.
    """
    given = {name: value for name, value in env.items() if value}
    variables = {variable_of(member): member for member in members}
    for name in given:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in variables:
            raise InvalidSettings(f"{name} is not a setting.{_suggest(name, variables)}")
    return {member.name: _parse(member, name, given) for name, member in variables.items() if name in given}


class _MappingEnv(Env):
    """environs, reading a mapping instead of the environment of the process."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__()
        self._given = given

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key, default)


def _parse(member: "Field[Any]", variable: str, given: Mapping[str, str]) -> Any:
    env = _MappingEnv(given)
    parsers: dict[Any, Any] = {int: env.int, float: env.float, bool: env.bool, str: env.str, Path: env.path}
    try:
        value = parsers[member.type](variable, validate=lambda value: _check_bounds(member, value))
        return value.lower() if member.metadata["allowed"] else value
    except EnvValidationError as error:
        reasons = [str(reason) for reason in error.error_messages]
        raise InvalidSettings(f'{variable} can\'t be "{given[variable]}": {" ".join(reasons)}') from None


def _check_bounds(member: "Field[Any]", value: Any) -> None:
    minimum, maximum, allowed = (member.metadata[name] for name in ("minimum", "maximum", "allowed"))
    if allowed and value.lower() not in allowed:
        raise ValidationError(f"It must be one of {', '.join(allowed)}.")
    if (minimum is not None and not value >= minimum) or (maximum is not None and not value <= maximum):
        bounds = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        raise ValidationError(f"It must be {bounds}.")


def _suggest(name: str, names: Iterable[str]) -> str:
    suggestion = nearest(name, names)
    return f" Did you mean {suggestion}?" if suggestion else ""
