"""The Open Inference Protocol v2, as KServe, Triton and MLServer speak it: `/v2`."""

from collections.abc import Callable, Sequence
from typing import Any

import flask
from flask import Response, request
from werkzeug.exceptions import NotImplemented as NotHere

from service import __version__
from service.api.contract.blueprint import BINARY, RETRY_AFTER, RETRY_AFTER_HEADER
from service.api.contract.dialect_blueprint import DialectBlueprint
from service.api.contract.documentation.headers import refer
from service.api.contract.front_operations import never_called
from service.api.contract.schemas.open_inference import (
    MOST_VERSIONS,
    IndexEntrySchema,
    IndexRequestSchema,
    InferAnswerSchema,
    InferRequestSchema,
    ModelConfigSchema,
    ModelMetadataSchema,
    ModelReadySchema,
    ServerHealthSchema,
    ServerMetadataSchema,
    StatisticsSchema,
)
from service.api.http.bodies import read_body, write_json
from service.api.http.json_documents import parse_json
from service.api.http.media_types import JSON, OCTETS
from service.api.http.state import allowance, caller, context, predictions
from service.api.inference import open_inference
from service.api.inference.errors import InvalidInference
from service.api.inference.open_inference_models import describe_config, describe_metadata
from service.api.inference.open_inference_request import HEADER_LENGTH
from service.api.inference.plane import VARIANT
from service.context import Context
from service.errors import NotFound
from service.operations.catalog import versions
from service.operations.catalog.versions import VersionEntry
from service.operations.inference.predictions import Wanted
from service.operations.inference.statistics import Duration, Parts
from service.operations.upkeep import health

EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "parameters", "statistics"]
MODEL = "/v2/models/<name>"
FILE = {"schema": BINARY}
INFER_OPERATION = {
    "requestBody": {"required": True, "content": {JSON: {"schema": InferRequestSchema}, OCTETS: FILE}},
    "parameters": [
        {
            "in": "header",
            "name": HEADER_LENGTH,
            "description": "If binary tensors follow the JSON: the size of the JSON in bytes. Responses with "
            "binary tensors have this header too. 0: the body has no JSON, only the elements of the single "
            "input.",
            "schema": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**53 - 1},
        }
    ],
    "responses": {
        "200": {
            "description": "The outputs, in binary if the request asks for it.",
            "headers": refer(HEADER_LENGTH),
            "content": {JSON: {"schema": InferAnswerSchema}, OCTETS: FILE},
        }
    },
    "description": "Requests and responses contain tensors as JSON, or in binary after the JSON. Send raw values: "
    "the version applies the scaling and the categories of its training. A table has a tensor for each column.",
}
INDEX_BODY = {"required": False, "content": {JSON: {"schema": IndexRequestSchema}}}
TRITONS_OWN = (
    "/v2/repository/models/<name>/load",
    "/v2/repository/models/<name>/unload",
    *(f"/v2/{memory}sharedmemory/<path:rest>" for memory in ("system", "cuda", "tpu")),
    "/v2/trace/setting",
    "/v2/logging",
    *(
        f"{MODEL}{version}/{what}"
        for version in ("", "/versions/<any_number:version>")
        for what in ("trace/setting", "generate", "generate_stream")
    ),
)
"""Routes of Triton's extensions that there are not."""

blueprint = DialectBlueprint("open_inference", __name__, description="The Open Inference Protocol v2.")
tritons_own = flask.Blueprint("tritons_own", __name__)


@blueprint.get("/v2", strict_slashes=False)
@blueprint.response(200, ServerMetadataSchema)
def get_server_metadata() -> Response:
    """Open Inference Protocol: get the server's metadata.

    The response lists the protocol extensions that the server supports.
    """
    return write_json({"name": "fitserve", "version": __version__, "extensions": EXTENSIONS})


@blueprint.get("/v2/health/live")
@blueprint.response(200, ServerHealthSchema)
def get_server_live() -> Response:
    """Open Inference Protocol: check that the server is live.

    `live` is always true. `ready` is the same as in `/v2/health/ready`.
    """
    return write_json({"live": True, "ready": health.readiness(context()).status == health.READY})


@blueprint.get("/v2/health/ready")
@blueprint.response(200, ServerHealthSchema)
@blueprint.alt_response(
    503,
    schema=ServerHealthSchema,
    description="Starting, draining, or without its database.",
    headers=RETRY_AFTER_HEADER,
)
def get_server_ready() -> tuple[Response, int, dict[str, str]]:
    """Open Inference Protocol: check that the server is ready.

    If the server isn't ready, the response is 503.
    """
    ready = health.readiness(context()).status == health.READY
    return write_json({"live": True, "ready": ready}), 200 if ready else 503, {} if ready else RETRY_AFTER


@blueprint.post("/v2/repository/index")
@blueprint.response(200, {"type": "array", "maxItems": MOST_VERSIONS, "items": IndexEntrySchema})
@blueprint.doc(requestBody=INDEX_BODY)
def list_repository() -> Response:
    """Open Inference Protocol: list all versions of all models.

    The response is an array, as in the protocol. A model without a version is listed as unavailable.
    """
    body = read_body(request)
    wanted = parse_json(body, context().settings.max_json_depth, allowance()) if body.strip() else {}
    if not isinstance(wanted, dict) or not isinstance(wanted.get("ready", False), bool):
        raise InvalidInference("The body must be an object, and its 'ready' true or false.")
    found = versions.entries(context())
    return write_json([_describe_entry(entry) for entry in found if entry.servable or not wanted.get("ready")])


@blueprint.get("/v2/models/stats")
@blueprint.response(200, StatisticsSchema)
def list_statistics() -> Response:
    """Open Inference Protocol: get the statistics of all models.

    The statistics are sums over all api processes since the service started. Each variant has its own entry.
    """
    return _write_statistics(versions.entries_with_variants(context()))


@blueprint.get(f"{MODEL}/stats")
@blueprint.response(200, StatisticsSchema)
def get_model_statistics(name: str) -> Response:
    """Open Inference Protocol: get the statistics of a model's versions.

    The statistics are sums over all api processes since the service started. Each variant has its own entry.
    """
    return _write_statistics(_find_entries(name, find=versions.entries_with_variants))


@blueprint.get(f"{MODEL}/versions/<any_number:version>/stats")
@blueprint.response(200, StatisticsSchema)
def get_version_statistics(name: str, version: int) -> Response:
    """Open Inference Protocol: get the statistics of a version.

    The statistics are sums over all api processes since the service started. Each variant has its own entry.
    """
    return _write_statistics(_find_entries(name, version, versions.entries_with_variants))


def refuse(**_: Any) -> Response:
    """Say that the route is Triton's own."""
    raise NotHere(f"Fitserve has no {request.path}: it belongs to an extension of Triton's.")


def _find_entries(
    model: str, version: int | None = None, find: Callable[[Context, str], Sequence[VersionEntry]] = versions.entries
) -> Sequence[VersionEntry]:
    """What `find` finds of a model, or of the version of that number. Raises NotFound with Triton's texts."""
    wanted = Wanted(caller().project, model, version)
    try:
        found = find(context(), model)
    except NotFound:
        raise open_inference.unknown(wanted) from None
    chosen = [entry for entry in found if version in (None, entry.version)]
    if not chosen:
        raise open_inference.unknown(wanted)
    return chosen


def _describe_metadata(wanted: Wanted) -> Response:
    signature = open_inference.find(predictions(), wanted).predictor.signature
    servable = [entry.version for entry in _find_entries(wanted.model) if entry.servable]
    return write_json(describe_metadata(wanted.model, signature, servable))


def _describe_entry(entry: VersionEntry) -> dict[str, Any]:
    if entry.version is None:
        return {"name": entry.model, "state": "UNAVAILABLE", "reason": "It has no version yet: train it."}
    reason = "" if entry.servable else "The network can't be exported to ONNX."
    state = "READY" if entry.servable else "UNAVAILABLE"
    return {"name": entry.model, "version": str(entry.version), "state": state, "reason": reason}


def _write_statistics(entries: Sequence[VersionEntry]) -> Response:
    return write_json({"model_stats": [_describe_statistics(entry) for entry in entries if entry.servable]})


def _describe_statistics(entry: VersionEntry) -> dict[str, Any]:
    assert entry.folder is not None
    found = predictions().statistics.look(entry.folder)
    stages = {"success": found.success, "fail": found.fail, "queue": Duration(found.success.count)}
    return {
        "name": entry.model,
        "version": str(entry.version),
        **({} if entry.variant is None else {VARIANT: entry.variant}),
        "last_inference": round(found.last_inference * 1000),
        "inference_count": found.rows,
        "execution_count": found.success.count,
        "inference_stats": stages | _describe_parts(found.parts) | {"cache_hit": Duration(), "cache_miss": Duration()},
        "batch_stats": [
            {"batch_size": size, **_describe_parts(parts)} for size, parts in sorted(found.by_batch_size.items())
        ],
        "memory_usage": [],
    }


def _describe_parts(parts: Parts) -> dict[str, Duration]:
    return {"compute_input": parts.input, "compute_infer": parts.infer, "compute_output": parts.output}


blueprint.add_for_versions(
    f"{MODEL}{{version}}/infer",
    never_called,
    name="infer",
    summary="Open Inference Protocol: predict with",
    answer=InferAnswerSchema,
    documentation=INFER_OPERATION,
    labels=False,
)
blueprint.add_for_versions(
    f"{MODEL}{{version}}",
    _describe_metadata,
    name="get_inference_metadata",
    summary="Open Inference Protocol: get the tensors of",
    answer=ModelMetadataSchema,
    documentation={
        "description": "The response has the name, type and shape of each tensor of a prediction. In a "
        "shape, -1 is an axis of any length."
    },
    labels=False,
)
blueprint.add_for_versions(
    f"{MODEL}{{version}}/ready",
    lambda wanted: write_json({"name": open_inference.find(predictions(), wanted).model, "ready": True}),
    name="get_inference_ready",
    summary="Open Inference Protocol: check the readiness of",
    answer=ModelReadySchema,
    documentation={
        "description": "If the version doesn't exist, or the model has no version yet, the response is 404."
    },
    labels=False,
)
blueprint.add_for_versions(
    f"{MODEL}{{version}}/config",
    lambda wanted: write_json(describe_config(open_inference.find(predictions(), wanted))),
    name="get_inference_config",
    summary="Open Inference Protocol: get the configuration of",
    answer=ModelConfigSchema,
    documentation={"description": "The response has Triton's format, with the fields that Triton's clients use."},
    labels=False,
)
for rule in TRITONS_OWN:
    tritons_own.add_url_rule(rule, view_func=refuse, methods=["GET", "POST"])
