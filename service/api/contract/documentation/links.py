"""The links of the OpenAPI document: the operations that can follow a creation."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
CREATING = {
    "create_dataset": "name",
    "create_model": "name",
    "create_training_job": "id",
    "create_evaluation": "id",
    "create_batch_prediction": "id",
}
"""The creating operations, each with the response field that identifies the resource in paths."""
STATUSES = ("201", "202")


def add_links(document: Document) -> None:
    """Link each creating operation to the operations whose only path parameter is the created resource."""
    links = document["components"]["links"] = {}
    paths = document["paths"]
    for path, item in paths.items():
        operation = item.get("post", {})
        member = CREATING.get(operation.get("operationId", ""))
        if member is None:
            continue
        for parameter, following in _find_following(path, paths):
            name = following["operationId"]
            links[name] = {
                "operationId": name,
                "description": following["summary"],
                "parameters": {parameter: f"$response.body#/{member}"},
            }
            for status in STATUSES:
                references = operation["responses"][status].setdefault("links", {})
                references[name] = {"$ref": f"#/components/links/{name}"}


def _find_following(path: str, paths: Document) -> Iterator[tuple[str, Document]]:
    """Each operation below the path that has a single path parameter, with the parameter's name."""
    for below, item in paths.items():
        names = [parameter["name"] for parameter in item.get("parameters", ()) if parameter["in"] == "path"]
        if below.startswith(f"{path}/{{") and len(names) == 1:
            yield from ((names[0], operation) for operation in item.values() if isinstance(operation, dict))
