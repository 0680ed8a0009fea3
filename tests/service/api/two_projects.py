"""Two projects that have one of everything, and requests by one for what the other has."""

import io
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import yaml
from sqlalchemy import update
from werkzeug.test import TestResponse

from service.api.contract.openapi import PATH
from service.config import Settings
from service.context import Context
from service.storage.records import ApiKey
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.shared_routes import make_app

NAMING = ("name", "model", "dataset", "label", "serve")
"""The fields of bodies and queries that have a name."""
JOBS = ("training_job", "parent", "jobs", "job")
"""Those that have the id of a training job."""
ASSETS = "/ui/assets/<digest>/<path:name>"
"""The only page's path that is the same for everybody."""
FIXED = {"limit": "1", "sort": "-created_at", "after": "0", "split": "train", "points": "2", "metadata.k": "v"}
"""The values of other parameters."""
STREAM = "text/event-stream"


class Operation(NamedTuple):
    """A documented operation, with the examples of its JSON body."""

    method: str
    path: str
    bodies: tuple[Any, ...]
    takes_form: bool
    parameters: tuple[str, ...]
    """Of the query."""
    security: list[dict[str, list[str]]]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> list[Operation]:
    document = yaml.load(PATH.read_text(), yaml.CSafeLoader)
    shared = document["components"].get("parameters", {})

    def parameters(operation: Any) -> tuple[str, ...]:
        listed = (shared[p["$ref"].split("/")[-1]] if "$ref" in p else p for p in operation.get("parameters", ()))
        return tuple(p["name"] for p in listed if p["in"] == "query")

    return [
        Operation(
            method.upper(),
            path,
            _bodies(operation),
            "multipart/form-data" in operation.get("requestBody", {}).get("content", {}),
            parameters(operation),
            operation["security"],
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def pages() -> list[str]:
    """The paths of the dashboard's pages, with places to fill, and a query that names something of each kind."""
    rules = make_app(Context.from_settings(Settings())).url_map.iter_rules()
    read = {rule.rule for rule in rules if rule.rule.startswith("/ui") and "GET" in (rule.methods or ())}
    shown = [re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path) for path in sorted(read - {ASSETS})]
    query = "model={name}&dataset={name}&job={job_id}&jobs={job_id}&epoch=1&version=1&name={name}"
    return [f"{path}{ending}" for path in shown for ending in ("", f"?{query}")]


def _bodies(operation: Any) -> tuple[Any, ...]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return tuple(example["value"] for example in content.get("examples", {}).values())


class Named(NamedTuple):
    """What a request is about: everything of a project, or what nobody has, with names and ids of the same lengths."""

    name: str
    ids: dict[str, str]
    used: str
    """An idempotency key."""
    tags: dict[str, str]
    """The ETag of each path, before its places are filled."""


class Side:
    """A project with one of everything, and two datasets, models and training jobs."""

    def __init__(self, name: str, unknown: str, key: str) -> None:
        self.key = key
        self.has = Named(name, {}, f"used-by-{name}", {})
        self.unknown = unknown
        self.cursors: dict[str, str] = {}

    @property
    def has_not(self) -> Named:
        """What nobody has."""
        ids = {place: f"{id_[:3]}{'0' * 24}" for place, id_ in self.has.ids.items()}
        tags = {path: f'"{"0" * (len(tag) - 2)}"' for path, tag in self.has.tags.items()}
        return Named(self.unknown, ids, f"used-by-{self.unknown}", tags)


class Projects:
    """The projects a and b, the first of which is filled, and a key of each kind."""

    def __init__(self, api: ApiClient, worker: FakeWorker, context: Context) -> None:
        self.api = api
        self.worker = worker
        self.worker.takes_snapshots = True
        self.count = 0
        """The requests that were sent."""
        self.admin = self._make("admin")
        for name in ("a", "b"):
            self.send(self.admin, "POST", "/v1/projects", json={"name": name})
        self.keys = {scope: self._make(scope, "a") for scope in ("read", "predict", "train")} | {"admin": self.admin}
        self.a = Side("our-flowers-7", "not-flowers-7", self.keys["train"])
        self.b = Side("its-flowers-7", "any-flowers-7", self._make("train", "b"))
        self.expired = self._make("train", "a", expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
        self.revoked = self._make("train", "a")
        self.send(self.admin, "DELETE", f"/v1/api-keys/{self.revoked.split('_')[1]}")
        with context.database.write() as session:
            past = datetime(2020, 1, 1, tzinfo=UTC)
            session.execute(update(ApiKey).where(ApiKey.id == self.expired.split("_")[1]).values(expires_at=past))
        self.fill(self.a)

    def _make(self, scope: str, project: str | None = None, **more: Any) -> str:
        body = {"name": scope, "scopes": [scope], "project": project, **more}
        made: Any = self.send(getattr(self, "admin", None), "POST", "/v1/api-keys", json=body).json
        return str(made["key"])

    def fill(self, side: Side) -> None:
        """Make one of everything for a project."""
        later = {"Prefer": "wait=0", "Idempotency-Key": side.has.used}
        name = side.has.name

        def make(path: str, body: Any) -> Any:
            response = self.send(side.key, "POST", f"/v1/{path}", json=body, headers=later)
            assert response.status_code == 202, response.text
            return response.json

        for other in (f"{name}-2", name):
            later["Idempotency-Key"] = side.has.used if other == name else f"{side.has.used}-2"
            make("datasets", named(LINE_DATASET, other))
            make("models", named(LINE, other))
            self.worker.run_all()
            job = make("training-jobs", {"model": other, "dataset": other, "epochs": 3, "label": other})
            self.worker.run_all()
        wanted = {"model": name, "dataset": name, "split": "train"}
        evaluation, batch = make("evaluations", wanted), make("batch-predictions", wanted)
        variant = make(f"models/{name}/versions/1/variants", {"type": "int8"})
        self.worker.run_all()
        made = {"job_id": job, "evaluation_id": evaluation, "batch_prediction_id": batch, "variant_job_id": variant}
        side.has.ids.update({place: each["id"] for place, each in made.items()})

    def note_tags_and_cursors(self, side: Side, other: Side) -> None:
        """Note the ETag of everything of a project that isn't also the other's, and where its lists go on."""
        for operation in operations():
            if operation.method == "GET":
                query = "?limit=1" if "limit" in operation.parameters else ""
                path = fill_path(operation.path, side.has) + query
                response = self.send(side.key, "GET", path)
                tag = response.headers.get("ETag")
                if tag is not None and tag != self.send(other.key, "GET", path).headers.get("ETag"):
                    side.has.tags[operation.path] = tag
                following = response.json.get("next") if isinstance(response.json, dict) else None
                if following:
                    side.cursors[operation.path] = re.split("cursor=|&", following)[1]

    def send(self, key: str | None, method: str, path: str, **options: Any) -> TestResponse:
        self.count += 1
        headers = options.pop("headers", {}) | ({} if key is None else {"Authorization": f"Bearer {key}"})
        return self.api.http.open(path, method=method, headers=headers, buffered=True, **options)

    def snapshot(self, side: Side) -> list[str]:
        """Everything that a project has, as its own key sees it."""
        name = side.has.name
        lists = ("datasets", "models", "training-jobs", "evaluations", "batch-predictions", "variant-jobs")
        below = ("versions", "versions/1/variants", "labels")
        paths = (*lists, *(f"models/{name}/{path}" for path in below), f"datasets/{name}/versions")
        return [self.send(side.key, "GET", f"/v1/{path}").text or "" for path in paths]

    def forget(self, side: Side, made: Named) -> None:
        """Delete what a project has made of the names that it asked for."""
        self.worker.run_all()
        for kind in ("models", "datasets"):
            self.send(side.key, "DELETE", f"/v1/{kind}/{made.name}")


def fill_path(path: str, about: Named) -> str:
    """The path of an operation about something."""
    name = about.name
    same = {
        "version": 1,
        "number": 1,
        "epoch": "latest",
        "format": "onnx",
        "variant": "int8",
        "key_id": "0" * 24,
        "worker_id": f"wk_{'0' * 24}",
        "activation": "relu",
    }
    return path.format(name=name, label=name, **same, **about.ids)


class Draw:
    """A random request for an operation. Those of the same seed differ only in what they are about."""

    def __init__(self, operation: Operation, number: int, seed: int, asks: Side, about: Named, has: Side) -> None:
        self._random = random.Random(f"{operation} {number} {seed}")
        self._asks, self._about, self._has = asks, about, has
        self.path = fill_path(operation.path, about) + self._draw_query(operation)
        self.headers = self._draw_headers(operation)
        self.options: dict[str, Any] = {}
        if operation.takes_form and self._random.random() < 0.25:
            file = (io.BytesIO(b"x,y\n1,2\n2,3\n3,4\n"), "x.csv")
            fields = {field: self._draw_name(field, "x") for field in ("name", "model", "dataset")}
            kept = {field: value for field, value in fields.items() if self._random.random() < 0.6}
            self.options = {"data": {**kept, "file": file}, "content_type": "multipart/form-data"}
        elif operation.bodies:
            self.options = {"json": self._draw_body(operation.bodies[number % len(operation.bodies)])}

    def _chance(self, likelihood: float) -> bool:
        return self._random.random() < likelihood

    def _draw_name(self, field: str, example: Any) -> Any:
        chosen = self._random.random()
        # What the first request of a pair creates must not be in the way of the second.
        is_free = chosen < 0.7 or (chosen > 0.9 and field == "name")
        return self._about.name if is_free else self._asks.has.name if chosen < 0.9 else example

    def _draw_query(self, operation: Operation) -> str:
        values = dict.fromkeys(NAMING, self._about.name) | dict.fromkeys(JOBS, self._about.ids["job_id"])
        values |= FIXED | {"cursor": self._has.cursors.get(operation.path, "x")}
        given = [name for name in operation.parameters if name in values and self._chance(0.4)]
        return "?" + "&".join(f"{name}={values[name]}" for name in given) if given else ""

    def _draw_headers(self, operation: Operation) -> dict[str, str]:
        headers = {"Prefer": "wait=0"}
        tag = self._about.tags.get(operation.path) or self._about.tags["/v1/models/{name}"]
        for name in ("If-None-Match", "If-Match"):
            if self._chance(0.2):
                headers[name] = tag if self._chance(0.8) else "*"
        if operation.method == "POST" and self._chance(0.4):
            headers["Idempotency-Key"] = self._about.used
        if self._chance(0.2):
            headers |= {"Range": "bytes=0-9", "If-Range": tag}
        if operation.path.endswith("/events") and self._chance(0.5):
            headers |= {"Accept": STREAM, "Last-Event-ID": "1"}
        return headers

    def _draw_body(self, value: Any) -> Any:
        """An example of a body in which some texts are names or ids."""
        if isinstance(value, dict):
            body = {key: self._draw_field(key, inner) for key, inner in value.items()}
            if "epochs" in body and self._chance(0.4):
                from_job = {"training_job": self._about.ids["job_id"], "epoch": "latest"}
                body["start_from"] = from_job if self._chance(0.5) else {"model": self._draw_name("model", "x")}
            return body
        return [self._draw_body(inner) for inner in value] if isinstance(value, list) else value

    def _draw_field(self, key: str, value: Any) -> Any:
        if key in JOBS:
            return self._about.ids["job_id"]
        return self._draw_name(key, value) if key in NAMING and isinstance(value, str) else self._draw_body(value)
