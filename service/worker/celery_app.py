"""The Celery app and its worker, which runs in a thread of this process. Only this module imports Celery."""

from collections.abc import Callable, Collection
from typing import Any, Protocol

import structlog
from celery import Celery, bootsteps, signals
from celery.worker import state

from service.broker.connections import TIMEOUT_SECONDS, describe_queue, describe_security, describe_transport
from service.broker.hints import TASK

EXCHANGE = "fitserve"
"""Celery binds its queues to an exchange. Hints are sent to the queues directly."""

log = structlog.get_logger()


class Connected(Protocol):
    """Is told when Celery's consumer has connected, and when it has lost its connection."""

    def begin_connection(self, consumer: Any) -> None:
        """The consumer is about to receive messages."""

    def end_connection(self) -> None:
        """The consumer receives none any more."""


def make_worker(
    url: str, name: str, addresses: Collection[str], task: Callable[[str, str], None], connected: Connected
) -> Any:
    """A Celery worker that consumes from these queues of the broker, and runs `task` in a thread of its own.

    It handles no signals, answers no remote control, and keeps no results.
    """
    app = Celery("fitserve", set_as_current=False)
    app.conf.update(
        # Otherwise CELERY_BROKER_URL of another application would take precedence.
        broker_read_url=url,
        broker_write_url=url,
        task_queues=[describe_queue(address) for address in addresses],
        task_default_exchange=EXCHANGE,
        task_create_missing_queues=False,
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_detect_quorum_queues=False,
        broker_connection_timeout=TIMEOUT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_use_ssl=describe_security(url) or None,
        broker_transport_options=describe_transport(url),
    )
    # The task claims a job, which takes milliseconds. Until then, the next hint stays with the broker: another worker
    # may have a free slot.
    app.task(name=TASK, shared=False, acks_late=True, ignore_result=True)(task)
    app.steps["consumer"].add(_make_step(connected))
    app.set_default()  # for the threads of the pool
    return app.WorkController(
        hostname=f"{name}@fitserve", pool="threads", concurrency=1, without_gossip=True, without_mingle=True,
        without_heartbeat=True,
    )  # fmt: skip


def let_stop(stops: bool) -> None:
    """Let the worker of this process stop as soon as it looks, or let one start that doesn't."""
    state.should_stop = 0 if stops else None  # as Celery's own signal handlers do


def _make_step(connected: Connected) -> type[bootsteps.StartStopStep]:
    class Step(bootsteps.StartStopStep):
        """A step of the consumer's start, before its event loop."""

        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:
            connected.begin_connection(consumer)

        def stop(self, consumer: Any) -> None:
            connected.end_connection()

    return Step


@signals.task_rejected.connect
@signals.task_unknown.connect
def _report(**about: Any) -> None:
    """Celery discards messages that aren't its own, or of another task."""
    log.warning("a message of the broker was discarded: it is no hint", task=about.get("name"))


@signals.task_failure.connect
def _report_failure(exception: Exception, **_: Any) -> None:
    """The task doesn't fail, unless its arguments are others than those of a hint."""
    log.error("a hint failed", reason=str(exception), exc_info=exception)
