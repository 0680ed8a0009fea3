"""The worker's smaller parts: knowing processes again, judging leases, keeping output, putting failures in words."""

import errno
import os
import subprocess
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from service.identity import identify, may_live
from service.operations.jobs import leases
from service.operations.jobs import lifecycle as execution
from service.worker import failures
from service.worker.output import PrintedOutput
from service.worker.reaper import Reaper
from tests.service.worker.bench import Bench


def test_a_process_is_known_again_until_it_is_gone() -> None:
    process = subprocess.Popen(["sleep", "60"])
    identity = identify(process.pid)
    assert identity != identify(os.getpid())
    assert may_live(identity)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not may_live(identity)  # a zombie
    process.wait()
    assert not may_live(identity)


def test_another_process_of_the_same_id_is_not_taken_for_the_old_one() -> None:
    assert not may_live({**identify(os.getpid()), "started": 1})


@pytest.mark.parametrize("other", [{"boot": "another"}, {"namespace": 1}])
def test_a_process_of_another_boot_or_namespace_gets_the_benefit_of_the_doubt(other: dict[str, Any]) -> None:
    assert may_live({**identify(os.getpid()), "pid": 2**22 + 1, **other})


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def claimed_job(bench: Bench) -> str:
    job_id = bench.submit({})
    bench.let_a_dead_worker_claim()
    return job_id


def check_for(reaper: Reaper, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / reaper.interval)):
        clock.now += reaper.interval
        reaper.check()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idle_bench(make_bench: Any) -> Bench:
    """A bench without a worker; its leases last 10 s."""
    bench: Bench = make_bench(lease_seconds=10)
    return bench


def reaper_of(bench: Bench, clock: Clock) -> Reaper:
    return Reaper(bench.context, partial(execution.remove_files, bench.context), clock)


def test_a_job_is_put_back_when_its_lease_went_unrenewed_for_its_length(idle_bench: Bench, clock: Clock) -> None:
    job_id, reaper = claimed_job(idle_bench), reaper_of(idle_bench, clock)
    reaper.check()
    check_for(reaper, clock, 8)
    assert idle_bench.job(job_id).status == "running"
    check_for(reaper, clock, 2)
    job = idle_bench.job(job_id)
    assert (job.status, job.status_reason, job.attempt) == ("queued", "worker_lost", 1)


def test_a_renewal_starts_the_count_anew(idle_bench: Bench, clock: Clock) -> None:
    job_id, reaper = claimed_job(idle_bench), reaper_of(idle_bench, clock)
    reaper.check()
    check_for(reaper, clock, 8)
    leases.renew(idle_bench.context, idle_bench.lease(job_id))
    check_for(reaper, clock, 10)
    assert idle_bench.job(job_id).status == "running"
    check_for(reaper, clock, 2)
    assert idle_bench.job(job_id).status == "queued"


def test_time_in_which_the_reaper_itself_stood_still_does_not_count(idle_bench: Bench, clock: Clock) -> None:
    job_id, reaper = claimed_job(idle_bench), reaper_of(idle_bench, clock)
    reaper.check()
    clock.now += 3600
    reaper.check()
    assert idle_bench.job(job_id).status == "running"


def test_output_is_kept_up_to_its_limit_and_its_tail_beyond() -> None:
    output = PrintedOutput(limit=10)
    assert output.decode("tür".encode()[:2]) == "t"
    assert output.decode("tür".encode()[2:]) == "ür"
    assert output.decode(b"123456789") == "123456\n[truncated: the job printed more than 10 bytes]\n"
    assert output.decode(b"the end") == ""
    assert output.tail == "tür123456789the end"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out-of-memory"),
        (RuntimeError("{{node a}} OOM when allocating tensor with shape[9,9] and type float"), "out-of-memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (OSError("1000 requested and 0 written"), "disk-full"),
        (RuntimeError("underlying IO error: No space left on device (os error 28)"), "disk-full"),
        (OSError(errno.EROFS, "secret path"), "artifacts-unwritable"),
        (OSError(errno.EIO, "secret path"), "internal"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/.keras/secret"), "internal"),
        (KeyError("secret"), "internal"),
    ],
)
def test_unforeseen_errors_are_put_in_words_that_give_nothing_away(error: Exception, code: str) -> None:
    failure = failures.flatten(error)
    assert failure["code"] == code
    assert "secret" not in failure["detail"]
    assert "start the job" not in failure["detail"]
