"""`fitserve jobs`: training jobs."""

from itertools import islice
from typing import Any

import click

from service.commands.command import ServiceGroup, Session
from service.commands.output import describe_moment, print_items, print_json, print_members, print_table, printable
from service.commands.parameters import which_jobs
from service.event_text import describe_spread


@click.group(cls=ServiceGroup)
def jobs() -> None:
    """Manage training jobs."""


@jobs.command("list")
@which_jobs
def list_jobs(session: Session, limit: int, **filters: Any) -> None:
    """List training jobs, newest first."""
    print_items(
        islice(session.client.training_jobs.list(**filters), limit),
        ("id", "model", "dataset", "status", "done", "metrics", "created"),
        lambda item: (
            item["id"], item["model"], item["dataset"], item["status"], f"{item['progress']['fraction']:.0%}",
            item["metrics"], describe_moment(item["created_at"]),
        ),
        as_json=session.as_json,
    )  # fmt: skip


@jobs.command("show")
@click.argument("job")
def show_job(session: Session, job: str) -> None:
    """Show a training job."""
    _show(session, session.client.training_jobs.get(job))


@jobs.command("metrics")
@click.argument("job")
@click.option("--points", type=click.IntRange(1), help="Maximum number of epochs to show, evenly spaced.")
def show_metrics(session: Session, job: str, points: int | None) -> None:
    """Show the loss and the metrics of each epoch."""
    epochs = session.client.training_jobs.metrics(job, points)
    if session.as_json:
        return print_json(epochs)
    columns = list(dict.fromkeys(name for epoch in epochs for name in epoch)) or ["epoch"]
    print_table(columns, ([epoch.get(name) for name in columns] for epoch in epochs))


@jobs.command("snapshots")
@click.argument("job")
def show_snapshots(session: Session, job: str) -> None:
    """List the epochs of which the job keeps the weights, latest first."""
    print_items(
        session.client.training_jobs.snapshots(job),
        ("epoch", "recorded", "metrics", "bytes"),
        lambda item: (item["epoch"], describe_moment(item["at"]), item["metrics"], item["bytes"]),
        as_json=session.as_json,
    )


@jobs.command("log")
@click.argument("job")
def show_log(session: Session, job: str) -> None:
    """Show the output of the training process."""
    text = session.client.training_jobs.log(job)
    if session.as_json:
        return print_json({"log": text})
    click.echo(printable(text), nl=False)


@jobs.command("pause")
@click.argument("job")
def pause(session: Session, job: str) -> None:
    """Pause a job: it writes a checkpoint and frees its slot."""
    _show(session, session.client.training_jobs.pause(job))


@jobs.command("resume")
@click.argument("job")
def resume(session: Session, job: str) -> None:
    """Resume a paused job."""
    _show(session, session.client.training_jobs.resume(job))


@jobs.command("stop")
@click.argument("job")
def stop(session: Session, job: str) -> None:
    """Stop a job early and keep its model."""
    _show(session, session.client.training_jobs.stop(job))


@jobs.command("cancel")
@click.argument("job")
def cancel(session: Session, job: str) -> None:
    """Cancel a job and discard its results."""
    _show(session, session.client.training_jobs.cancel(job))


@jobs.command("change")
@click.argument("job")
@click.option("--epochs", type=click.IntRange(1), help="Total number of epochs.")
@click.option("--learning-rate", type=float, help="Learning rate from the next epoch on.")
def change(session: Session, job: str, **changes: Any) -> None:
    """Change the epochs or the learning rate of a running job."""
    given = {name: value for name, value in changes.items() if value is not None}
    _show(session, session.client.training_jobs.change(job, **given))


@jobs.command("delete")
@click.argument("job")
def delete(session: Session, job: str) -> None:
    """Delete a finished job; its version stays."""
    session.client.training_jobs.delete(job)


def _show(session: Session, job: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(job)
    members = (
        "id", "model", "dataset", "dataset_version", "status", "status_reason", "hosts", "free_workers", "epochs",
        "precision", "execution", "execution_reason", "metrics", "baseline", "best", "version",
    )  # fmt: skip
    error = job["error"]
    times = {"created": describe_moment(job["created_at"]), "finished": describe_moment(job["finished_at"])}
    summary = job["folds_summary"] or {}
    noted = {
        "folds": {name: describe_spread(**spread) for name, spread in summary.items()} or None,
        "parent": job["parent"],
        "metadata": job["metadata"] or None,
        "warnings": [warning["detail"] for warning in job["warnings"]] or None,
    }
    print_members({name: job[name] for name in members} | noted | times | {"error": error and error["detail"]})
