"""A job is watched: as a stream that breaks again and again, in a terminal, in a pipe."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests

from fitserve_client import JobEvent
from fitserve_client.following import read_events
from tests.journeys.specs import RINGS, RINGS_DATASET, named
from tests.running_service import ROOT, Client, RunningService, wait_for

LONG = 200_000
"""More epochs than any test waits for."""
CUTS = 10
BYTES_UNTIL_CUT = 3001


@pytest.fixture(scope="module")
def rings(service: RunningService) -> str:
    """The name of a dataset and of a model that fits it."""
    service.client.post("/v1/datasets", named(RINGS_DATASET, "watched"))
    service.client.post("/v1/models", named(RINGS, "watched"))
    return "watched"


@pytest.fixture
def endless(client: Client, rings: str) -> Iterator[str]:
    """The id of a job that runs until it is cancelled."""
    job = client.start_training(rings, rings, epochs=LONG)
    yield job
    client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})
    client.wait_for_status(job, "cancelled", seconds=20)


def watch_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service", "watch", *arguments]


def watch(client: Client, job: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`fitserve watch` in a pipe, until it ends."""
    environment = os.environ | {"FITSERVE_URL": client.base_url}
    command = watch_command(job, *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment)


def all_events(client: Client, job: str) -> list[tuple[int, str, Any]]:
    """Every event as the JSON pages have it."""
    url, found = f"/v1/training-jobs/{job}/events?limit=100", []
    while url:
        page = client.get(url)
        found += [(item["seq"], item["type"], item["data"]) for item in page["items"]]
        url = page["next"]
    return found


def read_some(client: Client, job: str, last: int, most: int | None) -> list[JobEvent]:
    """The events after number `last` that arrive complete before the connection is cut after `most` bytes."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    url = f"{client.base_url}/v1/training-jobs/{job}/events"
    received = b""
    with requests.get(url, headers=headers, stream=True, timeout=60) as response:
        assert response.status_code == 200
        for byte in response.iter_content(1):
            received += byte
            if len(received) == most:
                break
    *lines, _cut_off = received.split(b"\n")
    return list(read_events(lines))


def test_a_stream_that_is_cut_off_ten_times_shows_every_event_once(client: Client, rings: str) -> None:
    job = client.start_training(rings, rings, epochs=400)
    seen: list[JobEvent] = []
    for _ in range(CUTS):
        seen += read_some(client, job, seen[-1].seq if seen else 0, BYTES_UNTIL_CUT)
    assert client.job(job)["status"] in ("queued", "running"), "the cuts came after the job"
    seen += read_some(client, job, seen[-1].seq, None)
    assert [(event.seq, event.type, event.data) for event in seen] == all_events(client, job)
    assert [event.data["epoch"] for event in seen if event.type == "epoch"] == list(range(1, 401))
    assert seen[-1].data["status"] == "succeeded"


def test_in_a_pipe_each_epoch_is_a_line(client: Client, rings: str) -> None:
    job = client.start_training(rings, rings, epochs=5)
    watched = watch(client, job)
    assert (watched.returncode, watched.stderr) == (0, "")
    lines = watched.stdout.splitlines()
    assert lines[:2] == ["queued", "running"]
    assert lines[-1] == f"{job} succeeded: version {client.job(job)['version']} of watched"
    epochs = [line.split(" - ")[0] for line in lines[2:-1] if line.startswith("Epoch ")]
    assert epochs == [f"Epoch {epoch}/5" for epoch in range(1, 6)]
    assert lines[-2].startswith("Naive guess - loss: 0.6931 - accuracy: 0.5")
    assert lines[2:-2] == client.request("GET", f"/v1/training-jobs/{job}/log").text.splitlines()
    assert watch(client, job).stdout == watched.stdout


def test_as_json_each_event_is_a_line(client: Client, rings: str) -> None:
    job = client.start_training(rings, rings, epochs=2)
    watched = watch(client, job, "--json")
    events = [orjson.loads(line) for line in watched.stdout.splitlines()]
    assert [(event["seq"], event["type"], event["data"]) for event in events] == all_events(client, job)


def test_the_exit_code_tells_how_the_job_ended(client: Client, rings: str) -> None:
    diverging = client.start_training(rings, rings, epochs=9, seed=7, optimizer={"type": "SGD", "learning_rate": 1e30})
    failed = watch(client, diverging)
    assert failed.returncode == 1
    assert failed.stdout.splitlines()[-1].startswith(f"{diverging} failed (diverged): ")
    waiting = client.start_training(rings, rings, epochs=LONG)
    client.patch(f"/v1/training-jobs/{waiting}", {"desired_status": "cancelled"})
    cancelled = watch(client, waiting)
    assert cancelled.returncode == 2
    assert cancelled.stdout.splitlines()[-1].startswith(f"{waiting} cancelled")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (["tj_none"], 3, 'There is no training job "tj_none"'),
        (["tj_none", "--url", "http://127.0.0.1:1"], 4, "http://127.0.0.1:1 doesn't answer"),
        (["tj_none", "--url", "here"], 3, '"here" is not the URL of a service'),
        (["tj_none", "--fast"], 3, "No such option"),
        ([], 3, "Missing argument"),
    ],
)
def test_what_cannot_be_watched_is_one_line(client: Client, arguments: list[str], exit_code: int, reason: str) -> None:
    environment = os.environ | {"FITSERVE_URL": client.base_url}
    run = subprocess.run(watch_command(*arguments), capture_output=True, text=True, cwd=ROOT, env=environment)
    assert (run.returncode, run.stdout) == (exit_code, "")
    assert len(run.stderr.strip().splitlines()) == 1
    assert reason in run.stderr


class Terminal:
    """`fitserve watch` in a pseudo-terminal."""

    def __init__(self, client: Client, job: str) -> None:
        self._screen, terminal = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
        command = watch_command(job, "--url", client.base_url)
        self.process = subprocess.Popen(command, stdout=terminal, stderr=terminal, cwd=ROOT, env=environment)
        os.close(terminal)
        self.shown = ""

    def read(self) -> bool:
        """Take what was written; whether there may be more."""
        try:
            self.shown += os.read(self._screen, 65536).decode(errors="replace")
        except OSError:  # the other side was closed
            return False
        return True

    def close(self) -> int:
        """Read to the end; the exit code."""
        while self.read():
            pass
        os.close(self._screen)
        return self.process.wait(30)


def test_a_terminal_shows_a_bar_and_ends_without_ending_the_job(client: Client, endless: str) -> None:
    terminal = Terminal(client, endless)
    wait_for(lambda: terminal.read() and " left" in terminal.shown and "val_loss" in terminal.shown, what="a bar")
    assert "━" in terminal.shown
    assert f"/{LONG}" in terminal.shown
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.close() == 130
    assert f"the job goes on. fitserve watch {endless} shows it again" in terminal.shown
    assert client.job(endless)["status"] == "running"


def test_a_job_is_watched_again_in_a_terminal_from_where_it_is(client: Client, endless: str) -> None:
    client.wait_for_first_epoch(endless)
    terminal = Terminal(client, endless)
    wait_for(lambda: terminal.read() and " left" in terminal.shown, what="the running job")
    client.patch(f"/v1/training-jobs/{endless}", {"learning_rate": 0.002})
    wait_for(lambda: terminal.read() and "learning rate 0.002" in terminal.shown, what="the change to be told")
    client.patch(f"/v1/training-jobs/{endless}", {"desired_status": "cancelled"})
    assert terminal.close() == 2
    assert f"{endless} cancelled" in terminal.shown.splitlines()[-1]


def test_a_service_that_ends_does_not_wait_for_those_who_watch(service: RunningService, endless: str) -> None:
    url = f"{service.client.base_url}/v1/training-jobs/{endless}/events"
    with requests.get(url, headers={"Accept": "text/event-stream"}, stream=True, timeout=60) as response:
        lines = response.iter_lines(1)
        assert next(lines) == b"id: 1"
        with service.away(signal.SIGTERM) as exit_code:
            assert exit_code == 0
            assert len(list(lines)) > 1, "the stream ends as it should: one that is cut off is an error here"
