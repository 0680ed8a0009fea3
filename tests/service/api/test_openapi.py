"""openapi.yaml is what the code says, and complete."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from service.api.app import create_app
from service.api.contract import document as openapi_document
from service.api.contract.openapi import PATH
from service.config import Settings
from service.context import Context
from tests.service.api.api_client import ApiClient

DOM_TYPES = {"Event", "File", "MessageEvent", "Node", "ProgressEvent", "Range", "Request", "Response", "Text", "Worker"}
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def document(api: ApiClient) -> Any:
    return api.get("/openapi.json")


def operations(document: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]


def test_the_committed_file_is_current(context: Context) -> None:
    # The document says how large a file may be, which is a setting.
    app = create_app(replace(context, settings=Settings(data_dir=context.settings.data_dir)))
    current = openapi_document.to_yaml(openapi_document.describe(app))
    assert PATH.read_text(encoding="utf-8") == current, "run python -m service.api.contract.openapi"


def test_it_is_served_as_json_and_as_yaml(api: ApiClient, document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    response = api.send("GET", "/openapi.yaml", 200)
    assert response.mimetype == "application/yaml"
    assert yaml.safe_load(response.text) == document


def test_every_operation_has_an_id_a_summary_and_its_errors(document: Any) -> None:
    found = operations(document)
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids) > 30
    for path, method, operation in found:
        assert operation["summary"].endswith("."), path
        assert operation["responses"]["default"], path
        if method in ("post", "put", "patch"):
            assert operation["requestBody"]["required"] == (path != "/v2/repository/index"), path


def test_every_route_is_described(context: Context, document: Any) -> None:
    app = create_app(context)
    rules = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/v1/", "/v2")) or rule.rule in ("/healthz", "/readyz", "/metrics")
        if not rule.endpoint.startswith("tritons_own.")
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert {(path, method) for path, method, _ in operations(document)} == rules


def test_an_answer_that_the_client_may_have_already_is_described_with_its_304(document: Any) -> None:
    conditional = [
        operation["responses"]
        for _, method, operation in operations(document)
        if method == "get" and "If-None-Match" in {parameter["name"] for parameter in operation.get("parameters", ())}
    ]
    assert len(conditional) > 20
    for responses in conditional:
        assert "content" not in responses["304"]
        assert "ETag" in responses["304"]["headers"]


def test_a_stream_is_described_beside_its_json(document: Any) -> None:
    operation = document["paths"]["/v1/training-jobs/{job_id}/events"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert "204" in operation["responses"]
    assert "Last-Event-ID" in {parameter["name"] for parameter in operation["parameters"]}


def test_errors_are_problems_or_a_dialects_and_every_reference_leads_somewhere(document: Any) -> None:
    for name, response in document["components"]["responses"].items():
        expected = "application/json" if name.startswith("Dialect") else "application/problem+json"
        assert list(response["content"]) == [expected]
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_what_was_created_leads_to_the_operations_on_it(document: Any) -> None:
    ids = {operation["operationId"] for _, _, operation in operations(document)}
    created = document["paths"]["/v1/training-jobs"]["post"]["responses"]["202"]
    assert {"get_training_job", "change_training_job", "list_events"} <= set(created["links"])
    assert {link["operationId"] for link in document["components"]["links"].values()} <= ids


def test_every_operation_but_the_probes_needs_a_key_and_says_so(document: Any) -> None:
    probes = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
    for path, method, operation in operations(document):
        assert (operation["security"] == []) == (path in probes), path
        assert ("401" in operation["responses"]) == (path not in probes), path
        assert ("403" in operation["responses"]) == (path not in probes or method != "get"), path


def test_any_other_error_is_documented_everywhere(document: Any) -> None:
    for _, _, operation in operations(document):
        named = document["components"]["responses"][operation["responses"]["default"]["$ref"].rsplit("/", 1)[1]]
        assert "(408)" in named["description"]
        assert "(421)" in named["description"]


def numbers(node: Any) -> Iterator[float]:
    """Every number in a document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from numbers(child)
    if isinstance(node, int | float):
        yield node


def members(node: Any, wanted: str) -> Iterator[Any]:
    """Every member of that name in a document."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from members(child, wanted)
    if isinstance(node, dict) and wanted in node:
        yield node[wanted]


def test_generators_of_clients_can_read_it(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert not DOM_TYPES & set(schemas)
    assert not {f"New{name}" for name in schemas} & set(schemas)  # what OpenAPI Generator calls Go's constructors
    assert max(map(abs, numbers(document))) < 1e39  # OpenAPI Generator fails on the bounds of double precision
    # openapi-typescript takes a member with a default for a required one.
    defaulted = [
        (name, member)
        for name, schema in schemas.items()
        for member, property_ in schema.get("properties", {}).items()
        if "default" in property_
    ]
    assert not defaulted
    assert schemas["CreateTrainingJob"]["properties"]["batch_size"]["description"].endswith("Default: `32`.")


def test_several_types_are_alternatives_because_generators_know_no_lists_of_types(document: Any) -> None:
    lists = [types for types in members(document, "type") if isinstance(types, list)]
    assert lists
    assert all(len(types) == 2 and "null" in types for types in lists)
    optimizer = document["components"]["schemas"]["CreateTrainingJob"]["properties"]["optimizer"]
    assert [schema["type"] for schema in optimizer["oneOf"]] == ["string", "object", "null"]
    assert optimizer["oneOf"][1]["required"] == ["type"]
    assert optimizer["description"] == "An optimizer that replaces the model's; null: the model's."


def test_predictions_and_events_are_unions(document: Any) -> None:
    schemas = document["components"]["schemas"]
    variants = [schema["$ref"].rsplit("/", 1)[1] for schema in schemas["Prediction"]["oneOf"]]
    assert variants == ["ClassPrediction", "LabelsPrediction", "ValuePrediction"]
    event = schemas["JobEvent"]
    mapping = event["discriminator"]["mapping"]
    assert set(mapping) == {"transition", "progress", "epoch", "checkpoint", "message"}
    assert [schema["$ref"] for schema in event["oneOf"]] == list(mapping.values())


def test_the_parts_of_a_form_say_how_they_are_sent(document: Any) -> None:
    content = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert content["encoding"]["file"] == {"contentType": "application/octet-stream"}
    assert content["encoding"]["split"] == {"contentType": "application/json"}
