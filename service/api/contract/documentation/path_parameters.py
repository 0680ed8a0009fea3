"""The path parameters of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from models.activations import ACTIVATIONS
from models.jobs.variant import VARIANT_TYPES
from service.api.contract.fields import LONGEST_NAME, NAME
from service.api.contract.schemas.versions import FORMATS

LARGEST_VERSION = 999_999_999
"""path_names.NumberConverter accepts at most 9 digits."""
LARGEST_SERVING_VERSION = 2**63 - 1
NAMED = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": f"^{NAME.pattern}$"}


def _identifier(prefix: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 27, "maxLength": 27, "pattern": f"^{prefix}_[0-9a-f]{{24}}$"}


PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("The name that the client chose.", NAMED),
    "label": ("The label that points to a version.", NAMED),
    "version": ("The version's number.", {"type": "integer", "format": "int64", "minimum": 1}),
    "activation": ("The function's name in Keras.", {"type": "string", "enum": sorted(ACTIVATIONS)}),
    "format": ("The format of the version's file.", {"type": "string", "enum": list(FORMATS)}),
    "key_id": (
        "The key's id.",
        {"type": "string", "minLength": 24, "maxLength": 24, "pattern": "^[0-9a-f]{24}$"},
    ),
    "job_id": ("The job's id.", _identifier("tj")),
    "batch_prediction_id": ("The batch prediction's id.", _identifier("bp")),
    "epoch": (
        "The number of the epoch, or `latest` or `best`.",
        {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^([1-9][0-9]{0,8}|latest|best)$"},
    ),
    "variant": ("The type of the variant.", {"type": "string", "enum": list(VARIANT_TYPES)}),
    "variant_job_id": ("The job's id.", _identifier("va")),
    "evaluation_id": ("The evaluation's id.", _identifier("ev")),
    "worker_id": ("The worker's id.", _identifier("wk")),
}
"""The description and the schema of each."""


def describe_path_parameter(path: str, name: str, examples: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """Describe a parameter. `examples` are keyed by the start or end of a path and the parameter's name."""
    description, schema = PARAMETERS[name]
    if name == "version":
        serving = ":" in path or path.endswith("/metadata") or path.startswith("/v2")
        schema = schema | {"maximum": LARGEST_SERVING_VERSION if serving else LARGEST_VERSION}
    matches = (
        value
        for (part, parameter), value in examples.items()
        if parameter == name and (path.startswith(part) or path.endswith(part))
    )
    return {"description": description, "schema": schema, "example": next(matches)}
