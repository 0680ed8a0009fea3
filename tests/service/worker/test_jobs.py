"""A worker runs jobs: what their processes report is recorded, orders are obeyed, failures are told apart."""

import errno
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.operations.catalog import datasets, model_imports, models
from service.operations.catalog.uploads import Reception
from service.operations.jobs import recording
from service.origins import Origin
from service.storage.jobs import NewEvent
from service.worker import supervision
from tests.service.worker.bench import Bench, is_gone, queued_by

LONG = 600.0


def test_a_job_runs_to_success_with_its_events_in_order(bench: Bench) -> None:
    job_id = bench.submit({"epochs": 3, "print": "hello\n"})
    job = bench.wait_for_status(job_id, "succeeded")
    events = bench.events(job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert bench.transitions(job_id) == [("queued", None), ("running", None), ("succeeded", None)]
    assert [event.data["epoch"] for event in bench.events(job_id, "epoch")] == [1, 2, 3]
    assert bench.printed(job_id) == "hello\n"
    assert events[-1].type == "transition"
    assert job.progress == {"epoch": 3, "epochs": 3}
    assert job.metrics == {"loss": pytest.approx(1 / 3)}
    assert job.best == {"epoch": 3, "loss": pytest.approx(1 / 3)}
    assert job.runtime is not None
    assert set(job.runtime) >= {"threads", "tensorflow", "keras"}
    assert job.owner is None
    (version,) = bench.versions()
    assert (job.version, version.job_id) == (1, job_id)
    assert (bench.context.artifacts.folder(version.folder) / "network.onnx").read_text() == "weights"
    assert bench.left_behind() == []


def test_the_first_epoch_is_told_while_the_job_goes_on(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.submit({"epochs": 1, "until": str(tmp_path / "go")})
    bench.wait_for_epoch(job_id)
    assert bench.job(job_id).status == "running"
    (tmp_path / "go").touch()
    bench.wait_for_status(job_id, "succeeded")


def test_thousands_of_epochs_arrive_without_gaps(bench: Bench) -> None:
    job_id = bench.submit({"epochs": 3000})
    bench.wait_for_status(job_id, "succeeded")
    assert [event.epoch for event in bench.events(job_id, "epoch")] == list(range(1, 3001))


def test_a_cancelled_job_ends_at_once_whatever_its_process_does(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.submit({"pid": str(tmp_path / "pid"), "epochs": 1, "deaf_until": "/nonexistent"})
    bench.wait_for_epoch(job_id)
    child = bench.wait_for_pid(tmp_path / "pid")
    bench.order(job_id, "cancelled")
    bench.wait_for_status(job_id, "cancelled")
    assert is_gone(child)
    assert [status for status, _ in bench.transitions(job_id)] == ["queued", "running", "cancelling", "cancelled"]
    assert bench.versions() == []
    assert bench.left_behind() == []


def test_a_stopped_job_keeps_its_model(bench: Bench) -> None:
    job_id = bench.submit({"epochs": 1, "until": "/nonexistent"})
    bench.wait_for_epoch(job_id)
    bench.order(job_id, "stopped")
    job = bench.wait_for_status(job_id, "succeeded")
    assert job.status_reason == "stopped"
    assert len(bench.versions()) == 1


def test_a_job_stopped_before_its_first_step_is_cancelled(bench: Bench) -> None:
    job_id = bench.submit({"before_the_first_step_until": "/nonexistent"})
    bench.wait_for_status(job_id, "running")
    bench.order(job_id, "stopped")
    assert bench.wait_for_status(job_id, "cancelled").status_reason == "stopped_before_training"
    assert bench.versions() == []


def test_a_diverged_job_fails_and_keeps_its_metrics(bench: Bench) -> None:
    job_id = bench.submit({"diverge": True})
    job = bench.wait_for_status(job_id, "failed")
    assert job.status_reason == "diverged"
    assert job.error is not None
    assert (job.error["code"], job.error["detail"]) == ("diverged", "The loss became NaN in epoch 1.")
    assert [event.data["loss"] for event in bench.events(job_id, "epoch")] == [None]


def test_an_unforeseen_error_fails_the_job_and_its_traceback_stays_in_the_log(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = bench.submit({"crash": "secret detail"})
    job = bench.wait_for_status(job_id, "failed")
    assert job.error is not None
    assert job.error["code"] == "internal"
    assert "secret" not in str(job.error)
    assert "Traceback" not in bench.printed(job_id)
    assert "secret detail" in capsys.readouterr().out


def test_a_memory_error_is_named_as_such(bench: Bench) -> None:
    assert bench.wait_for_status(bench.submit({"memory_error": True}), "failed").status_reason == "out_of_memory"


def test_an_import_that_fills_the_disk_fails_its_dataset_and_leaves_nothing(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(disk_full_seconds=0.5)
    bench.start_worker()
    datasets.create(bench.context, {"name": "large", "source": "line"})
    assert wait_for_failed_dataset(bench, "large")["code"] == "disk-full"
    bench.wait_for(lambda: not [name for *_, names in os.walk(bench.settings.artifact_folder) for name in names])
    bench.wait_for_status(bench.submit({"epochs": 1}), "succeeded")


def test_a_build_whose_files_cannot_be_stored_for_a_moment_runs_again(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = start_without_room(bench, tmp_path, capsys)
    assert bench.job(job_id).status == "running"
    (tmp_path / "room").touch()
    assert bench.wait_for_status(job_id, "succeeded").attempt == 1
    assert bench.left_behind() == []


def start_without_room(bench: Bench, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A build whose files can't be stored until there is a file `room`, once it waits to run again."""
    job_id = bench.submit_build({"fail_to_write_until": str(folder / "room")}, dry_run=False)
    wait_until_it_waits(bench, capsys)
    return job_id


def wait_until_it_waits(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.wait_for(lambda: "the job's files can't be stored" in capsys.readouterr().out)


def test_a_build_that_waits_to_run_again_keeps_its_lease(
    make_bench: Callable[..., Bench], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(lease_seconds=0.5)
    bench.start_worker()
    job_id = start_without_room(bench, tmp_path, capsys)
    for _ in range(2):
        wait_until_it_waits(bench, capsys)
    (tmp_path / "room").touch()
    bench.wait_for_status(job_id, "succeeded")
    assert [status for status, _ in bench.transitions(job_id)] == ["queued", "running", "succeeded"]


def test_a_build_that_waits_to_run_again_is_cancelled_at_once(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "growing_delays", lambda **_: itertools.repeat(LONG))
    job_id = start_without_room(bench, tmp_path, capsys)
    models.delete(bench.context, "m")
    bench.wait_for_status(job_id, "cancelled")
    assert bench.left_behind() == []


def test_a_worker_that_ends_puts_back_a_build_that_waits_to_run_again(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(supervision, "growing_delays", lambda **_: itertools.repeat(LONG))
        job_id = start_without_room(bench, tmp_path, capsys)
        assert bench.supervisor is not None
        bench.supervisor.end(5)
    assert "job put back by the shutdown" not in capsys.readouterr().out, "it put itself back"
    assert bench.transitions(job_id)[-1] == ("queued", "worker_shutdown")
    (tmp_path / "room").touch()
    bench.start_worker()
    bench.wait_for_status(job_id, "succeeded")


def test_a_dry_run_whose_files_cannot_be_stored_runs_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    job = bench.wait_for_status(bench.submit_build({"fail_to_write": errno.ENOSPC}), "failed")
    assert job.error is not None
    assert job.error["code"] == "disk-full"
    assert capsys.readouterr().out.count("job started") == 1


@pytest.mark.parametrize(("method", "number"), [("stage", errno.EROFS), ("publish", errno.ENOSPC)])
def test_a_folder_that_cannot_be_made_or_published_for_a_moment_delays_a_training(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, number: int
) -> None:
    refuse(bench, monkeypatch, method, number, times=1)
    assert bench.wait_for_status(bench.submit({}), "succeeded").attempt == 1


def refuse(bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, number: int, times: int) -> list[OSError]:
    """Let a method of the artifact store fail. The list has the errors that it will still raise."""
    store, refusals = getattr(bench.context.artifacts, method), [OSError(number, os.strerror(number))] * times

    def refuse(*arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return store(*arguments)

    monkeypatch.setattr(bench.context.artifacts, method, refuse)
    return refusals


def test_a_worker_that_ends_puts_back_a_job_whose_folder_cannot_be_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = refuse(bench, monkeypatch, "publish", errno.EROFS, times=1000)
    job_id = bench.submit({})
    bench.wait_for(lambda: len(refusals) < 1000)
    assert bench.supervisor is not None
    bench.supervisor.end(5)
    assert bench.transitions(job_id)[-1] == ("queued", "worker_shutdown")
    assert bench.left_behind() == []


def wait_for_failed_dataset(bench: Bench, name: str) -> dict[str, Any]:
    """The error of a dataset whose import fails."""

    def error() -> dict[str, Any] | None:
        return datasets.get(bench.context, name).dataset.error

    return bench.wait_for(error)


def import_wishes(bench: Bench, name: str, wishes: dict[str, Any]) -> str:
    """Queue an import whose process does these wishes."""
    request = {"name": name, "source": "inline", "rows": [{**wishes, "y": 0}], "target": "y"}
    return datasets.create(bench.context, request)[1]


def test_data_that_crashes_its_import_is_refused_at_once(bench: Bench) -> None:
    job_id = import_wishes(bench, "damaged", {"print": "stack backtrace: secret", "fall": int(signal.SIGABRT)})
    error = wait_for_failed_dataset(bench, "damaged")
    assert (error["code"], error["faults"][0]["pointer"]) == ("invalid-data", "#")
    assert "SIGABRT" in error["detail"]
    assert "secret" not in error["detail"]
    assert bench.wait_for_status(job_id, "failed").attempt == 1
    assert bench.left_behind() == []


def test_a_file_of_a_network_that_crashes_its_reader_is_refused_at_once(bench: Bench) -> None:
    reception = Reception(bench.context.artifacts)
    incoming = reception.receive("odd.keras")
    incoming.write(b"PK\x03\x04".ljust(30, b"\0"))
    form = {"name": "odd", "description": "", "metadata": {}, "input": {"fall": int(signal.SIGSEGV)}}
    _, job_id = model_imports.create(bench.context, form | {"file": incoming.complete()})
    assert bench.wait_for_status(job_id, "failed").attempt == 1
    error = models.get(bench.context, "odd").model.error
    assert error is not None
    assert (error["code"], error["faults"][0]["pointer"]) == ("invalid-spec", "#/file")
    assert "SIGSEGV" in error["detail"]
    assert bench.left_behind() == []


def test_an_import_that_the_kernel_kills_twice_is_not_tried_again(bench: Bench, tmp_path: Path) -> None:
    job_id = import_wishes(bench, "large", {"die": f"{tmp_path / 'deaths'}:9"})
    error = wait_for_failed_dataset(bench, "large")
    assert error["code"] == "invalid-data"
    assert "SIGKILL" in error["detail"]
    assert bench.wait_for_status(job_id, "failed").attempt == 2


def test_an_import_that_takes_too_long_fails_and_is_not_tried_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(import_seconds=1)
    bench.start_worker()
    job_id = import_wishes(bench, "endless", {"deaf_until": "/nonexistent"})
    error = wait_for_failed_dataset(bench, "endless")
    assert error["code"] == "invalid-data"
    assert "within 1 s" in error["detail"]
    assert "FITSERVE_IMPORT_SECONDS" in error["detail"]
    assert bench.wait_for_status(job_id, "failed").attempt == 1


def test_an_import_that_makes_no_progress_fails_and_is_not_tried_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(stall_seconds=1)
    bench.start_worker()
    job_id = import_wishes(bench, "endless", {"deaf_until": "/nonexistent"})
    error = wait_for_failed_dataset(bench, "endless")
    assert error["code"] == "invalid-data"
    assert "no progress for 1 s" in error["detail"]
    assert bench.wait_for_status(job_id, "failed").attempt == 1


def test_imports_run_concurrently_and_share_the_memory_of_a_job(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(import_slots=2, job_memory_bytes=800 * 1024**2)
    bench.start_worker()
    waiting = import_wishes(bench, "endless", {"deaf_until": "/nonexistent"})
    bench.wait_for_status(waiting, "running")
    import_wishes(bench, "large", {"allocate": 600 * 1024**2})
    assert wait_for_failed_dataset(bench, "large")["code"] == "out-of-memory"
    assert bench.job(waiting).status == "running"


def test_a_slow_build_holds_up_no_other(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(build_slots=2)
    bench.start_worker()
    slow = bench.submit_build({"deaf_until": "/nonexistent"})
    bench.wait_for_status(slow, "running")
    bench.wait_for_status(bench.submit_build({}), "succeeded")
    assert bench.job(slow).status == "running"


def test_a_job_whose_check_crashes_fails_and_the_worker_goes_on(bench: Bench) -> None:
    unchecked = bench.submit({"epochs": 1}, waits_for="model")  # the bench's dataset has no descriptor to check
    other = bench.submit({"epochs": 1})
    failed = bench.wait_for_status(unchecked, "failed")
    assert failed.error is not None
    assert failed.error["code"] == "internal"
    assert failed.attempt == 1
    bench.wait_for_status(other, "succeeded")


def test_a_job_over_its_memory_limit_fails_with_advice(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(job_memory_bytes=400 * 1024**2)
    bench.start_worker()
    job = bench.wait_for_status(bench.submit({"allocate": 600 * 1024**2}), "failed")
    assert job.status_reason == "out_of_memory"
    assert job.error is not None
    assert job.error["code"] == "out-of-memory"
    assert "FITSERVE_JOB_MEMORY_BYTES" in job.error["detail"]
    assert job.attempt == 1


def test_what_a_job_prints_is_kept_up_to_a_limit(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(max_log_bytes=1000)
    bench.start_worker()
    job_id = bench.submit({"print": "first line\n", "print_bytes": 2_000_000, "epochs": 1})
    bench.wait_for_status(job_id, "succeeded")
    assert bench.printed(job_id) == "first line\n" + "x" * 989 + "\n[truncated: the job printed more than 1000 bytes]\n"


def test_two_slots_run_two_jobs_at_once(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench(worker_slots=2)
    bench.start_worker()
    first, second, third = (bench.submit({"epochs": 1, "until": str(tmp_path / "go")}) for _ in range(3))
    bench.wait_for_epoch(first)
    bench.wait_for_epoch(second)
    assert bench.job(third).status == "queued"
    (tmp_path / "go").touch()
    for job_id in (first, second, third):
        bench.wait_for_status(job_id, "succeeded")


def test_a_build_runs_while_training_fills_the_slots(bench: Bench, tmp_path: Path) -> None:
    training = bench.submit({"epochs": 1, "until": str(tmp_path / "go")})
    bench.wait_for_epoch(training)
    build = bench.wait_for_status(bench.submit_build({}), "succeeded")
    assert build.result == {"summary": {"layers": []}}
    assert bench.job(training).status == "running"
    (tmp_path / "go").touch()
    bench.wait_for_status(training, "succeeded")


def test_higher_priorities_run_first_and_equal_ones_in_order(bench: Bench) -> None:
    priorities = {bench.submit({}, priority=priority): priority for priority in (1, 5, 9, 5)}
    for job_id in priorities:
        bench.wait_for_status(job_id, "succeeded")
    by_start = sorted(priorities, key=lambda job_id: bench.job(job_id).started_at)  # type: ignore[arg-type,return-value]
    low, middle, high, middle_later = priorities
    assert by_start == [high, middle, middle_later, low]


def test_jobs_run_in_fresh_processes_where_fork_servers_are_not_wanted(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.start_worker("spawn")
    bench.wait_for_status(bench.submit({"epochs": 2}), "succeeded")


def test_lines_about_a_job_name_the_request_that_queued_it(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    origin = Origin("r-1", f"00-{'a' * 32}-{'b' * 16}-01", key_id="k1", project="school")
    with queued_by(origin):
        job_id = bench.submit({"epochs": 1})
    bench.wait_for_status(job_id, "succeeded")
    lines = [line for line in capsys.readouterr().out.splitlines() if job_id in line]
    named = (f"job_id={job_id}", "request_id=r-1", f"trace_id={'a' * 32}", "key_id=k1", "project=school")
    assert [word for line in lines for word in named if word not in line] == []
    assert any("job started" in line for line in lines)


def test_a_line_that_a_task_says_again_when_it_runs_again_is_in_the_log_once(bench: Bench, tmp_path: Path) -> None:
    said = "evaluate: The training has ended."
    job_id = bench.submit({"epochs": 2, "evaluate": said, "die": f"{tmp_path / 'deaths'}:1"})
    job = bench.wait_for_status(job_id, "succeeded")
    assert job.attempt == 2
    assert bench.printed(job_id).count("The training has ended.\n") == 1


def test_a_line_that_follows_further_epochs_is_in_the_log_again(bench: Bench) -> None:
    job_id = bench.submit({"evaluate": "evaluate: Ended.", "until": "nothing"})
    bench.wait_for(lambda: bench.printed(job_id))
    lease, ended = bench.lease(job_id), NewEvent("message", {"text": "Ended.\n"}, is_told_once=True)
    recording.record(bench.context, lease, [ended])
    assert bench.printed(job_id) == "Ended.\n"
    epoch = NewEvent("epoch", {"epoch": 1, "seconds": 0.1, "loss": 1.0}, epoch=1)
    recording.record(bench.context, lease, [epoch, ended])
    assert bench.printed(job_id) == "Ended.\nEnded.\n"
