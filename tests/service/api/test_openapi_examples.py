"""Every operation of the OpenAPI document, sent with its examples to a real service: they are one story, and each
answer is as the document says."""

import json
from typing import Any
from urllib.parse import quote

import pytest
import requests
import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from service.api.contract import openapi
from tests.running_service import running_service

METHODS = ("post", "patch", "put", "get", "delete")
"""Within a kind of resource, in the order of the story; what is deleted is deleted at its end."""
ENDLESS = "long"
"""The example of a training that the others' orders are for."""
JOBS = ("/v1/training-jobs", "/v1/evaluations", "/v1/batch-predictions", "/v1/variant-jobs")
VARIANTS = "/v1/models/{name}/versions/{version}/variants"
CREATED_AT = {VARIANTS: "/v1/variant-jobs"}
"""Where jobs are, by where they are created, if that isn't the same."""
KEYS = "/v1/api-keys"
WORKERS = "/v1/workers"

UNFIT = ("get_boundary", "get_residuals", "get_snapshot_boundary")
"""The pictures that the story's models don't have: their networks take four numbers, and predict classes."""

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load(openapi.PATH.read_text(encoding="utf-8"))


def operations(document: Any) -> list[tuple[str, str, Operation]]:
    """Path, method and operation, in the order of the story."""
    tags = [tag["name"] for tag in document["tags"]]
    found = [
        (path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]
    told = sorted(found, key=lambda one: (tags.index(one[2]["tags"][0]), METHODS.index(one[1])))
    return [one for one in told if one[1] != "delete"] + [one for one in reversed(told) if one[1] == "delete"]


def examples(operation: Operation) -> list[tuple[str, str, Any]]:
    """Media type, name and value of each example of a body, those of the same name one after the other."""
    found = [
        (media_type, name, example["value"])
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
        for name, example in content.get("examples", {}).items()
    ]
    names = [name for _, name, _ in found]
    return sorted(found, key=lambda one: names.index(one[1]))


class Story:
    """A service, and what of it the story has made so far."""

    def __init__(self, url: str, document: Any) -> None:
        self._url = url
        self._document = document
        self.faults: list[str] = []
        self.jobs: dict[str, list[str]] = {path: [] for path in (*JOBS, KEYS)}
        """The ids of jobs, keys and workers."""
        self._key = ""
        self._key = self._send(KEYS, "post", {}, "application/json", {"name": "story", "scopes": ["admin"]}).json()[
            "key"
        ]
        self.jobs[WORKERS] = [worker["id"] for worker in self._send(WORKERS, "get", {}).json()["items"]]

    def tell(self, path: str, method: str, operation: Operation) -> None:
        """Send an operation with each of its examples."""
        url = self._fill_in(path)
        if method == "patch" and path.startswith(JOBS):
            url = self._start_another(path)
        if method == "delete" and path.startswith(JOBS):
            self._send(url, "get", {"Prefer": "wait=60"})
        sent = examples(operation) or [("", "", None)]
        for media_type, name, value in sent:
            if isinstance(value, dict) and "training_job" in value:
                value = value | {"training_job": self.jobs[JOBS[0]][0]}
            collection = CREATED_AT.get(path, path)
            patient = method == "post" and collection in JOBS and name != ENDLESS
            headers = {"Prefer": "wait=60"} if patient else {}
            response = self._send(url, method, headers, media_type, value)
            what = f"{operation['operationId']}, {name}: {response.status_code} {response.text[:500]}"
            assert response.status_code == 409 if operation["operationId"] in UNFIT else response.ok, what
            self._check(response, path, method, operation)
            if response.headers.get("Content-Type", "").startswith("image/svg+xml"):
                self._check(self._send(f"{url}?format=json", method, headers), path, method, operation)
            if method == "post" and collection in self.jobs:
                self.jobs[collection].append(response.json()["id"])
                assert not patient or response.json()["status"] == "succeeded", what

    def _fill_in(self, path: str) -> str:
        """The path with the examples of its parameters, and of jobs the first that there was."""
        for parameter in self._document["paths"][path].get("parameters", ()):
            value = parameter["example"]
            if parameter["name"].endswith("_id"):
                value = next(ids[0] for made, ids in self.jobs.items() if path.startswith(made))
            path = path.replace(f"{{{parameter['name']}}}", str(value))
        return path

    def _start_another(self, path: str) -> str:
        """The URL of a job that isn't final: the endless training, or the first example once more."""
        jobs = next(jobs for jobs in JOBS if path.startswith(jobs))
        creating = next((path for path, made in CREATED_AT.items() if made == jobs), jobs)
        operation = self._document["paths"][creating]["post"]
        media_type, name, value = examples(operation)[0]
        if ENDLESS in {name for _, name, _ in examples(operation)}:
            return f"{jobs}/{self.jobs[jobs][-1]}"
        response = self._send(self._fill_in(creating), "post", {}, media_type, value)
        assert response.status_code == 202, name
        return str(response.headers["Location"])

    def _send(
        self, url: str, method: str, headers: dict[str, str], media_type: str = "", value: Any = None
    ) -> requests.Response:
        options: dict[str, Any] = {}
        if media_type == "multipart/form-data":
            fields = {name: field if isinstance(field, str) else json.dumps(field) for name, field in value.items()}
            options = {"files": {"file": ("rows.csv", fields.pop("file"))}, "data": fields}
        elif media_type:
            headers = headers | {"Content-Type": media_type}
            options = {"data": value if isinstance(value, str) else json.dumps(value)}
        headers = headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        return requests.request(method, self._url + url, headers=headers, timeout=90, **options)

    def _check(self, response: requests.Response, path: str, method: str, operation: Operation) -> None:
        """That the document has such an answer: its status, headers, media type, and its content by the schema."""
        status = str(response.status_code)
        documented = operation["responses"][status]
        if "$ref" in documented:
            documented = self._document["components"]["responses"][documented["$ref"].rsplit("/", 1)[1]]
        for name, header in documented["headers"].items():
            required = self._document["components"]["headers"][header["$ref"].rsplit("/", 1)[1]].get("required")
            assert name in response.headers or not required, (path, method, name)
        if "content" not in documented:
            assert not response.content, (path, method)
            return
        media_type = response.headers["Content-Type"].partition(";")[0]
        assert media_type in documented["content"], (path, method)
        if media_type == "application/json":
            steps = ("paths", path, method, "responses", status, "content", media_type, "schema")
            pointer = "".join("/" + quote(step.replace("~", "~0").replace("/", "~1")) for step in steps)
            schema = self._document | {"$ref": f"#{pointer}"}
            validator = OAS31Validator(schema, format_checker=oas31_format_checker)
            faults = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(response.json())]
            self.faults += [f"{method} {path}: {fault}" for fault in faults[:5]]


def test_every_operation_answers_its_examples_as_documented(
    document: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_service(tmp_path_factory.mktemp("story"), api_processes="1") as service:
        story = Story(f"http://127.0.0.1:{service.port}", document)
        for path, method, operation in operations(document):
            story.tell(path, method, operation)
    assert not story.faults, "\n".join(story.faults)


def test_every_body_that_is_text_has_examples(document: Any) -> None:
    for path, method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        for media_type in {"application/json", "text/csv"} & set(content):
            assert content[media_type].get("examples"), (path, method, media_type)
