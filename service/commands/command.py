"""What every command that talks to a service has: its options, its client, one line and an exit code for failures."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from service.commands.exit_codes import AWAY, INTERRUPTED, READER_GONE, REFUSED

if TYPE_CHECKING:  # requests is imported by the commands that run, not by `fitserve serve`
    from service.client import Client, RequestFailed

PATIENCE_SECONDS = 300.0
"""How long a service that has answered may be away before a command gives up."""


class Refusal(click.ClickException):
    """A command can't be run like that; click prints the line."""

    exit_code = REFUSED


@dataclass(frozen=True)
class Session:
    """The service that a command talks to, and whether it prints JSON."""

    client: "Client"
    as_json: bool


class ServiceCommand(click.Command):
    """A command whose function takes a `session` first.

    Wrong usage must not look like the end of a job, so it gets another exit code than click's.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += [
            click.Option(["--url"], help="Where the service is, instead of FITSERVE_URL."),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for scripts."),
        ]

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise Refusal(error.format_message()) from None

    def invoke(self, ctx: click.Context) -> Any:
        from service.client import RequestFailed

        url, as_json = ctx.params.pop("url"), ctx.params.pop("as_json")
        with _leaving_with_the_reader():
            try:
                with connect(url) as client:
                    ctx.params["session"] = Session(client, as_json)
                    return super().invoke(ctx)
            except RequestFailed as failure:
                _print_failure(failure, as_json)
                sys.exit(AWAY if failure.passes else REFUSED)
            except click.UsageError as error:
                raise Refusal(error.format_message()) from None
            except KeyboardInterrupt:
                click.echo("Interrupted.", err=True)
                sys.exit(INTERRUPTED)


@contextmanager
def _leaving_with_the_reader() -> Iterator[None]:
    """End the process where whoever read what it prints has gone."""
    try:
        yield
    except BrokenPipeError:
        # What is still buffered must not fail again when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        sys.exit(READER_GONE)


class ServiceGroup(click.Group):
    """A group of such commands."""

    command_class = ServiceCommand

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(REFUSED)
        except click.UsageError as error:
            raise Refusal(error.format_message()) from None

    def resolve_command(self, *args: Any) -> Any:
        try:
            return super().resolve_command(*args)
        except click.UsageError as error:
            raise Refusal(error.format_message()) from None


def connect(url: str | None) -> "Client":
    """A client of the service at a URL, or where the settings say. Raises Refusal."""
    from service.client import Client
    from service.config import InvalidSettings, Settings

    try:
        url = url or Settings.from_environment().service_url
        return Client(url, patience=PATIENCE_SECONDS, first_patience=0, tell=lambda line: click.echo(line, err=True))
    except (InvalidSettings, ValueError) as error:
        raise Refusal(str(error)) from None


def _print_failure(failure: "RequestFailed", as_json: bool) -> None:
    """The failure in a line, or of several faults each in a line below; as JSON the problem document."""
    from service.commands.output import describe_fault, print_json, printable

    if as_json:
        print_json(failure.problem, sys.stderr)
        return
    if len(failure.errors) < 2:
        click.echo(f"Error: {printable(failure.detail)}", err=True)
        return
    click.echo(f"Error: {printable(failure.title or failure.detail)}:", err=True)
    for fault in failure.errors:
        click.echo(f"  {printable(describe_fault(fault))}", err=True)
