"""`fitserve workers`: the processes that run jobs."""

from typing import Any

import click

from service.commands.command import ServiceGroup, Session
from service.commands.output import describe_moment, print_items, print_json, print_members


@click.group(cls=ServiceGroup)
def workers() -> None:
    """Manage the workers that run jobs."""


@workers.command("list")
def list_workers(session: Session) -> None:
    """List the running workers."""
    print_items(
        session.client.workers.list(),
        ("id", "host", "status", "queues", "running", "slots", "started"),
        lambda item: (
            item["id"], item["host"], item["status"], ",".join(item["queues"]), item["running_jobs"], item["slots"],
            describe_moment(item["started_at"]),
        ),
        as_json=session.as_json,
    )  # fmt: skip


@workers.command("drain")
@click.argument("worker")
def drain(session: Session, worker: str) -> None:
    """Let WORKER finish its jobs and claim no more. Once it runs none, you can end it without interrupting a job."""
    _show(session, session.client.workers.drain(worker))


@workers.command("resume")
@click.argument("worker")
def resume(session: Session, worker: str) -> None:
    """Let WORKER claim jobs again."""
    _show(session, session.client.workers.resume(worker))


def _show(session: Session, worker: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(worker)
    members = ("id", "host", "status", "detail", "running_jobs")
    print_members({name: worker[name] for name in members})
