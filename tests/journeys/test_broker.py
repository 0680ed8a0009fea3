"""A service with a broker: jobs start by hints, and the broker's absence delays no answer and loses no job."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.journeys.specs import LINE, LINE_DATASET
from tests.postgresql_server import empty_database
from tests.redis_server import RedisServer
from tests.running_service import RunningService, running_service, wait_for

DELAYED = 2.0
"""A request that waits for a broker takes at least as long, which is its timeout."""
SOON, IN_A_ROW = 0.5, 3
"""A job that starts later was perhaps found by polling, which finds one in twelve as soon."""
ATTEMPTS = 20


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, redis_server: RedisServer) -> Iterator[RunningService]:
    with (
        empty_database() as url,
        # Whoever polls finds a job after 3 seconds on average, and nobody sends hints again.
        running_service(
            tmp_path, database_url=url, broker_url=redis_server.url, artifact_url=str(tmp_path / "artifacts"),
            poll_seconds="6", lease_seconds="600", api_processes="1",
        ) as service,
    ):  # fmt: skip
        yield service


def train(service: RunningService) -> str:
    """Create a training. The answer doesn't wait for the broker."""
    began = time.monotonic()
    job_id = service.client.start_training("broker-line", "broker-line", epochs=1)
    assert time.monotonic() - began < DELAYED
    return job_id


def measure_delay(service: RunningService, job_id: str) -> float:
    """The seconds from a job's creation to its start. It must succeed."""
    job = service.client.wait_for_status(job_id, "succeeded")
    created, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
    return (started - created).total_seconds()


def wait_until_jobs_start_soon(service: RunningService) -> None:
    delays: list[float] = []
    while len(delays) < IN_A_ROW or max(delays[-IN_A_ROW:]) >= SOON:
        assert len(delays) < ATTEMPTS, (delays, service.log)
        delays.append(measure_delay(service, train(service)))


def test_jobs_start_by_hints_and_a_broker_that_is_away_delays_only_their_start(
    service: RunningService, redis_server: RedisServer
) -> None:
    def broker() -> str:
        readiness = service.client.get("/readyz")
        assert readiness["status"] == "ready"
        status: str = readiness["parts"]["broker"]["status"]
        return status

    wait_for(lambda: broker() == "ready")
    service.client.post("/v1/datasets", LINE_DATASET | {"name": "broker-line"}, wait=30)
    service.client.post("/v1/models", LINE | {"name": "broker-line"}, wait=30)
    wait_until_jobs_start_soon(service)
    with redis_server.silent():
        held_back = train(service)
    measure_delay(service, held_back)
    redis_server.kill()
    measure_delay(service, train(service))
    wait_for(lambda: broker() == "unavailable")
    measure_delay(service, train(service))
    page = service.client.request("GET", "/metrics").text
    assert "fitserve_broker_up 0.0" in page
    redis_server.start()
    wait_for(lambda: broker() == "ready")
    wait_until_jobs_start_soon(service)
    assert "fitserve_broker_up 1.0" in service.client.request("GET", "/metrics").text
    assert service.log.count("the broker doesn't answer") == 2, "once by each process"
