"""Heartbeats of workers that don't exist."""

from datetime import UTC, datetime, timedelta

from service.context import Context
from service.operations.upkeep import workers
from service.storage.records import Worker

HERE = "wk_0660cff60faa21743c8f48cd"
STARTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEVICES = {"cpus": 2, "memory_bytes": 2**33, "accelerators": [{"type": "gpu", "name": "A", "memory_bytes": 2**34}]}


def beat(context: Context, id_: str = HERE, queues: tuple[str, ...] = ("cpu",), *, ready: bool = True) -> Worker:
    """Send a heartbeat of a worker; returns what the worker then knows."""
    worker = Worker(
        id=id_, host="trainer-1", process={"pid": 1}, slots=2, queues=list(queues), devices=DEVICES, versions={},
        ready=ready, problem=None, desired_status="running", started_at=STARTED_AT, heartbeat_at=datetime.now(UTC),
    )  # fmt: skip
    workers.record_heartbeat(context, worker)
    return worker


def beat_ahead(context: Context) -> None:
    """Send a heartbeat that counts for an hour, however long the tests take."""
    beat(context)
    with context.database.write() as session:
        session.query(Worker).filter_by(id=HERE).update({"heartbeat_at": datetime.now(UTC) + timedelta(hours=1)})
