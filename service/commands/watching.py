"""`fitserve watch`, and how other commands follow a job until it is final or the user presses Ctrl-C."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.exit_codes import INTERRUPTED, OF_STATUS, REFUSED

if TYPE_CHECKING:
    from fitserve_client import Client


@click.command(cls=ServiceCommand)
@click.argument("job")
def watch(session: Session, job: str) -> None:
    """Follow the training job with the id JOB until it ends.

    A terminal shows a progress bar. A pipe gets one line per event since the job was created; with --json, each line is
    the event as JSON. Ctrl-C stops following; the job continues, and you can follow it again at any time.

    The exit code is 0 if the job succeeded, 1 if it failed, 2 if it was cancelled, 3 if it can't be followed, 4 if the
    service is unreachable, 130 after Ctrl-C, 141 if the reader of the output has exited.
    """
    started = session.client.training_jobs.get(job)
    with going_on(f"fitserve watch {job} shows it again"):
        ended = _show_events(session.client, started) if session.as_json else show_until_final(session.client, started)
    leave(ended)


def show_until_final(client: "Client", job: dict[str, Any]) -> dict[str, Any]:
    """Follow a job in the terminal or pipe, print how it ended, and return the final job."""
    from service.commands.console import Console
    from service.commands.displays import Bar, Display, Lines, describe_baseline, describe_end

    console = Console()
    display: Display
    if console.is_interactive:
        display, after = Bar(job, console), job["last_event"]
    else:
        display, after = Lines(job), 0
    tell, client.connection.tell = client.connection.tell, display.say
    try:
        with display:
            for event in client.training_jobs.events(job["id"], after):
                display.show(event)
    finally:
        client.connection.tell = tell
    ended = client.training_jobs.get(job["id"])
    if (baseline := describe_baseline(ended)) is not None:
        print(baseline)
    print(describe_end(ended), flush=True)
    return ended


def _show_events(client: "Client", job: dict[str, Any]) -> dict[str, Any]:
    import orjson

    for event in client.training_jobs.events(job["id"]):
        print(orjson.dumps(event).decode(), flush=True)
    return client.training_jobs.get(job["id"])


@contextmanager
def going_on(advice: str) -> Iterator[None]:
    """On Ctrl-C, print that the job continues, and some advice."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"Stopped following; the job goes on. {advice}.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def leave(job: dict[str, Any]) -> None:
    """Exit with the code for the job's final status."""
    sys.exit(OF_STATUS.get(job["status"], REFUSED))
