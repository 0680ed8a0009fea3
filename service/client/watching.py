"""`fitserve watch`: follows a job and shows it, until it ends or the person who watches does."""

import os
import sys
from typing import Any

from rich.console import Console

from service.client.displays import Bar, Display, JsonLines, Lines, describe_status
from service.client.exit_codes import CANNOT_WATCH, INTERRUPTED, OF_STATUS
from service.client.following import CannotFollow, Service


def watch(job_id: str, url: str, *, as_json: bool = False) -> int:
    """Show a training job until it is final; returns the exit code that says how it ended."""
    try:
        return _watch(Service(url), job_id, as_json)
    except CannotFollow as error:
        print(error, file=sys.stderr)
        return CANNOT_WATCH
    except KeyboardInterrupt:
        print(f"Not watched any longer; the job goes on. fitserve watch {job_id} shows it again.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the lines has gone; what is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_WATCH


def _watch(service: Service, job_id: str, as_json: bool) -> int:
    job = service.job(job_id)
    console = Console()
    display: Display
    if as_json:
        display, after = JsonLines(), 0
    elif console.is_interactive:
        display, after = Bar(job, console), job["last_event"]
    else:
        display, after = Lines(job), 0
    with display:
        for event in service.follow(job_id, after, display.say):
            display.show(event)
    job = service.job(job_id)
    if not as_json:
        print(describe_end(job), flush=True)
    return OF_STATUS.get(job["status"], CANNOT_WATCH)


def describe_end(job: dict[str, Any]) -> str:
    """How a final job ended, in a line."""
    ended = f"{job['id']} {describe_status(job['status'], job['status_reason'])}"
    if job["error"] is not None:
        return f"{ended}: {job['error']['detail']}"
    return ended if job["version"] is None else f"{ended}: version {job['version']} of {job['model']}"
