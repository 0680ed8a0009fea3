"""What a sweep removes, and above all what it leaves; the clock is the test's, so that everything is old enough."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service import statuses
from service.context import Context
from service.errors import LeaseLost
from service.operations.access import audit
from service.operations.catalog import datasets, models, versions
from service.operations.catalog.sources import find_source, protect_versions
from service.operations.jobs import events as job_events
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.operations.jobs.kinds import evaluation as evaluations
from service.operations.jobs.kinds import training as training_jobs
from service.operations.upkeep import housekeeping, workers
from service.storage import jobs
from service.storage.identifiers import new_identifier
from service.storage.jobs import NewEvent
from service.storage.rate_counts import Added, RateCounts
from service.storage.records import AuditEvent, Event, Job, RateWindow, Worker
from tests.service.operations import stocked
from tests.service.operations.stocked import claim, files_of, job, submit, train

EVALUATION: dict[str, Any] = {
    "model": "line", "version": 1, "label": None, "dataset": "line", "dataset_version": None, "split": "train",
    "threshold": None,
    "variant": None,
}  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Context]]:
    made: list[Context] = []

    def make(**settings: Any) -> Context:
        made.append(stocked.make_context(tmp_path, **settings))
        return made[-1]

    yield make
    for context in made:
        context.database.close()


def sweep_after(context: Context, days: float) -> None:
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(days=days))


def numbers(context: Context) -> list[int]:
    return [version.number for version in stocked.versions(context)]


def types(context: Context, job_id: str) -> set[str]:
    with context.database.read() as session:
        return {event.type for event in jobs.events_after(session, job_id, 0, 100_000)}


def add_folder(context: Context, key: str) -> None:
    folder = context.artifacts.root / key
    folder.mkdir(parents=True)
    (folder / "data").write_text("half")


def test_a_service_that_sets_nothing_keeps_its_jobs_metrics_and_versions(make: Callable[..., Context]) -> None:
    context = make()
    ended = [train(context) for _ in range(3)]
    before = files_of(context)
    sweep_after(context, 10_000)
    assert numbers(context) == [1, 2, 3]
    assert all(len(training_jobs.epochs(context, job_id)) == 3 for job_id in ended)
    assert files_of(context) == before


def test_ended_jobs_go_after_their_time_with_their_events_but_not_their_versions(make: Callable[..., Context]) -> None:
    context = make(job_retention_days=5)
    ended, paused = train(context), submit(context)
    training_jobs.change(context, paused, {"desired_status": statuses.PAUSED})
    sweep_after(context, 4.9)
    assert job(context, ended) is not None
    sweep_after(context, 5.1)
    assert job(context, ended) is None
    assert job(context, paused) is not None
    assert numbers(context) == [1]
    with context.database.read() as session:
        assert session.query(Event).filter_by(job_id=ended).count() == 0


def test_windows_of_rate_limits_go_once_they_have_ended(
    make: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH_WINDOWS", 2)
    context = make()
    with closing(RateCounts(context.settings.database_url)) as counts:
        counts.add({f"{number}": Added(1, 0) for number in range(5)} | {"running": Added(3, 600)})
        housekeeping.clean_up(context)
        with context.database.read() as session:
            assert [(window.key, window.count) for window in session.query(RateWindow)] == [("running", 3)]


def test_audit_events_go_after_their_time(make: Callable[..., Context]) -> None:
    context = make(audit_retention_days=3)
    event = {
        "key_id": None, "project": None, "address": "", "method": "GET", "route": None, "resource": "/", "status": 401,
        "request_id": "", "count": 1,
    }  # fmt: skip
    events = [event | {"id": new_identifier("ae"), "at": datetime.now(UTC)} for _ in range(2500)]
    audit.record(context, events)
    audit.record(context, events[:1])  # a repeated attempt

    def count() -> int:
        with context.database.read() as session:
            return session.query(AuditEvent).count()

    sweep_after(context, 2.9)
    assert count() == 2500
    sweep_after(context, 3.1)
    assert count() == 0


def test_the_jobs_that_no_client_sees_go_after_a_week(make: Callable[..., Context]) -> None:
    context = make()

    def inner() -> int:
        with context.database.read() as session:
            return session.query(Job).filter(Job.kind.in_(("build", "import"))).count()

    sweep_after(context, 6)
    assert inner() == 2
    sweep_after(context, 8)
    assert inner() == 0
    assert datasets.get(context, "line").dataset.status == models.get(context, "line").model.status == statuses.READY


def test_a_log_is_thinned_after_its_time_and_metrics_stay(make: Callable[..., Context]) -> None:
    context = make(event_retention_days=3)
    ended, running = train(context), submit(context)
    lease, _ = claim(context)
    recording.record(context, lease, [NewEvent("message", {"text": "running\n"})])
    metrics = training_jobs.epochs(context, ended)
    sweep_after(context, 2.9)
    assert types(context, ended) == {"transition", "epoch", "progress", "message", "checkpoint"}
    sweep_after(context, 3.1)
    assert types(context, ended) == {"transition", "epoch"}
    assert training_jobs.epochs(context, ended) == metrics
    said = job(context, ended)
    assert said is not None
    assert [warning.type for warning in said.warnings] == ["log_reduced"]
    assert said.warnings[0].detail.endswith(": printed output, progress and checkpoints were removed.")
    _, log = job_events.text_log(context, ended)
    assert all(line.startswith("Epoch ") for line in "".join(log).splitlines())
    assert "message" in types(context, running)


def test_a_log_that_two_workers_thin_says_so_once(
    make: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make(event_retention_days=3)
    ended = train(context)
    find_finished = housekeeping._finished

    def find_while_another_thins(*arguments: Any, **columns: Any) -> Any:
        found = find_finished(*arguments, **columns)
        if columns:
            monkeypatch.setattr(housekeeping, "_finished", find_finished)
            sweep_after(context, 3.1)
        return found

    monkeypatch.setattr(housekeeping, "_finished", find_while_another_thins)
    sweep_after(context, 3.1)
    said = job(context, ended)
    assert said is not None
    assert [warning.type for warning in said.warnings] == ["log_reduced"]


def test_a_long_log_is_thinned_piece_by_piece(make: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    context = make()
    job_id = submit(context)
    lease, _ = claim(context)
    events = [NewEvent("progress", {"fraction": 0.0}) for _ in range(100)]
    events[50:50] = [NewEvent("epoch", {"epoch": 1, "loss": 1.0}, 1)]
    recording.record(context, lease, events)
    execution.cancelled(context, lease)
    pieces: list[int] = []
    delete = jobs.delete_events

    def counted(*arguments: Any, **options: Any) -> int:
        pieces.append(delete(*arguments, **options))
        return pieces[-1]

    monkeypatch.setattr(jobs, "delete_events", counted)
    monkeypatch.setattr(housekeeping, "BATCH_EVENTS", 30)
    sweep_after(context, 31)
    assert types(context, job_id) == {"transition", "epoch"}
    assert pieces[-4:] == [30, 30, 30, 10]


def cancel_after(context: Context, epochs: int) -> str:
    """The id of a job that was cancelled after so many epochs, of which epoch 7 was the best."""
    job_id = submit(context)
    lease, _ = claim(context)
    events = [NewEvent("epoch", {"epoch": epoch, "loss": 1.0}, epoch) for epoch in range(1, epochs + 1)]
    recording.record(context, lease, events, best={"epoch": 7, "loss": 1.0})
    execution.cancelled(context, lease)
    return job_id


def kept_epochs(context: Context, job_id: str) -> list[int]:
    return [epoch["epoch"] for epoch in training_jobs.epochs(context, job_id)]


def test_of_very_many_epochs_evenly_spaced_ones_and_the_best_are_kept(make: Callable[..., Context]) -> None:
    context = make(epochs_kept=5)
    job_id = cancel_after(context, 401)
    sweep_after(context, 6)
    assert len(kept_epochs(context, job_id)) == 401
    sweep_after(context, 8)
    assert kept_epochs(context, job_id) == [1, 7, 101, 201, 301, 401]
    found = job(context, job_id)
    assert found is not None
    (warning,) = found.warnings
    assert warning.detail.endswith("Of its 401 epochs, 6 were kept.")
    sweep_after(context, 9)
    assert len(kept_epochs(context, job_id)) == 6


def test_a_long_log_is_thinned_after_a_day(make: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> None:
    context = make(epochs_kept=5)
    monkeypatch.setattr(housekeeping, "LONG_LOG", 100)
    long, short = cancel_after(context, 200), cancel_after(context, 50)
    sweep_after(context, 0.9)
    assert len(kept_epochs(context, long)) == 200
    sweep_after(context, 1.1)
    assert (len(kept_epochs(context, long)), len(kept_epochs(context, short))) == (6, 50)


def test_logs_are_kept_forever_if_that_is_set(make: Callable[..., Context]) -> None:
    context = make(event_retention_days=0, epochs_kept=5)
    job_id = cancel_after(context, 50)
    sweep_after(context, 10_000)
    assert len(kept_epochs(context, job_id)) == 50


def test_the_file_of_the_database_shrinks_while_others_write(make: Callable[..., Context]) -> None:
    context = make(epochs_kept=5)
    path = context.settings.data_dir / "fitserve.db"
    empty = path.stat().st_size
    cancel_after(context, 20_000)
    with context.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    full = path.stat().st_size
    assert full > empty + 2_000_000
    waits: list[float] = []
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            began = time.monotonic()
            with context.database.write():
                waits.append(time.monotonic() - began)
            ended.wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    sweep_after(context, 8)
    ended.set()
    writer.join()
    with context.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < empty + 1_000_000
    assert max(waits) < 1


def test_versions_go_but_the_newest_the_labelled_and_the_needed(make: Callable[..., Context]) -> None:
    context = make(versions_kept=2)
    for number in range(1, 8):
        train(context, label="best" if number == 2 else None)
    evaluations.create(context, EVALUATION)
    continued = submit(context)
    with context.database.write() as session:
        source = find_source(session, {"model": "line", "version": 3}, "#/start_from")
        waiting = jobs.get(session, continued)
        assert waiting is not None
        protect_versions(session, waiting, [source])
    sweep_after(context, 0)
    assert numbers(context) == [1, 2, 3, 6, 7]
    left = {Path(name).parent.name for name in files_of(context) if name.startswith("models/")}
    assert left == {Path(version.folder).name for version in stocked.versions(context)}
    stocked.work(context)
    sweep_after(context, 0)
    assert numbers(context) == [2, 7, 8]


def test_files_that_nothing_points_to_go_and_all_others_stay(make: Callable[..., Context]) -> None:
    context = make()
    model_id, dataset_id = models.get(context, "line").model.id, datasets.get(context, "line").dataset.id
    train(context)
    submit(context)
    lease, _ = claim(context)
    for name in ("checkpoint-1", "checkpoint-2"):
        stocked.checkpoint(context, lease, name)
    execution.put_back(context, lease)
    datasets.create(context, {**stocked.DATASET, "name": "waiting"})
    needed = files_of(context)
    orphans = [
        ".staging/tj_gone-1", ".staging/upload_1", ".staging/backup_1", ".removed/rm_1", "uploads/ds_gone",
        "datasets/ds_gone/ij_gone-1", f"datasets/{dataset_id}/ij_gone-1", "models/md_gone/tj_gone-2",
        f"models/{model_id}/tj_gone-1", "checkpoints/tj_gone/tj_gone-1-checkpoint-1",
    ]  # fmt: skip
    for key in orphans:
        add_folder(context, key)
    sweep_after(context, 0)
    assert {str(Path(name).parent) for name in files_of(context).keys() - needed.keys()} == {
        key for key in orphans if not key.startswith(".removed")
    }, "something new was removed"
    sweep_after(context, 1)
    assert files_of(context) == needed
    sweep_after(context, 1)
    for name in ("datasets/ds_gone", "models/md_gone", "checkpoints/tj_gone"):
        assert not context.artifacts.folder(name).exists()


def test_what_is_published_but_not_yet_pointed_to_stays_until_it_is(make: Callable[..., Context]) -> None:
    context = make()
    submit(context)
    lease, job_ = claim(context)
    context.artifacts.stage(lease.staging_name)
    sweep_after(context, 1)
    assert context.artifacts.staged(lease.staging_name).is_dir()
    key = f"models/{job_.model_id}/{lease.staging_name}"
    early = f"checkpoints/{job_.id}/{lease.staging_name}-checkpoint-1"
    for published in (key, early):
        add_folder(context, published)
    sweep_after(context, 1)
    assert context.artifacts.folder(key).is_dir()
    assert context.artifacts.folder(early).is_dir()

    with context.database.write() as session:
        taken_over = jobs.get(session, job_.id, lock=True)
        assert taken_over is not None
        taken_over.token += 1
    sweep_after(context, 1)
    assert not context.artifacts.folder(key).exists()
    assert not context.artifacts.folder(early).exists()
    context.artifacts.stage(lease.staging_name)
    with pytest.raises(LeaseLost):
        execution.succeed(context, lease, {})
    assert not context.artifacts.folder(key).exists()


def test_sweeps_at_once_beside_clients_do_no_harm(
    make: Callable[..., Context], capsys: pytest.CaptureFixture[str]
) -> None:
    context = make(versions_kept=1, job_retention_days=0.001, event_retention_days=0.001)
    ended = threading.Event()

    def sweep() -> None:
        while not ended.is_set():
            sweep_after(context, 1)

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        train(context)
    ended.set()
    for thread in threads:
        thread.join()
    assert "incomplete" not in capsys.readouterr().out
    sweep_after(context, 1)
    assert numbers(context) == [10]
    assert (context.artifacts.folder(stocked.versions(context)[0].folder) / "network.onnx").is_file()


def test_what_is_deleted_while_removing_is_held_goes_with_a_later_sweep(make: Callable[..., Context]) -> None:
    context = make()
    train(context)
    folder = context.artifacts.folder(stocked.versions(context)[0].folder)
    with context.artifacts.removing_held():
        versions.delete(context, "line", 1)
        sweep_after(context, 1)
        assert folder.is_dir()
    sweep_after(context, 1)
    assert not folder.exists()


def test_running_workers_take_turns_in_cleaning_up(make: Callable[..., Context]) -> None:
    context, now = make(), datetime.now(UTC)
    assert housekeeping.has_turn(context, "wk_0", now)
    ids = ("wk_1", "wk_2", "wk_3")
    for id_ in ids:
        beat = {"queues": ["cpu"], "versions": {}, "ready": True, "heartbeat_at": now}
        workers.record_heartbeat(context, Worker(id=id_, host="here", process={"pid": 1}, slots=1, **beat))
    hours = [now + timedelta(hours=hour) for hour in range(6)]
    turns = [[id_ for id_ in ids if housekeeping.has_turn(context, id_, hour)] for hour in hours]
    assert sorted(turns[:3]) == [["wk_1"], ["wk_2"], ["wk_3"]]
    assert turns[3:] == turns[:3]
