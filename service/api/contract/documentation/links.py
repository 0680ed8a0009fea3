"""The links of the OpenAPI document: what can be done with what a creating operation answered."""

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
"""The operations, and the member of their answers by which paths name the resource."""
STATUSES = ("201", "202")


def add_links(document: Document) -> None:
    """Link each creating operation to the operations whose path names nothing but what it created."""
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
    """The only parameter and the operation of every path below another."""
    for below, item in paths.items():
        names = [parameter["name"] for parameter in item.get("parameters", ()) if parameter["in"] == "path"]
        if below.startswith(f"{path}/{{") and len(names) == 1:
            yield from ((names[0], operation) for operation in item.values() if isinstance(operation, dict))
