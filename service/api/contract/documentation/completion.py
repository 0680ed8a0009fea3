"""Completes the OpenAPI document that flask-smorest generates from the routes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson

from service.api.contract.documentation import errors
from service.api.contract.documentation.alternatives import separate_types
from service.api.contract.documentation.examples import EXAMPLES, PATH_EXAMPLES
from service.api.contract.documentation.headers import HEADERS, OF_RATE_LIMITS, refer
from service.api.contract.documentation.info import SERVERS
from service.api.contract.documentation.links import add_links
from service.api.contract.documentation.path_parameters import describe_path_parameter
from service.api.contract.documentation.security import SCHEMES, requirements
from service.api.http.indentation import PARAMETER, ROOT
from service.api.http.media_types import FORM, JSON, MERGE_PATCH, OCTETS
from service.api.http.rate_classes import find_class
from service.config import Settings

Document = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
PRETTY: Document = {
    "in": "query",
    "name": PARAMETER,
    "description": "Whether to indent JSON. Default: only for curl, by its `User-Agent`, and not for predictions.",
    "schema": {"type": "boolean"},
}
UNUSED = "PaginationMetadata"
"""A schema of flask-smorest that no route uses."""
STORED = ("Create", "Add")
"""How the names of the forms begin whose files go to disk."""


def complete(document: Document, settings: Settings) -> Document:
    """Add what many operations share: parameters, headers, errors, examples, links."""
    # Operations share equal parts of the document.
    document = deepcopy(document)
    separate_types(document)
    components = document["components"]
    components["schemas"].pop(UNUSED, None)
    components |= {"headers": HEADERS, "responses": errors.components(), "securitySchemes": SCHEMES}
    for path, item in document["paths"].items():
        for parameter in item.get("parameters", ()):
            parameter |= describe_path_parameter(path, parameter["name"], PATH_EXAMPLES)
        for method in METHODS:
            if method in item:
                _complete_operation(item[method], method, path)
    for content in _forms(document):
        content["encoding"] = _encode_fields(content["schema"], components["schemas"])
    _describe_defaults(components["schemas"])
    _bound_files(document, settings)
    add_links(document)
    head = {name: document[name] for name in ("openapi", "info")}
    return head | {"servers": SERVERS, "security": []} | document


def _complete_operation(operation: Document, method: str, path: str) -> None:
    operation["security"] = requirements(method, path)
    for parameter in operation.get("parameters", ()):
        _drop_null(parameter)
    if "requestBody" in operation:
        _complete_body(operation["requestBody"]["content"], operation["operationId"], method)
    successes = {
        status: response for status, response in operation["responses"].items() if status.startswith(("2", "303", "5"))
    }
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    is_limited = find_class(method.upper(), path, is_prediction=False) is not None
    of_limits = OF_RATE_LIMITS if is_limited else ()
    for status, response in successes.items():
        response["headers"] = refer(*_find_headers(response, status, names), *of_limits)
    is_json = any(JSON in response.get("content", {}) for response in successes.values())
    if path.startswith(ROOT) and is_json and not errors.is_dialect(operation):
        operation.setdefault("parameters", []).append(PRETTY)
    if "If-None-Match" in names:
        headers = refer("ETag", "Vary", *of_limits)
        successes["304"] = {"description": "Not modified since the client read it.", "headers": headers}
    described = errors.responses(operation, method, path) | successes
    operation["responses"] = dict(sorted(described.items()))


def _drop_null(parameter: Document) -> None:
    """Remove null from a query parameter's schema: clients omit the parameter instead."""
    schema = parameter.get("schema", {})
    if isinstance(schema.get("type"), list):
        (schema["type"],) = (name for name in schema["type"] if name != "null")
    if schema.get("default", "") is None:
        del schema["default"]


def _complete_body(content: Document, operation_id: str, method: str) -> None:
    if method == "patch":
        content[MERGE_PATCH] = dict(content[JSON])
    for media_type, examples in EXAMPLES.get(operation_id, {}).items():
        for same in (media_type, *((MERGE_PATCH,) if method == "patch" else ())):
            content[same]["examples"] = examples


def _forms(document: Document) -> Iterator[Document]:
    """The content of every body that is a form."""
    for item in document["paths"].values():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        if FORM in content:
            yield content[FORM]


def _encode_fields(schema: Document, schemas: Document) -> Document:
    """The encoding of a form's files and objects. By default, each item of a list is a part of its own."""
    properties = schemas[schema["$ref"].rsplit("/", 1)[1]]["properties"]
    types = {name: _find_part_type(property_) for name, property_ in properties.items()}
    return {name: {"contentType": media_type} for name, media_type in types.items() if media_type is not None}


def _find_part_type(schema: Document) -> str | None:
    """The media type of a form's part; None for text."""
    item = schema.get("items", schema)
    if "anyOf" in item or "type" not in schema or "object" in schema["type"]:
        return JSON
    return OCTETS if item.get("format") == "binary" else None


def _describe_defaults(schemas: Document) -> None:
    """Move the defaults of fields into their descriptions.

    openapi-typescript makes a field with a `default` required, in requests too.
    """
    for schema in schemas.values():
        for name, property_ in schema.get("properties", {}).items():
            default = property_.pop("default", None)
            if default is not None and name not in schema.get("required", ()):
                text = orjson.dumps(default).decode()
                property_["description"] = f"{property_['description']} Default: `{text}`."


def _find_headers(response: Document, status: str, names: set[str]) -> Iterator[str]:
    """The headers of a success, besides those of all responses; `names` are the request's parameters."""
    yield from response.get("headers", {})
    if status == "200" and "If-None-Match" in names:
        yield from ("ETag", "Vary")
    if status in ("200", "201", "202") and "Prefer" in names:
        yield "Preference-Applied"
    if status == "200" and "Prefer" in names:
        yield "Retry-After"
    if status in ("201", "202") and "Idempotency-Key" in names:
        yield "Idempotency-Replayed"


def _bound_files(document: Document, settings: Settings) -> None:
    """Set the largest size of the files that clients send: uploads go to disk, all others into memory."""
    for name, schema in document["components"]["schemas"].items():
        for file in _binaries(schema):
            stored = name.startswith(STORED)
            file["maxLength"] = settings.max_upload_bytes if stored else settings.max_body_bytes
    for item in document["paths"].values():
        for file in _binaries(item.get("post", {}).get("requestBody", {})):
            file["maxLength"] = settings.max_body_bytes


def _binaries(node: Any) -> Iterator[Document]:
    """Every schema of a file within the node."""
    if isinstance(node, dict):
        if node.get("format") == "binary":
            yield node
        for child in node.values():
            yield from _binaries(child)
    elif isinstance(node, list):
        for child in node:
            yield from _binaries(child)
