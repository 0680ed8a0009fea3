"""What schemathesis does otherwise while it tests the service."""

import os
import zlib
from typing import Any

import schemathesis

from tests.fuzzing.made import KEPT, LABEL, ROW, TABLE
from tests.journeys.specs import LINE, LINE_DATASET, named

SHORT_WAIT = "wait=1"
KEY = "FITSERVE_TEST_FUZZ_KEY"
"""The environment variable with the key that every request sends."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out what would delete a version that was made before, or the key: most other requests need them."""
    if case.method == "DELETE" and case.path_parameters.get("key_id", "-") in os.environ[KEY]:
        return False
    kept = case.path_parameters.get("name") in KEPT
    others = case.path_parameters.get("version", 1) != 1 or case.path_parameters.get("label", LABEL) != LABEL
    return case.method != "DELETE" or not kept or others


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case) -> schemathesis.Case:
    """Let most right bodies be ones that do something: what is drawn by the schema alone seldom fits together."""
    is_right = case.meta is not None and case.meta.generation.mode.is_positive
    if is_right and case.media_type == "application/json" and zlib.crc32(repr(case.body).encode()) % 4:
        case.body = _fitting_body(case) or case.body
    return case


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Let no request wait for long: of those that ask for it, the service would grant each a minute."""
    if "wait=" in case.headers.get("Prefer", ""):
        case.headers["Prefer"] = SHORT_WAIT


def _fitting_body(case: schemathesis.Case) -> dict[str, Any] | None:
    """A body with which the request will be granted, if there is one."""
    path = case.operation.path
    drawn: Any = case.body
    if path in ("/v1/models", "/v1/datasets"):
        return named(LINE if path == "/v1/models" else LINE_DATASET, drawn["name"])
    if case.path_parameters.get("name") != TABLE:
        return None
    if path.endswith(("/predictions", ":predict")):
        return {"instances": [ROW]}
    if path.endswith((":classify", ":regress")):
        return {"examples": [ROW]}
    if path.endswith("/infer"):
        cell = {"shape": [1, 1], "datatype": "FP32"}
        return {"inputs": [{"name": column, "data": [value], **cell} for column, value in ROW.items()]}
    return None
