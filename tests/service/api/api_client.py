"""A client of an app in this process that takes paths and returns JSON."""

from typing import Any

from werkzeug.test import Client, TestResponse

from tests.journeys.specs import LINE, LINE_DATASET

TRAINING = {"model": "line", "dataset": "line", "epochs": 3}


class ApiClient:
    """Asserts the status that a test expects, and that every error is a problem."""

    def __init__(self, client: Client) -> None:
        self.http = client

    def send(self, method: str, path: str, expect: int, **options: Any) -> TestResponse:
        response = self.http.open(path, method=method, buffered=True, **options)
        assert response.status_code == expect, f"{response.status_code}: {response.text}"
        if expect >= 400 and method != "HEAD" and path != "/readyz":
            check_problem(response, path.partition("?")[0])
        return response

    def get(self, path: str, expect: int = 200, **headers: str) -> Any:
        return self.send("GET", path, expect, headers=_dashed(headers)).json

    def post(self, path: str, body: Any, expect: int = 201, **headers: str) -> Any:
        return self.send("POST", path, expect, json=body, headers=_dashed(headers)).json

    def patch(self, path: str, body: Any, expect: int = 200) -> Any:
        return self.send("PATCH", path, expect, json=body).json

    def put(self, path: str, body: Any, expect: int = 200) -> Any:
        return self.send("PUT", path, expect, json=body).json

    def delete(self, path: str, expect: int = 204) -> None:
        self.send("DELETE", path, expect)

    def make_line(self) -> None:
        """Create the dataset and the model `line`. Needs a worker."""
        self.post("/v1/datasets", LINE_DATASET)
        self.post("/v1/models", LINE)

    def train_line(self, **options: Any) -> Any:
        """Train `line` and return the job. Needs a worker."""
        return self.post("/v1/training-jobs", {**TRAINING, **options}, Prefer="wait=20")


def check_problem(response: TestResponse, path: str) -> None:
    """Check that an error is a valid problem document for the path."""
    assert response.mimetype == "application/problem+json"
    problem = response.json
    assert problem is not None
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["status"] == response.status_code
    assert problem["detail"] == problem["error"]
    assert problem["instance"] == path
    replayed = "Idempotency-Replayed" in response.headers
    assert (problem["request_id"] == response.headers["X-Request-ID"]) != replayed
    assert "Traceback" not in response.text
    for fault in problem.get("errors", []):
        assert fault["detail"]
        places = {"pointer", "parameter", "header", "file", "row", "column"} & set(fault)
        assert places
        assert not {"pointer", "file"} <= places
    if response.status_code == 503 or problem["type"] == "/problems/rate-limited":
        assert int(response.headers["Retry-After"]) > 0


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
