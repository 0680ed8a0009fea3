"""Hints through a broker: what they start, whom they leave alone, and what happens without them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from sqlalchemy import event

from service.broker import sender
from service.broker.connections import Outlet
from service.broker.hints import TASK, Hint, name_address
from service.broker.sender import HintSender
from service.operations.access import projects
from service.operations.upkeep import workers
from service.worker import supervisor
from tests.postgresql_server import migrated_database
from tests.redis_server import RedisServer
from tests.running_service import ROOT, wait_for
from tests.service.worker.bench import Bench
from tests.service.worker.test_survival import release, start_holding_job

LONG = 600.0
TRAININGS = name_address("cpu", "training")


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def hinted(
    make_bench: Callable[..., Bench], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Bench]]:
    """Makes a bench on PostgreSQL whose worker finds jobs by hints alone, not by polling, and no hint is sent again."""
    monkeypatch.setattr(supervisor, "SAFETY_SECONDS", LONG)
    with migrated_database() as url:

        def make(**settings: Any) -> Bench:
            return make_bench(**{"database_url": url, "broker_url": redis_server.url, "lease_seconds": LONG} | settings)

        yield make


def pause(bench: Bench, seconds: float) -> None:
    """Let the worker work for a while."""
    until = time.monotonic() + seconds
    bench.wait_for(lambda: time.monotonic() > until)


def start_listening(bench: Bench) -> Bench:
    """Start a worker, and wait until it has looked for jobs and only waits for hints."""
    worker = bench.start_worker()
    bench.wait_for(lambda: worker._listener.is_listening and any(each.ready for each in bench.workers()))
    pause(bench, 0.5)
    return bench


def test_a_hint_starts_a_job_at_once_and_an_idle_worker_asks_for_none(hinted: Callable[..., Bench]) -> None:
    bench = start_listening(hinted())
    asked: list[str] = []
    event.listen(bench.context.database.engine, "before_cursor_execute", lambda *found: asked.append(found[2]))
    pause(bench, 0.5)
    assert not [statement for statement in asked if "SKIP LOCKED" in statement]
    job_id = bench.submit({})
    bench.wait_for_status(job_id, "succeeded")


def test_the_same_hint_ten_times_runs_its_job_once_and_costs_a_query_each(
    hinted: Callable[..., Bench], redis_server: RedisServer, tmp_path: Path
) -> None:
    bench = start_listening(hinted(worker_slots=2))
    job_id, _ = start_holding_job(bench, tmp_path)
    deleted, finished = Hint("cpu", "training", "tj_deleted"), Hint("cpu", "build", bench.submit_build({}))
    bench.wait_for_status(finished.job_id, "succeeded")
    claims: list[str] = []
    event.listen(bench.context.database.engine, "before_cursor_execute", lambda *found: claims.append(found[2]))
    with Outlet(redis_server.url) as outlet:
        outlet.send([Hint("cpu", "training", job_id), deleted, finished] * 10)
    bench.wait_for(lambda: not redis_server.lengths())
    pause(bench, 0.3)
    assert not [statement for statement in claims if "SKIP LOCKED" in statement]
    release(tmp_path)
    bench.wait_for_status(job_id, "succeeded")
    assert [status for status, _ in bench.transitions(job_id)] == ["queued", "running", "succeeded"]


def test_a_worker_without_a_free_slot_leaves_hints_to_others(
    hinted: Callable[..., Bench], redis_server: RedisServer, tmp_path: Path
) -> None:
    bench = start_listening(hinted())
    running, _ = start_holding_job(bench, tmp_path)
    waiting = bench.submit({})
    bench.wait_for(lambda: redis_server.lengths() == {TRAININGS: 1})
    build = bench.submit_build({})
    bench.wait_for_status(build, "succeeded")
    bench.wait_for(lambda: redis_server.lengths() == {TRAININGS: 1})
    assert bench.job(waiting).status == "queued"
    release(tmp_path)
    for job_id in (running, waiting):
        bench.wait_for_status(job_id, "succeeded")
    bench.wait_for(lambda: redis_server.lengths() == {})


def test_a_draining_worker_leaves_hints_to_others_until_it_resumes(
    hinted: Callable[..., Bench], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HEARTBEAT_SECONDS", 0.1)
    bench = start_listening(hinted())
    (worker,) = bench.workers()
    workers.change(bench.context, worker.id, {"desired_status": "draining"})
    assert bench.supervisor is not None
    bench.wait_for(lambda: bench.supervisor and bench.supervisor._desired_status == "draining")
    pause(bench, 0.4)
    job_id = bench.submit({})
    pause(bench, 0.4)
    assert redis_server.lengths() == {TRAININGS: 1}
    workers.change(bench.context, worker.id, {"desired_status": "running"})
    bench.wait_for_status(job_id, "succeeded")


def test_hints_of_other_queues_stay_for_their_workers(hinted: Callable[..., Bench], redis_server: RedisServer) -> None:
    bench = start_listening(hinted(worker_queues="gpu,large"))
    usual, large = bench.submit({}), bench.submit({}, queued_in="large")
    bench.wait_for_status(large, "succeeded")
    bench.wait_for_status(bench.submit({}, queued_in="gpu"), "succeeded")
    # The worker may have found the job itself when it had ended the one before; it then receives the hint in vain.
    bench.wait_for(lambda: redis_server.lengths() == {TRAININGS: 1})
    assert bench.job(usual).status == "queued"


def test_a_job_whose_hint_a_killed_process_never_sent_starts_by_a_reminder(hinted: Callable[..., Bench]) -> None:
    bench = start_listening(hinted(lease_seconds=1.0))
    kills_itself = (
        "import os, sys; from pathlib import Path; from service.broker.sender import HintSender\n"
        "HintSender.send = lambda *_: os.kill(os.getpid(), 9)\n"
        "from tests.service.worker.bench import Bench\n"
        "bench = Bench(Path(sys.argv[1]), database_url=sys.argv[2], broker_url=sys.argv[3])\n"
        "bench.submit({})"
    )
    settings = bench.settings
    arguments = (str(bench.folder), settings.database_url, settings.broker_url)
    ended = subprocess.run([sys.executable, "-c", kills_itself, *arguments], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    (job_id,) = [view.running[0] for view in bench.wait_for(lambda: _running(bench))]
    bench.wait_for_status(job_id, "succeeded")


def _running(bench: Bench) -> list[Any]:
    return [view for view in workers.alive(bench.context) if view.running]


def test_places_that_a_quota_frees_are_hinted(
    hinted: Callable[..., Bench], redis_server: RedisServer, tmp_path: Path
) -> None:
    bench = hinted()
    projects.change(bench.context, "default", {"running_jobs": 1})
    start_listening(bench)
    running, _ = start_holding_job(bench, tmp_path)
    elsewhere = [bench.submit({}, queued_in="gpu") for _ in range(2)]
    bench.wait_for(lambda: redis_server.lengths() == {name_address("gpu", "training"): 2})
    release(tmp_path)
    bench.wait_for_status(running, "succeeded")
    bench.wait_for(lambda: redis_server.lengths() == {name_address("gpu", "training"): 3})
    projects.change(bench.context, "default", {"running_jobs": 2})
    bench.wait_for(lambda: redis_server.lengths() == {name_address("gpu", "training"): 5})
    assert [bench.job(job).status for job in elsewhere] == ["queued", "queued"]


def test_without_the_broker_a_worker_polls_and_hints_work_again_once_it_is_back(
    hinted: Callable[..., Bench], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sender, "CHECK_SECONDS", 0.1)
    bench = start_listening(hinted())
    assert bench.supervisor is not None
    listener, broker = bench.supervisor._listener, bench.context.broker
    assert broker is not None
    redis_server.kill()
    bench.wait_for_status(bench.submit({}), "succeeded")
    assert not listener.is_listening
    bench.wait_for(lambda: broker.problem is not None)
    redis_server.start()
    bench.wait_for(lambda: listener.is_listening and broker.problem is None)
    bench.wait_for_status(bench.submit({}), "succeeded")
    told = capsys.readouterr().out
    for line in ("no hints arrive: the worker polls", "the broker doesn't answer", "the broker answers again"):
        assert told.count(line) == 1


def test_messages_that_are_no_hints_are_discarded_and_reported(
    hinted: Callable[..., Bench], redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = start_listening(hinted())
    with Connection(redis_server.url) as connection, connection.Producer() as producer:
        for body, headers in (({"any": "thing"}, {}), ([["training", "tj_1"], {}, {}], {"task": "another", "id": "1"})):
            producer.publish(body, routing_key=TRAININGS, serializer="json", headers=headers)
        pickled = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."
        producer.publish(
            pickled, routing_key=TRAININGS, content_type="application/x-python-serialize", content_encoding="binary",
            headers={"task": TASK, "id": "2"},
        )  # fmt: skip
        producer.publish(
            b"no JSON", routing_key=TRAININGS, content_type="application/json", content_encoding="utf-8",
            headers={"task": TASK, "id": "3"},
        )  # fmt: skip
        for number, arguments in enumerate((["no kind", "tj_1"], [{}, []], ["training"])):
            headers = {"task": TASK, "id": f"4{number}"}
            producer.publish([arguments, {}, {}], routing_key=TRAININGS, serializer="json", headers=headers)
    bench.wait_for(lambda: not redis_server.lengths())
    bench.wait_for_status(bench.submit({}), "succeeded")
    told = capsys.readouterr().out
    assert told.count("a message of the broker was discarded: it is no hint") == 5
    assert told.count("a hint failed") == 1


def test_reminders_go_to_empty_queues_only_and_no_queue_grows_without_end(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MOST_WAITING", 5)
    hints = [Hint("gpu", "training", f"tj_{number}") for number in range(3)]
    broker = HintSender(redis_server.url)
    broker.remind(hints)
    wait_for(lambda: redis_server.lengths() == {"fitserve.gpu.training": 3})
    broker.remind([*hints, Hint("cpu", "training", "tj_9")])
    wait_for(lambda: redis_server.lengths() == {"fitserve.gpu.training": 3, TRAININGS: 1})
    broker.send(hints)
    broker.send(hints)
    broker.close()
    assert redis_server.lengths() == {"fitserve.gpu.training": 5, TRAININGS: 1}


def test_the_thread_that_sends_hints_imports_nothing_that_celery_needs(redis_server: RedisServer) -> None:
    # Two threads that import modules with circular imports may get one half-initialized. That ended both for good.
    sends_a_hint = (
        "import sys, time; from service.broker.sender import HintSender; from service.broker.hints import Hint\n"
        "sender = HintSender(sys.argv[1]); sender.start(); loaded = set(sys.modules)\n"
        "sender.send([Hint('cpu', 'training', 'tj_1')])\n"
        "while not sender.has_connected: time.sleep(0.01)\n"
        "sender.close()\n"
        "print(*(name for name in set(sys.modules) - loaded if name.startswith(('kombu', 'redis', 'amqp', 'celery'))))"
    )
    arguments = [sys.executable, "-c", sends_a_hint, redis_server.url]
    ended = subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True)
    assert ended.stdout.split() == []
    assert redis_server.lengths() == {TRAININGS: 1}


def test_a_url_that_the_driver_refuses_is_an_outage() -> None:
    broker = HintSender("redis://127.0.0.1/0?ssl_cert_reqs=unknown")
    broker.send([Hint("cpu", "training", "tj_1")])
    wait_for(lambda: broker.problem is not None)
    broker.close()


def test_nobody_waits_for_a_silent_broker(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = HintSender(redis_server.url)
    broker.start()
    wait_for(lambda: broker.has_connected)
    with redis_server.silent():
        began = time.monotonic()
        for number in range(3000):
            broker.send([Hint("cpu", "training", f"tj_{number}")])
        assert time.monotonic() - began < 1
        wait_for(lambda: broker.problem is not None)
        began = time.monotonic()
        broker.close()
        assert time.monotonic() - began < sender.CLOSE_SECONDS + 0.5
