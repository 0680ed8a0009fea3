"""What thousands of open connections do to everyone else: watchers of jobs, and clients that hardly send anything."""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import requests as http

from benchmarks.serving.crowd import (
    Crowd,
    Member,
    count_faults,
    event_stream,
    half_a_head,
    head_of_a_body,
    is_whole,
    status_of,
    wait,
)
from benchmarks.serving.dialects import NATIVE
from benchmarks.serving.load import Load, ask, drive, driving_process
from benchmarks.serving.networks import prepare
from benchmarks.serving.programs import Size, fitserve
from benchmarks.serving.report import Row, Rows, at_least, at_most, none_of
from benchmarks.serving.servers import Server

WATCHED = 10
"""Jobs that wait in the queue, since no worker runs."""
WATCHERS = 1000
"""Of each kind."""
SLOW = 500
"""Of each kind."""
CLIENTS = 8
LEAST_SPEED = 0.8
MOST_MEMORY = 60
"""Megabytes for all watchers."""
CLOSED_SECONDS = 20
PATIENCE_SECONDS = 60
LEAST_SPEED_BESIDE_SLOW = 0.9
NEW_SECONDS = 0.5
LOOK_SECONDS = 0.1
WATCHED_SECONDS = 20
"""How long others predict beside the watchers: longer than a stream's heartbeat takes."""
IDLE_SECONDS, IDLE_SHARE = 0.5, 0.2
"""A server is idle when it takes at most this share of a core for this time."""


class Ground:
    """An api without a worker, and the load that others are measured by."""

    def __init__(self, folder: Path, arguments: Namespace, name: str, stack: ExitStack) -> None:
        (self._network,) = prepare(folder, ["dense"])
        self._expected = self._network.ask_keras()[:, :1]
        self.requests = [NATIVE.request("dense", rows) for rows in self._network.pixels[:, :1]]
        size = Size(arguments.processes, arguments.threads)
        # All clients of the benchmark have one address.
        program = fitserve(folder, size, max_streams_per_address=str(WATCHERS))
        self.server = stack.enter_context(Server(program, folder / f"{name}.log"))
        self._driver = stack.enter_context(driving_process())
        self.server.wait_for(self.requests[0])
        self.url = "http://{}:{}".format(*self.server.address)

    def predict(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> Load:
        """Predictions on some connections for some seconds; `meanwhile` is called again and again."""
        pending = self._driver.submit(drive, self.server.address, self.requests, CLIENTS, seconds)
        while not pending.done():
            meanwhile()
            time.sleep(LOOK_SECONDS)
        load = pending.result()
        if wrong := NATIVE.count_wrong(load, self._expected):
            load.failures["wrong numbers"] = wrong
        return load


def wait_until(reached: Callable[[], bool], seconds: float) -> bool:
    """Look until something is so; whether it came to it in time."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def is_idle(server: Server) -> bool:
    before = server.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return server.cpu_seconds() - before <= IDLE_SHARE * IDLE_SECONDS


def queue_jobs(url: str) -> list[str]:
    """The ids of new jobs that nobody runs."""
    body = {"model": "dense", "dataset": "few-dense", "epochs": 1}
    answers = [http.post(f"{url}/v1/training-jobs", json=body, timeout=30) for _ in range(WATCHED)]
    return [answer.json()["id"] for answer in answers]


def cancel(url: str, job: str) -> None:
    http.patch(f"{url}/v1/training-jobs/{job}", json={"desired_status": "cancelled"}, timeout=30).raise_for_status()


def watchers(folder: Path, arguments: Namespace) -> Rows:
    """Event streams and waits of unfinished jobs, while others predict."""
    with ExitStack() as stack:
        ground = Ground(folder, arguments, "watchers", stack)
        jobs = queue_jobs(ground.url)
        before = ground.predict(arguments.seconds)
        memory = ground.server.memory()
        crowd = stack.enter_context(Crowd(ground.server.address).running())
        for number in range(WATCHERS):
            crowd.add("stream", event_stream(jobs[number % WATCHED]))
            crowd.add("wait", wait(jobs[number % WATCHED]))
        streams, waits = crowd.of("stream"), crowd.of("wait")
        wait_until(lambda: all(member.answered for member in streams), PATIENCE_SECONDS)
        # Nothing tells a client that its wait has begun, except that the server has nothing left to do.
        wait_until(lambda: is_idle(ground.server), PATIENCE_SECONDS)
        beside = ground.predict(max(arguments.seconds, WATCHED_SECONDS))
        grown = ground.server.memory() - memory
        left = crowd.open()
        early = sum(status_of(member) != 0 for member in waits)
        for job in jobs:
            cancel(ground.url, job)
        wait_until(lambda: all(map(has_ended, (*streams, *waits))), PATIENCE_SECONDS)
        after = ground.predict(arguments.seconds)
        faults = crowd.failures + count_faults((*streams, *waits), b"cancelled")
    yield Row("event streams and waits, open while others predicted", f"{WATCHERS} and {WATCHERS}, {left}")
    yield none_of("waits that were answered before their job ended", str(early or ""))
    yield none_of("watchers that failed or weren't told of the end", describe_counts(faults))
    yield none_of("failures of the predictions beside them", beside.describe_failures())
    without = statistics.mean([before.rate, after.rate])
    told = f": {beside.rate:,.0f} of {without:,.0f} requests/s"
    yield at_least("predictions beside them, of without", beside.rate / without, LEAST_SPEED, told)
    yield at_most("memory more (PSS)", grown, MOST_MEMORY, "MB")


def has_ended(member: Member) -> bool:
    """Whether nothing more is to come for a watcher."""
    return member.closed is not None or (is_whole(member) if member.kind == "wait" else b"cancelled" in member.received)


def slow_clients(folder: Path, arguments: Namespace) -> Rows:
    """Clients that send half a head or dribble a body, while others predict, some of them on new connections."""
    opened_late: list[float] = []
    lost: list[str] = []

    def predict_anew() -> None:
        began = time.monotonic()
        try:
            answer = ask(ground.server.address, ground.requests[0], PATIENCE_SECONDS)
            if answer.status != 200:
                lost.append(f"status {answer.status}")
        except OSError as error:
            lost.append(type(error).__name__)
        opened_late.append(time.monotonic() - began)

    with ExitStack() as stack:
        ground = Ground(folder, arguments, "slow", stack)
        before = ground.predict(arguments.seconds, predict_anew)
        usual = max(opened_late)
        opened_late.clear()
        crowd = stack.enter_context(Crowd(ground.server.address).running())
        body = b" " * 10_000
        for _ in range(SLOW):
            crowd.add("half a head", half_a_head("dense"))
            crowd.add("dribbled body", head_of_a_body("dense", len(body)), body)
        beside = ground.predict(max(arguments.seconds, CLOSED_SECONDS), predict_anew)
        wait_until(lambda: not crowd.open(), PATIENCE_SECONDS)
        after = ground.predict(arguments.seconds)
        members = crowd.members
    yield Row("clients that send half a head, that dribble a body", f"{SLOW}, {SLOW}")
    yield none_of("of them not let in", describe_counts(crowd.failures))
    for kind in ("half a head", "dribbled body"):
        yield closing(kind, [member for member in members if member.kind == kind])
    yield none_of("failures of the predictions beside them", beside.describe_failures())
    yield none_of("failures of predictions on new connections", ", ".join(lost))
    without = statistics.mean([before.rate, after.rate])
    told = f": {beside.rate:,.0f} of {without:,.0f} requests/s"
    yield at_least("predictions beside them, of without", beside.rate / without, LEAST_SPEED_BESIDE_SLOW, told)
    yield Row(
        "p99 beside them, without; the slowest on a new connection, without",
        f"{beside.milliseconds(99):.1f}, {before.milliseconds(99):.1f} ms; "
        f"{1000 * max(opened_late):.0f}, {1000 * usual:.0f} ms",
    )


def closing(kind: str, members: list[Member]) -> Row:
    """When the server had closed all of these."""
    closed = [member.closed - member.opened for member in members if member.closed is not None]
    what = f"{kind}: all closed after"
    if len(closed) < len(members):
        left = len(members) - len(closed)
        return Row(what, f"{left} still open after {PATIENCE_SECONDS} s", f"≤ {CLOSED_SECONDS} s", False)
    return at_most(what, max(closed, default=0), CLOSED_SECONDS, "s")


def describe_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} × {what}" for what, number in counts.items())
