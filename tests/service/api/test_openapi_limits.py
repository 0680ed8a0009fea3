"""What the OpenAPI document says of bodies and queries is what the service holds clients to."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.api.app import create_app
from service.api.contract.document import describe
from service.config import Settings
from service.context import Context
from tests.service.api.api_client import ApiClient

BODIES = {
    "/v1/datasets": "post",
    "/v1/models": "post",
    "/v1/training-jobs": "post",
    "/v1/evaluations": "post",
    "/v1/batch-predictions": "post",
}
"""Paths and methods whose bodies marshmallow reads."""
LISTS = ("/v1/datasets", "/v1/models", "/v1/training-jobs", "/v1/evaluations", "/v1/batch-predictions")
MOST_ITEMS = 20_000
"""Longer lists are refused by their bytes before anyone counts their items."""


def beyond(schema: dict[str, Any]) -> Iterator[Any]:
    """Values that a schema doesn't allow, each just beyond one of its limits."""
    types = schema.get("type", [])
    if "enum" in schema:
        yield "nonsense"
    if "maxLength" in schema and "string" in types:
        yield "a" * (schema["maxLength"] + 1)
    if "pattern" in schema and "string" in types:
        yield "\0"
    if "maximum" in schema:
        yield schema["maximum"] * 2
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if schema.get("maxItems", MOST_ITEMS) < MOST_ITEMS and "array" in types:
        yield [{}] * (schema["maxItems"] + 1)
    if "minItems" in schema:
        yield []
    if schema.get("additionalProperties") is False:
        yield {"nonsense": 1}


@pytest.fixture
def document(api: ApiClient) -> Any:
    return api.get("/openapi.json")


def test_a_member_beyond_a_documented_limit_is_a_fault_of_that_member(trained: ApiClient, document: Any) -> None:
    for path, method in BODIES.items():
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
        sound = list(content["examples"].values())[-1]["value"]
        for name, member in schema["properties"].items():
            for value in beyond(member):
                problem = trained.post(path, {**sound, name: value}, 422)
                pointers = [fault.get("pointer", "") for fault in problem["errors"]]
                assert any(pointer.startswith(f"#/{name}") for pointer in pointers), (path, name, value, problem)


def test_an_unknown_member_and_one_that_is_left_out_are_faults(api: ApiClient, document: Any) -> None:
    for path, method in BODIES.items():
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
        assert schema["additionalProperties"] is False
        problem = api.post(path, {"nonsense": 1}, 422)
        faulty = {fault["pointer"] for fault in problem["errors"]}
        assert {f"#/{name}" for name in (*schema["required"], "nonsense")} <= faulty, path


def test_a_parameter_beyond_a_documented_limit_is_a_fault_of_that_parameter(api: ApiClient, document: Any) -> None:
    for path in LISTS:
        for parameter in document["paths"][path]["get"]["parameters"]:
            for value in beyond(parameter["schema"]) if parameter["in"] == "query" else ():
                problem: Any = api.send("GET", path, 400, query_string={parameter["name"]: value}).json
                assert [fault["parameter"] for fault in problem["errors"]] == [parameter["name"]], (path, value)


def test_how_large_a_file_may_be_is_what_the_service_was_set_to(context: Context) -> None:
    document = describe(create_app(context))
    for name in ("CreateUpload", "AddFile", "CreateFilePrediction"):
        upload = document["components"]["schemas"][name]["properties"]["file"]
        assert upload["maxLength"] == context.settings.max_upload_bytes, name
    assert context.settings.max_upload_bytes != Settings.max_upload_bytes
    picture = document["paths"]["/v1/models/{name}/predictions"]["post"]["requestBody"]["content"]["image/png"][
        "schema"
    ]
    assert picture["maxLength"] == context.settings.max_body_bytes != Settings.max_body_bytes
