"""The response headers, as components of the OpenAPI document."""

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
        "The request's id: the one that the client sent, or a new one. The service's log contains it.",
        "beef9fd55c4946ddf44c12eacaebc533",
        required=True,
        maxLength=128,
    ),
    "Cache-Control": _header(
        "`no-cache`: a cached response must be revalidated with its `ETag`. `no-store`: it must not be cached.",
        "no-cache",
        required=True,
    ),
    "ETag": _header(
        "Changes when the response does. Send it as `If-None-Match` to get 304 instead of an unchanged body, or as "
        "`If-Match` to make a change conditional. `If-Match` ignores the progress of a job or an import.",
        '"704f0bb41da98ef462c8289d65b8a6bd"',
    ),
    "Vary": _header("The request headers that the response depends on.", "Accept, Accept-Encoding"),
    "Location": _header(
        "The URL of the new resource; with a 303, of the file.",
        "/v1/models/flowers",
        required=True,
        format="uri-reference",
        pattern="^(/|https?://)",
    ),
    "Retry-After": {
        "description": "Seconds until the next retry or poll. Absent if retrying doesn't help.",
        "schema": SECONDS,
        "example": 1,
    },
    "WWW-Authenticate": _header("How the client can authenticate (RFC 6750).", 'Bearer realm="fitserve"'),
    "RateLimit-Policy": _header(
        "The caller's rate limit for requests of this class: at most `q` requests per window of `w` seconds. Absent if "
        "the operator set none (FITSERVE_RATE_LIMITS).",
        '"predict";q=6000;w=60',
    ),
    "RateLimit": _header(
        "What is left of that limit: `r` requests until the window ends in `t` seconds.", '"predict";r=5990;t=42'
    ),
    "Link": _header('The next page, as rel="next". Absent on the last page.', '</v1/models?cursor=x>; rel="next"'),
    "Preference-Applied": _header("The request's preference that was applied.", "wait=10"),
    "Idempotency-Replayed": {
        "description": "Present if this is the saved response of an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Content-Disposition": _header("The suggested file name.", "attachment; filename=flowers-1.onnx"),
    "Accept-Ranges": {
        "description": "The endpoint supports byte ranges.",
        "schema": {"type": "string", "enum": ["bytes"]},
    },
    "Content-Range": _header("The byte range that the body contains.", "bytes 0-99/1342", required=True),
    "Inference-Header-Content-Length": {
        "description": "The size of the JSON in bytes, if binary tensors follow it.",
        "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**53 - 1},
        "example": 133,
    },
    "Fitserve-Variant": _header("The variant of the version that predicted. Absent if the version itself did.", "int8"),
}
ALWAYS = ("X-Request-ID", "Cache-Control")
OF_RATE_LIMITS = ("RateLimit-Policy", "RateLimit")


def refer(*names: str) -> dict[str, Any]:
    """References to the header components of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*ALWAYS, *names)}
