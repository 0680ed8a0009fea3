"""The base of all client commands: common options, the client, error messages and exit codes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from service.commands.exit_codes import AWAY, INTERRUPTED, READER_GONE, REFUSED

if TYPE_CHECKING:  # requests is imported by client commands only, not by `fitserve serve`
    from fitserve_client import Client, RequestFailed

PATIENCE_SECONDS = 300.0
"""How long a command retries after a service that has responded before becomes unreachable."""


class Refusal(click.ClickException):
    """A command can't be run with its arguments; click prints the message."""

    exit_code = REFUSED


@dataclass(frozen=True)
class Session:
    """The client that a command uses, and whether the command prints JSON."""

    client: "Client"
    as_json: bool


class ServiceCommand(click.Command):
    """A command whose function takes a `session` as its first argument.

    Usage errors have an exit code of their own: click's means that a job was cancelled.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += [
            click.Option(["--url"], help="URL of the service; overrides FITSERVE_URL."),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON instead of text."),
        ]

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise Refusal(error.format_message()) from None

    def invoke(self, ctx: click.Context) -> Any:
        from fitserve_client import RequestFailed

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
    """Exit when the reader of the output has exited."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes its buffers at exit; this must not fail again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        sys.exit(READER_GONE)


class ServiceGroup(click.Group):
    """A group of client commands."""

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
    """A client of the service at `url`, by default that of the settings. Raises Refusal."""
    from fitserve_client import Client
    from service.config import Settings
    from service.environment import InvalidSettings

    try:
        settings = Settings.from_environment()
        return Client(
            url or settings.service_url,
            key=settings.service_key,
            project=settings.service_project,
            patience=PATIENCE_SECONDS,
            first_patience=0,
            tell=lambda line: click.echo(line, err=True),
        )
    except (InvalidSettings, ValueError) as error:
        raise Refusal(str(error)) from None


def _print_failure(failure: "RequestFailed", as_json: bool) -> None:
    """Print an error on one line, several errors on one line each, or the problem document as JSON."""
    from service.commands.output import describe_fault, print_json, printable

    if as_json:
        print_json(failure.problem, sys.stderr)
        return
    if len(failure.errors) < 2:
        only = failure.errors[0] if failure.errors else {}
        text = describe_fault({"detail": failure.detail, "did_you_mean": only.get("did_you_mean")})
        click.echo(f"Error: {printable(text)}", err=True)
        return
    click.echo(f"Error: {printable(failure.title or failure.detail)}:", err=True)
    for fault in failure.errors:
        click.echo(f"  {printable(describe_fault(fault))}", err=True)
