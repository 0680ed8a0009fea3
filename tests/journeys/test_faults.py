"""The fault suite in a short form: a service on PostgreSQL, S3 and Redis loses them in turn, but no client's work.

`make faults` tries each fault for longer, at random moments, and on everything on which a service can stand.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchmarks.survival import clients, scenario
from benchmarks.survival.backing import Cluster
from benchmarks.survival.faults.s3 import WITHOUT_COPIES
from benchmarks.survival.scenario import Fault, Tools, try_fault
from tests.postgresql_proxy import Loss
from tests.postgresql_replicas import database_url

BETWEEN_SECONDS = 0.3


def lose_one_after_the_other(tools: Tools) -> None:
    service, backing = tools.site.service, tools.site.backing
    s3, proxy, replicas, broker = backing.s3, backing.proxy, backing.replicas, backing.broker
    assert s3 is not None
    assert proxy is not None
    assert replicas is not None
    assert broker is not None

    def fail_over() -> None:
        replicas.cut_off_standby()
        tools.wait(BETWEEN_SECONDS)
        replicas.lose_primary()
        proxy.redirect(database_url(replicas.standby))
        tools.wait(BETWEEN_SECONDS)
        replicas.promote()

    def let_s3_fail(**fault: float) -> None:
        with s3.failing(**fault):
            tools.wait(2 * BETWEEN_SECONDS)

    def lose_broker() -> None:
        broker.kill()
        tools.wait(2 * BETWEEN_SECONDS)
        broker.start()

    steps: dict[str, Callable[[], object]] = {
        "job's process killed": lambda: service.job_processes()[0].kill(),
        "S3 answers 503": lambda: let_s3_fail(status=503),
        "COMMIT's answer lost": lambda: proxy.lose(Loss.ANSWER),
        "broker lost": lose_broker,
        "supervisor killed": lambda: service.part("worker").kill(),
        "S3 is silent": lambda: let_s3_fail(seconds=60),
        "primary lost": fail_over,
        "S3 shows writes late": lambda: let_s3_fail(late_seconds=0.5),
    }
    for name, step in steps.items():
        tools.wait(BETWEEN_SECONDS)
        with contextlib.suppress(psutil.Error, LookupError, StopIteration):  # there is no such process now
            step()
            tools.count(name)


@pytest.fixture(autouse=True)
def few_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients whose trainings all have the same seed, so that few are needed to know what they must give."""
    monkeypatch.setattr(scenario, "SESSIONS", 2)
    for module in (scenario, clients):
        monkeypatch.setattr(module, "SEEDS", clients.SEEDS[:1])


def test_a_service_in_a_cluster_loses_nothing_whatever_it_loses(tmp_path: Path) -> None:
    fault = Fault(lose_one_after_the_other, environment=WITHOUT_COPIES, replicated=True, spares_loaded=True)
    rows = list(try_fault(fault, Cluster(), tmp_path, seconds=1, seed=7))
    assert [row for row in rows if row.met is False] == []
