"""`fitserve watch`, and how other commands wait for a job: shown until it ends or the person who watches does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.exit_codes import INTERRUPTED, OF_STATUS, REFUSED

if TYPE_CHECKING:
    from service.client import Client


@click.command(cls=ServiceCommand)
@click.argument("job")
def watch(session: Session, job: str) -> None:
    """Show the training job with the id JOB until it ends.

    In a terminal that is a progress bar from now on, elsewhere a line for each thing that happened since the job was
    made; with --json each event as JSON on a line of its own. Ctrl-C ends the watching, not the job; watching can
    begin again at any time.

    The exit code is 0 when the job succeeded, 1 when it failed, 2 when it was cancelled, 3 when it can't be watched, 4
    when the service is away, 130 after Ctrl-C, 141 when whoever read the output has gone.
    """
    started = session.client.training_jobs.get(job)
    with going_on(f"fitserve watch {job} shows it again"):
        ended = _show_events(session.client, started) if session.as_json else show_until_final(session.client, started)
    leave(ended)


def show_until_final(client: "Client", job: dict[str, Any]) -> dict[str, Any]:
    """Show a job as suits the terminal or the pipe; the job as it ended, which is the last line."""
    from service.commands.console import Console
    from service.commands.displays import Bar, Display, Lines, describe_end

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
    print(describe_end(ended), flush=True)
    return ended


def _show_events(client: "Client", job: dict[str, Any]) -> dict[str, Any]:
    import orjson

    for event in client.training_jobs.events(job["id"]):
        print(orjson.dumps(event).decode(), flush=True)
    return client.training_jobs.get(job["id"])


@contextmanager
def going_on(advice: str) -> Iterator[None]:
    """On Ctrl-C say that the job isn't ended by it, and what can be done."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"Not watched any longer; the job goes on. {advice}.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def leave(job: dict[str, Any]) -> None:
    """End the command with the exit code that says how the job ended."""
    sys.exit(OF_STATUS.get(job["status"], REFUSED))
