"""A service that a team shares: the first key, projects with keys of their own, and what a key no longer may."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import orjson
import pytest
import requests

from benchmarks.classroom import Member, enrol, predict_in_all_protocols, work_at_once
from fitserve_client import Client, JobEvent
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import ROOT, RunningService, run_command, running_service, wait_for

MOST = 300
"""The predictions of a key per hour."""
ROW = orjson.dumps({"instances": [[1]]})
SOON = 1.0
"""The seconds within which every process must know."""
LONG = 200_000
"""More epochs than any test waits for."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def first_key(folder: Path) -> str:
    """The administrator's key, which is made before the service runs."""
    return run_command("keys", "create", "operator", "--scope", "admin", data_dir=str(folder)).strip()


@pytest.fixture(scope="module")
def service(folder: Path, first_key: str) -> Iterator[RunningService]:
    """A service of two api processes."""
    with running_service(folder, key=first_key, api_processes="2", rate_limits=f"predict={MOST}/hour") as running:
        yield running


@pytest.fixture(scope="module")
def admin(service: RunningService, first_key: str) -> Iterator[Client]:
    with Client(service.client.base_url, key=first_key) as client:
        yield client


@pytest.fixture(scope="module")
def team(service: RunningService, first_key: str) -> Member:
    """A project with a trained model, and its key with the scope `train`."""
    (member,) = enrol(service.client.base_url, first_key, 1, "team")
    work_at_once([member], predictions=1)
    assert member.faults == []
    return member


def make_key(admin: Client, team: Member, scope: str) -> tuple[str, str]:
    """The id of a new key of the project, and the key."""
    made = admin.api_keys.create(scope, [scope], project=team.project)
    return made["id"], made["key"]


class Doors:
    """A connection to each api process. What is sent goes to all of them."""

    def __init__(self, service: RunningService, stack: ExitStack) -> None:
        self._service, self._stack = service, stack
        self._processes = service.part("api").children()
        self._connections: dict[int, HTTPConnection] = {}
        wait_for(self._open, what="a connection to every process")

    def _open(self) -> bool:
        """Open another connection. Returns whether every process has one."""
        connection = self._stack.enter_context(closing(HTTPConnection("127.0.0.1", self._service.port, timeout=30)))
        send(connection, "GET", "/healthz")
        port = connection.sock.getsockname()[1]
        for process in self._processes:
            if any(one.raddr and one.raddr.port == port for one in process.net_connections("tcp")):
                self._connections[process.pid] = connection
        return len(self._connections) == len(self._processes)

    def send(self, path: str, key: str, body: bytes) -> list[HTTPResponse]:
        """The response of each process to a POST."""
        return [send(connection, "POST", path, key, body) for connection in self._connections.values()]

    def predict(self, key: str) -> list[HTTPResponse]:
        """The response of each process to a prediction."""
        return self.send("/v1/models/line/predictions", key, ROW)

    def statuses(self, key: str) -> set[int]:
        """The statuses of these responses."""
        return {response.status for response in self.predict(key)}


def send(
    connection: HTTPConnection, method: str, path: str, key: str | None = None, body: bytes | None = None
) -> HTTPResponse:
    """The response, whose body has been read."""
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"Authorization": f"Bearer {key}"})
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    return response


@pytest.fixture
def doors(service: RunningService) -> Iterator[Doors]:
    with ExitStack() as stack:
        yield Doors(service, stack)


def seconds_until(doors: Doors, key: str, status: int) -> float:
    """How long it takes until every process responds to the key's predictions with the status."""
    started = time.monotonic()
    wait_for(lambda: doors.statuses(key) == {status}, what=f"{status} from every process")
    return time.monotonic() - started


def test_a_key_trains_follows_the_events_and_predicts_in_every_protocol(team: Member) -> None:
    seen: list[JobEvent] = []
    with Client(team.url, key=team.key) as client:
        job = client.training_jobs.create("line", "line", epochs=3, start_from={"version": 1})
        ended = client.training_jobs.wait(job["id"], progress=seen.append)
    assert ended["status"] == "succeeded"
    assert [event.data["epoch"] for event in seen if event.type == "epoch"] == [1, 2, 3]
    found = predict_in_all_protocols(team.url, team.key)
    assert list(found) == ["native", "TensorFlow Serving", "KServe v2"]
    assert list(found.values()) == pytest.approx([10 * team.slope] * 3, abs=0.1)


@pytest.mark.parametrize("path", ["/v1/models/line/predictions", "/v1/models/line:predict", "/v2/models/line/infer"])
def test_without_a_key_no_protocol_predicts(path: str, team: Member) -> None:
    response = requests.post(team.url + path, ROW, headers={"Content-Type": "application/json"}, timeout=30)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_commands_take_the_key_from_the_environment(service: RunningService, admin: Client) -> None:
    project = admin.projects.create("shell")["name"]
    given = {"url": service.client.base_url, "key": admin.api_keys.create("shell", ["train"], project=project)["key"]}
    run_command("datasets", "create", orjson.dumps(LINE_DATASET).decode(), **given)
    run_command("models", "create", orjson.dumps(LINE).decode(), **given)
    assert "succeeded: version 1 of line" in run_command("train", "line", "line", "--epochs", "2", **given)
    (listed,) = orjson.loads(run_command("models", "list", "--json", **given))
    assert (listed["name"], listed["latest_version"]) == ("line", 1)
    environment = os.environ | {"FITSERVE_URL": service.client.base_url}
    command = [sys.executable, "-m", "service", "models", "list"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert "API key" in refused.stderr


def test_projects_that_use_the_same_names_at_once_have_their_own(service: RunningService, first_key: str) -> None:
    members = enrol(service.client.base_url, first_key, 3, "desk")
    work_at_once(members, predictions=5)
    assert [fault for member in members for fault in member.faults] == []


def test_a_revoked_key_is_refused_by_every_process_within_a_second(admin: Client, team: Member, doors: Doors) -> None:
    key_id, key = make_key(admin, team, "predict")
    assert doors.statuses(key) == {200}
    admin.api_keys.revoke(key_id)
    assert seconds_until(doors, key, 401) < SOON
    assert doors.statuses(team.key) == {200}


def test_a_key_that_is_revoked_on_the_machine_is_refused_too(
    folder: Path, admin: Client, team: Member, doors: Doors
) -> None:
    key_id, key = make_key(admin, team, "predict")
    assert doors.statuses(key) == {200}
    ended = threading.Event()
    refused_at: list[float] = []
    seen: list[set[int]] = []

    def ask() -> None:
        while not ended.wait(0.1):  # a client that asks without a pause reaches the limit of refused requests
            seen.append(doors.statuses(key))
            if seen[-1] == {401}:
                refused_at.append(time.monotonic())
                return

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        run_command("keys", "revoke", key_id, data_dir=str(folder))
        revoked_at = time.monotonic()
        asking.join(10)
    finally:
        ended.set()
        asking.join()
    assert refused_at, seen[-5:]
    assert refused_at[0] < revoked_at + SOON


def test_the_event_stream_of_a_revoked_key_ends(admin: Client, team: Member) -> None:
    key_id, key = make_key(admin, team, "read")
    with Client(team.url, key=team.key) as client:
        job = client.training_jobs.create("line", "line", epochs=LONG)["id"]
        try:
            headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
            url = f"{team.url}/v1/training-jobs/{job}/events"
            with requests.get(url, headers=headers, stream=True, timeout=30) as stream:
                lines = stream.iter_lines()
                next(lines)
                admin.api_keys.revoke(key_id)
                revoked_at = time.monotonic()
                for _ in lines:
                    assert time.monotonic() < revoked_at + SOON
        finally:
            client.training_jobs.cancel(job)
            client.training_jobs.wait(job)


def test_a_limit_that_is_reached_in_one_process_is_reached_in_all(admin: Client, team: Member, doors: Doors) -> None:
    _, key = make_key(admin, team, "predict")
    found = [response.status for _ in range(MOST // 2) for response in doors.predict(key)]
    assert found == [200] * MOST
    refused = doors.predict(key)
    assert [response.status for response in refused] == [429, 429]
    assert all(int(response.headers["Retry-After"]) > 0 for response in refused)
    assert doors.statuses(team.key) == {200}


def test_a_quota_that_is_reached_is_refused_by_every_process_until_a_job_has_ended(
    service: RunningService, first_key: str, admin: Client, doors: Doors
) -> None:
    (member,) = enrol(service.client.base_url, first_key, 1, "quota")
    work_at_once([member], predictions=0)
    admin.projects.set_quotas(member.project, queued_jobs=0)
    job = orjson.dumps({"model": "line", "dataset": "line", "epochs": 1})
    refused = doors.send("/v1/training-jobs", member.key, job)
    assert [response.status for response in refused] == [429, 429]
    admin.projects.set_quotas(member.project, queued_jobs=None)
    created = doors.send("/v1/training-jobs", member.key, job)
    assert [response.status for response in created] == [202, 202]
