"""A client for the TensorFlow Serving and Open Inference routes of an app in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from service.config import Settings
from service.context import Context
from service.storage.records import Record
from tests.contexts import default_context
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

MOST_AT_ONCE = 2

TABLE = {
    "name": "fruit",
    "source": "inline",
    "rows": [
        {"width": 1.5, "colour": "red", "ripe": True, "kind": "a"},
        {"width": 2.5, "colour": "green", "ripe": False, "kind": "b"},
        {"width": 3.5, "colour": "red", "ripe": True, "kind": "a"},
        {"width": 4.5, "colour": "green", "ripe": False, "kind": "b"},
    ],
    "target": "kind",
}
SORTER = {
    "name": "fruit",
    "task": "multiclass",
    "input": {"dataset": "fruit", "scaling": "none"},
    "layers": [{"type": "Dense", "units": 2, "activation": "softmax"}],
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
}


class DialectClient:
    """Asserts the status that a test expects, and that every error is exactly `{"error": text}`."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.app = app = make_front(context)
        self.api = ApiClient(FrontClient(app))

    def send(self, method: str, path: str, expect: int = 200, **options: Any) -> TestResponse:
        response = self.api.http.open(path, method=method, **options)
        assert response.status_code == expect, f"{response.status_code}: {response.text}"
        if expect >= 400:
            assert response.mimetype == "application/json"
            assert response.json is not None
            assert list(response.json) == ["error"]
            assert "Traceback" not in response.text
        return response

    def get(self, path: str, expect: int = 200) -> Any:
        return self.send("GET", path, expect).json

    def post(self, path: str, body: Any, expect: int = 200, **headers: str) -> Any:
        return self.send("POST", path, expect, json=body, headers=headers).json

    def error(self, path: str, body: Any, expect: int = 400) -> str:
        """Post an invalid body and return the text of the error."""
        text: str = self.post(path, body, expect)["error"]
        return text

    def make_fruit(self) -> None:
        """Create a version of a model for a table. Its first output is the sum of a row's preprocessed values. Needs a
        worker."""
        self.api.post("/v1/datasets", TABLE)
        self.api.post("/v1/models", SORTER)
        self.api.post("/v1/training-jobs", {"model": "fruit", "dataset": "fruit", "epochs": 1}, Prefer="wait=20")


@contextmanager
def dialect_client(folder: Path) -> Iterator[DialectClient]:
    """A client of an app with versions of `line`, whose network returns its input, and of `fruit`."""
    context = default_context(
        Settings(data_dir=folder, max_concurrent_predictions=MOST_AT_ONCE, max_body_bytes=100_000)
    )
    Record.metadata.create_all(context.database.engine)
    client = DialectClient(context)
    with FakeWorker(context):
        client.api.make_line()
        client.api.train_line(label="champion")
        client.make_fruit()
        yield client
    context.database.close()
