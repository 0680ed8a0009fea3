"""The headers of answers, as components of the OpenAPI document."""

from typing import Any

from service.api.contract.fields import TEXT_PATTERN
from service.api.contract.schemas.shown import LONGEST_URL


def _header(description: str, example: Any, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    text = {"type": "string", "maxLength": LONGEST_URL, "pattern": TEXT_PATTERN}
    always = {"required": True} if required else {}
    return {"description": description, **always, "schema": text | schema, "example": example}


SECONDS = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 86400}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _header(
        "The request's id: the one that it came with, or a new one. It stands in the service's log.",
        "beef9fd55c4946ddf44c12eacaebc533",
        required=True,
        maxLength=128,
    ),
    "Cache-Control": _header(
        "`no-cache`: what is kept must be asked for again, with its `ETag`. `no-store`: it must not be kept.",
        "no-cache",
        required=True,
    ),
    "ETag": _header(
        "Changes when the answer does: sent back as `If-None-Match` it saves the body, as `If-Match` it guards a "
        "change. For `If-Match` the progress of a job or of an import doesn't count.",
        '"704f0bb41da98ef462c8289d65b8a6bd"',
    ),
    "Vary": _header("The headers of requests that the answer depends on.", "Accept, Accept-Encoding"),
    "Location": _header(
        "Where the new resource is.", "/v1/models/flowers", required=True, format="uri-reference", pattern="^/"
    ),
    "Retry-After": {
        "description": "Seconds until asking again; left out where asking again won't help.",
        "schema": SECONDS,
        "example": 1,
    },
    "Link": _header('The next page, as rel="next"; left out on the last one.', '</v1/models?cursor=x>; rel="next"'),
    "Preference-Applied": _header("The preference of the request that was followed.", "wait=10"),
    "Idempotency-Replayed": {
        "description": "There where the request was answered before, and this is that answer.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Content-Disposition": _header("What the file may be called.", "attachment; filename=flowers-1.onnx"),
    "Accept-Ranges": {
        "description": "The file can be had in parts.",
        "schema": {"type": "string", "enum": ["bytes"]},
    },
    "Content-Range": _header("Which part of the file it is.", "bytes 0-99/1342", required=True),
    "Inference-Header-Content-Length": {
        "description": "Bytes of the JSON, where binary tensors come after it.",
        "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**53 - 1},
        "example": 133,
    },
}
ALWAYS = ("X-Request-ID", "Cache-Control")


def refer(*names: str) -> dict[str, Any]:
    """The headers of a response, by the names of components."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*ALWAYS, *names)}
