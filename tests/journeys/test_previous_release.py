"""The previous release goes on working while this one migrates its database: its real code, from the repository."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.storage.database import MIGRATIONS, migrate
from tests.clusters import needs_folder
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import ROOT, RunningService
from tests.service.storage.test_previous_release import PREVIOUS


def git(*arguments: str) -> bytes:
    """The output of a git command; skips the test if it fails."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"the previous release's code isn't available: {error}")


def find_commit() -> str:
    """The last commit before the first migration after PREVIOUS; the current one if there is none yet."""
    newer = [path for path in sorted(MIGRATIONS.glob("versions/[0-9]*.py")) if path.name[: len(PREVIOUS)] > PREVIOUS]
    added = git("log", "--reverse", "--topo-order", "--diff-filter=A", "--format=%H", "--", *map(str, newer)).split()
    return f"{added[0].decode()}^" if newer and added else "HEAD"


class PreviousRelease(RunningService):
    """A service that runs code from another folder."""

    def __init__(self, code: Path, data_dir: Path) -> None:
        self.root = code
        super().__init__(data_dir, environment={"PYTHONPATH": str(code)}, api_processes="1")


@pytest.fixture
def previous(tmp_path: Path) -> Iterator[RunningService]:
    archive = git("archive", find_commit(), "service", "models", "fitserve_client")
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        # Python 3.11.2 has no filters.
        packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        packed.extractall(tmp_path / "code")
    assert max((tmp_path / "code/service/storage/migrations/versions").glob("[0-9]*.py")).name.startswith(PREVIOUS)
    service = PreviousRelease(tmp_path / "code", tmp_path / "var")
    try:
        yield service.wait_until_ready()
    finally:
        service.stop()


@needs_folder
def test_a_running_service_goes_on_while_the_next_release_migrates_its_database(previous: RunningService) -> None:
    client = previous.client
    client.post("/v1/datasets", LINE_DATASET)
    client.post("/v1/models", LINE)
    waiting = client.start_training("line", "line", 100_000)
    client.wait_for_first_epoch(waiting)
    migrate(f"sqlite:///{previous.data_dir / 'fitserve.db'}")
    seen = client.job(waiting)["progress"]["epoch"]
    client.patch(f"/v1/training-jobs/{waiting}", {"desired_status": "stopped"})
    stopped = client.wait_for_status(waiting, "succeeded")
    assert (stopped["version"], stopped["attempt"]) == (1, 1)
    assert stopped["progress"]["epoch"] >= seen > 0
    client.post("/v1/datasets", named(LINE_DATASET, "after"))
    client.post("/v1/models", named(LINE, "after"))
    assert client.train("after", "after", 2, label="champion")["version"] == 1
    assert len(client.predict("after", [[1], [2]])["predictions"]) == 2
    assert client.get("/readyz")["status"] == "ready"
    client.delete("/v1/models/after/labels/champion")
    client.delete("/v1/models/after")
    client.delete("/v1/datasets/after")
    assert [model["name"] for model in client.items("/v1/models")] == ["line"]
