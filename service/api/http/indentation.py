"""Decides which JSON is indented for people in a terminal: with `?pretty=true`, and by default for curl."""

import orjson

from service.api.http.dialect_paths import OWN_ERRORS
from service.api.http.errors import InvalidQuery, RequestFault

ROOT = "/v1/"
"""The prefix of paths whose responses can be indented."""
PARAMETER = "pretty"
CURL = "curl/"
INDENTED = "-pretty"
"""The suffix of an indented response's ETag, before the suffix of a compressed one."""
LARGEST = 4 * 2**20
"""Bytes of an indented response, before the indentation."""
OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def may_indent(path: str) -> bool:
    """Whether responses at a path may be indented; those of other servers' protocols never are."""
    return path.startswith(ROOT) and not OWN_ERRORS.fullmatch(path)


def is_wanted(method: str, path: str, parameter: str | None, user_agent: str) -> bool:
    """Whether a client wants a response indented; `parameter` is the query's `pretty`, if present."""
    if not may_indent(path):
        return False
    if parameter is not None:
        return parameter == "true"
    is_prediction = method == "POST" and path.endswith("/predictions")
    return not is_prediction and user_agent.startswith(CURL)


def take_parameter(query: dict[str, str]) -> bool:
    """Take `pretty` out of a query, if it is there: whether it is true. Raises InvalidQuery."""
    given = query.pop(PARAMETER, "false")
    if given not in ("true", "false"):
        detail = f'"{PARAMETER}" must be true or false.'
        raise InvalidQuery(detail, [RequestFault(detail, parameter=PARAMETER)])
    return given == "true"


def indent_json(content: bytes) -> bytes:
    """Indent JSON of at most LARGEST bytes. As Python objects, more would take too much memory."""
    if len(content) > LARGEST:
        return content
    return orjson.dumps(orjson.loads(content), option=OPTIONS)
