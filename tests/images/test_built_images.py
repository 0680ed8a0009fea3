"""The images, built with Buildah and run side by side on shared folders: the README's tour, MNIST, and how they behave
as containers. `make images` builds them and sets FITSERVE_TEST_IMAGES to their tag."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.journeys.test_readme import (
    test_the_tour_trains_and_predicts_and_other_servers_clients_meet_its_models as test_the_tour,
)
from tests.journeys.test_reference_jobs import test_mnist_is_trained_and_predicted as test_mnist
from tests.reference_data import make_keras_home
from tests.running_service import Client, free_port, wait_for

TAG = os.environ.get("FITSERVE_TEST_IMAGES")
USER = 1000
START_SECONDS, STOP_SECONDS = 120, 10
PLACES = ("/data", "/keras", "/tmp")
"""Where a container may write: the volumes and the tmpfs of docker-compose.yml."""

__all__ = ["test_mnist", "test_the_tour"]

pytestmark = [
    pytest.mark.skipif(not TAG, reason="FITSERVE_TEST_IMAGES doesn't name the tag of the built images"),
    pytest.mark.timeout(900),
]


class Container:
    """A container of `fitserve-PART`, with /data and /keras in `folder` and the network of this machine."""

    def __init__(self, part: str, folder: Path, **settings: str) -> None:
        self.part, self.port = part, settings["port"]
        self.name = _buildah("from", "--pull-never", f"localhost/fitserve-{part}:{TAG}")
        self._options = ["--isolation", "chroot", "--user", f"{USER}:{USER}"]
        self._options += [f"--volume={folder / place[1:]}:{place}" for place in PLACES]
        self._options += [f"--env=FITSERVE_{name.upper()}={value}" for name, value in settings.items()]
        self.log = (folder / f"{part}.log").open("w+")
        self._popen = subprocess.Popen(
            ["buildah", "run", *self._options, self.name, "--", "fitserve", part],
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as `docker exec` does."""
        return subprocess.run(
            ["buildah", "run", *self._options, self.name, "--", *command], capture_output=True, text=True, check=False
        )

    def wait_until_healthy(self) -> None:
        def healthy() -> bool:
            assert self._popen.poll() is None, self.printed()
            return self.run("fitserve", "health", self.part).returncode == 0

        wait_for(healthy, START_SECONDS, f"the {self.part} to be healthy", longest_pause=1)

    def printed(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def written(self) -> list[str]:
        """The files that were written outside the volumes and the tmpfs since the start."""
        root = Path(_buildah("mount", self.name))
        try:
            changed = subprocess.check_output(
                ["find", root, "-xdev", "-type", "f", "-user", str(USER), "-print"], text=True
            )
        finally:
            _buildah("umount", self.name)
        return changed.splitlines()

    def processes(self) -> list[psutil.Process]:
        descendants = psutil.Process(self._popen.pid).children(recursive=True)
        return [process for process in descendants if process.uids().real == USER]

    def stop(self) -> None:
        """End the main process like `docker stop`, and wait until all are gone."""
        processes = self.processes()
        processes[0].send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        assert alive == []
        self._popen.wait(STOP_SECONDS)

    def remove(self) -> None:
        for process in self.processes() if self._popen.poll() is None else []:
            process.kill()
        self._popen.wait(STOP_SECONDS)
        self.log.close()
        _buildah("rm", self.name)


def _buildah(*arguments: str) -> str:
    return subprocess.check_output(["buildah", *arguments], text=True).strip()


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Container]]:
    folder = tmp_path_factory.mktemp("containers")
    (folder / "data").mkdir()
    (folder / "tmp").mkdir()
    make_keras_home(folder)
    for path in [folder / "data", folder / "tmp", *(folder / "keras").rglob("*"), folder / "keras"]:
        shutil.chown(path, USER, USER)
    settings = {"port": str(free_port()), "model_wait_seconds": "60", "dataset_wait_seconds": "60"}
    started: dict[str, Container] = {}
    try:
        started["api"] = Container("api", folder, allow_anonymous="true", **settings)
        started["worker"] = Container("worker", folder, **settings)
        for container in started.values():
            container.wait_until_healthy()
        yield started
        for container in started.values():
            print(container.printed(), file=sys.stderr)
    finally:
        for container in started.values():
            container.remove()


@pytest.fixture
def client(containers: dict[str, Container]) -> Client:
    return Client(f"http://127.0.0.1:{containers['api'].port}")


def test_an_unprivileged_user_runs_both(containers: dict[str, Container]) -> None:
    for container in containers.values():
        assert {process.uids().effective for process in container.processes()} == {USER}
        assert container.run("touch", "/app/new").returncode != 0


def test_only_the_worker_has_tensorflow(containers: dict[str, Container]) -> None:
    search = ("python", "-c", "import importlib.util as u; print(u.find_spec('tensorflow') is not None)")
    found = {part: container.run(*search).stdout for part, container in containers.items()}
    assert found == {"api": "False\n", "worker": "True\n"}


def test_the_operators_commands_are_on_the_path(containers: dict[str, Container]) -> None:
    for container in containers.values():
        assert container.run("fitserve", "--version").stdout.startswith("fitserve, version ")
    assert containers["worker"].run("fitserve", "verify").returncode == 0


def test_only_the_volumes_are_written_and_both_stop_in_time(containers: dict[str, Container]) -> None:
    for container in containers.values():
        container.stop()
        assert container.written() == []
