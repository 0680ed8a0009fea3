"""Declares settings as fields of a dataclass, and reads them from `FITSERVE_…` environment variables, or from the files
that `FITSERVE_…_FILE` name."""

from collections.abc import Iterable, Mapping
from dataclasses import Field, field
from pathlib import Path
from typing import Any

from environs import Env, EnvValidationError, ValidationError

from models.suggestions import nearest

PREFIX = "FITSERVE_"
TEST_PREFIX = "FITSERVE_TEST_"
"""Prefix of the test suite's own variables, which a service started by a test inherits."""
FILE_SUFFIX = "_FILE"
"""`FITSERVE_DATABASE_URL_FILE` names a file with the value of `FITSERVE_DATABASE_URL`, as container engines mount one
for each secret."""
MAX_FILE_BYTES = 64 * 1024


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
    """The values that `env`, or the files that it names, have for these fields, by the fields' names.

    An empty variable counts as not set. Raises InvalidSettings for the first invalid or unknown one.
    """
    given = {name: value for name, value in env.items() if value}
    variables = {variable_of(member): member for member in members}
    files = {f"{name}{FILE_SUFFIX}": name for name in variables if name.startswith(PREFIX)}
    for name in given:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in variables | files:
            raise InvalidSettings(f"{name} is not a setting.{_suggest(name, variables | files)}")
    values = {variables[name].name: _parse(variables[name], name, given) for name in variables if name in given}
    for file_variable in files.keys() & given.keys():
        member = variables[files[file_variable]]
        if member.name in values:
            raise InvalidSettings(f"{files[file_variable]} and {file_variable} are both set: set only one of them.")
        values[member.name] = _parse_file(member, file_variable, given[file_variable])
    return values


class _MappingEnv(Env):
    """environs, reading a mapping instead of the environment of the process."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__()
        self._given = given

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key, default)


def _parse(member: "Field[Any]", variable: str, given: Mapping[str, str]) -> Any:
    try:
        return _convert(member, variable, given)
    except ValidationError as error:
        raise InvalidSettings(f'{variable} can\'t be "{given[variable]}": {" ".join(error.messages)}') from None


def _parse_file(member: "Field[Any]", variable: str, path: str) -> Any:
    """The value in a file. Errors don't quote the file, because it may contain a secret."""
    try:
        return _convert(member, variable, {variable: _read_value(path)})
    except OSError as error:
        raise InvalidSettings(f"{variable}: {path} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        raise InvalidSettings(f"{variable}: the content of {path} is invalid: {' '.join(error.messages)}") from None


def _read_value(path: str) -> str:
    """The content of a file without the newline at its end. Raises OSError and ValidationError."""
    with open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValidationError(f"It must have at most {MAX_FILE_BYTES:,} bytes.")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValidationError("It must be text in UTF-8.") from None
    if not text:
        raise ValidationError("It must not be empty.")
    return text


def _convert(member: "Field[Any]", variable: str, given: Mapping[str, str]) -> Any:
    """The value of a variable as the field's type. Raises ValidationError."""
    env = _MappingEnv(given)
    parsers: dict[Any, Any] = {int: env.int, float: env.float, bool: env.bool, str: env.str, Path: env.path}
    try:
        value = parsers[member.type](variable, validate=lambda value: _check_bounds(member, value))
    except EnvValidationError as error:
        raise ValidationError([str(reason) for reason in error.error_messages]) from None
    return value.lower() if member.metadata["allowed"] else value


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
