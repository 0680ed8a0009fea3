"""While the artifact folder can't be written, requests that store files get 507 with the reason; the rest goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config import Settings
from service.context import Context
from service.storage.database import migrate
from tests.contexts import default_context
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front
from tests.small_disks import read_only, small_disk

FORM = (
    b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\n%s\r\n'
    b'--B\r\nContent-Disposition: form-data; name="target"\r\n\r\nb\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\na,b\n%s\r\n--B--\r\n'
)
REASON = "The service can't write to its artifact folder: Read-only file system."


@pytest.fixture
def artifacts(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    with small_disk(tmp_path / "artifacts", 32) as folder:
        yield folder


@pytest.fixture
def context(tmp_path: Path, artifacts: Path) -> Iterator[Context]:
    context = default_context(Settings(data_dir=tmp_path, artifact_url=str(artifacts), min_free_bytes=1024**2))
    migrate(context.settings.database_url)
    yield context
    context.database.close()


@pytest.fixture
def api(context: Context) -> ApiClient:
    return ApiClient(FrontClient(make_front(context)))


@pytest.fixture
def trained(api: ApiClient, context: Context) -> ApiClient:
    worker = FakeWorker(context)
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    worker.run_all()
    api.post("/v1/training-jobs", TRAINING, 202)
    worker.run_all()
    return api


@pytest.mark.parametrize("rows", [10, 500_000], ids=["small", "spooled"])
def test_what_must_be_stored_is_refused_with_the_reason(api: ApiClient, artifacts: Path, rows: int) -> None:
    def upload(expect: int) -> dict[str, str]:
        body = FORM % (b"rows-%d" % expect, b"1,2\n" * rows)
        headers = {"Prefer": "wait=0", "Content-Type": "multipart/form-data; boundary=B"}
        return api.send("POST", "/v1/datasets", expect, data=body, headers=headers).json  # type: ignore[return-value]

    with read_only(artifacts):
        for refused in (upload(507), api.post("/v1/datasets", named(LINE_DATASET, "other"), 507)):
            assert (refused["type"], refused["detail"]) == ("/problems/artifacts-unwritable", REASON)
        assert api.get("/v1/datasets")["items"] == []
        unready = api.get("/readyz", 503)
        assert (unready["status"], unready["parts"]["artifact_store"]["status"]) == ("unavailable", "read-only")
    assert api.get("/readyz")["status"] == "ready"
    upload(202)


def test_predictions_downloads_and_deletions_go_on(trained: ApiClient, artifacts: Path, context: Context) -> None:
    with read_only(artifacts):
        trained.post("/v1/models/line/predictions", {"instances": [[1]]}, 200)
        trained.send("GET", "/v1/models/line/versions/1/artifacts/onnx", 200)
        trained.delete("/v1/models/line/versions/1")
        trained.get("/v1/models/line/versions/1", 404)
    assert len(context.artifacts.names("models")) == 1
