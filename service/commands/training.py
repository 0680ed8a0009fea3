"""`fitserve train`: creates a training job and follows it."""

from typing import Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.output import print_json, printable
from service.commands.parameters import JSON_DOCUMENT, takes_metadata, with_metadata
from service.commands.watching import going_on, leave, show_until_final


@click.command(cls=ServiceCommand)
@click.argument("model")
@click.argument("dataset")
@click.option("--dataset-version", type=click.IntRange(1), help="Version of the dataset; default: the newest.")
@click.option("--epochs", type=click.IntRange(1), help="Number of passes over the training rows.")
@click.option("--batch-size", type=click.IntRange(1), help="Rows per batch; default: 32.")
@click.option("--seed", type=click.IntRange(0), help="Random seed, for reproducible training.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="Precision in which layers compute in training; default: float32.",
)
@click.option("--label", help="Label to set on the new version.")
@click.option(
    "--start-from",
    metavar="VERSION",
    help="Version or label whose weights to start from, or JOB:EPOCH for a snapshot of a training job.",
)
@click.option("--folds", type=click.IntRange(2), help="Cross-validate on this many folds first.")
@click.option("--patience", type=click.IntRange(0), help="Stop after this many epochs without improvement.")
@click.option("--time-limit", "time_limit_seconds", type=click.FloatRange(1), help="Stop after this many seconds.")
@click.option("--priority", type=click.IntRange(0, 9), help="Jobs with higher priority run first; default: 5.")
@click.option("--hosts", type=click.IntRange(1), help="Workers that train together, each with its batch; default: 1.")
@click.option("--queue", help="Queue of the job: workers that offer it run the job; default: cpu.")
@click.option("--options", type=JSON_DOCUMENT, default="{}", help="All other fields of the job, as JSON.")
@takes_metadata
@click.option("--detach", is_flag=True, help="Create the job, print its id and exit.")
def train(
    session: Session,
    model: str,
    dataset: str,
    start_from: str | None,
    patience: int | None,
    options: dict[str, Any],
    metadata: dict[str, str] | None,
    detach: bool,
    **given: Any,
) -> None:
    """Train MODEL on DATASET and follow the job, like `fitserve watch`.

    Ctrl-C stops following; the job continues. With --json, the command prints only the final job. The exit codes are
    those of `fitserve watch`.
    """
    request = with_metadata(options, metadata) | {name: value for name, value in given.items() if value is not None}
    if start_from is not None:
        request["start_from"] = _read_start(start_from)
    if patience is not None:
        request["early_stopping"] = {"patience": patience}
    if "epochs" not in request:
        raise click.UsageError("Missing option '--epochs'.")
    job = session.client.training_jobs.create(model, dataset, **request)
    if detach:
        return print_json(job) if session.as_json else click.echo(job["id"])
    with going_on(f"fitserve watch {job['id']} shows it again, fitserve jobs cancel {job['id']} ends it"):
        if session.as_json:
            job = session.client.training_jobs.wait(job["id"])
            print_json(job)
        else:
            click.echo(f"{job['id']}: fitserve watch {job['id']} shows it elsewhere", err=True)
            is_known = _show_execution(job)
            job = show_until_final(session.client, job)
            if not is_known:  # the job waited for its model or dataset
                _show_execution(job)
    leave(job)


def _show_execution(job: dict[str, Any]) -> bool:
    """Print how the network is trained, and why. False if that isn't known yet."""
    if job["execution_reason"] is None:
        return False
    click.echo(printable(f"Execution {job['execution']}: {job['execution_reason']}"), err=True)
    return True


def _read_start(text: str) -> dict[str, Any]:
    """What `--start-from` refers to. Names of labels have no colon."""
    job, colon, epoch = text.partition(":")
    if colon:
        return {"training_job": job, "epoch": int(epoch) if epoch.isdecimal() else epoch}
    return {"version": int(text)} if text.isdecimal() else {"label": text}
