"""`fitserve keys` and `fitserve projects`, which use the service's database directly: the first key needs no key."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from service.callers import DEFAULT_PROJECT, Scope
from service.errors import ServiceError
from service.names import find_fault
from service.preparation import one_line_for_failures, prepare, refusing

if TYPE_CHECKING:
    from service.context import Context
    from service.operations.access.projects import ProjectView

KEY_COLUMNS = ("id", "name", "project", "scopes", "created", "expires", "last used", "revoked")


def _check_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    fault = find_fault(name)
    if fault is not None:
        raise click.BadParameter(f'"{name}" {fault}.')
    return name


takes_name = click.argument("name", callback=_check_name)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys, on the machine of the service.

    The service can be running. From the first key on, every request needs one.
    """


@keys.command("create")
@takes_name
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key allows; repeat for several. `train` includes `read` and `predict`, `admin` everything.",
)
@click.option("--project", help=f"Project of the key; default: {DEFAULT_PROJECT}. An admin key has none.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Days until the key expires; default: never.")
def create_key(name: str, scopes: tuple[str, ...], project: str | None, days: float | None) -> None:
    """Create a key and print it. It can't be shown again."""
    from service.operations.access import keys

    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _opened() as context:
        key, text = keys.create(context, name, scopes, project, expires_at)
        is_manageable = keys.has_usable_admin(context)
    where = "every project" if key.project is None else f'the project "{key.project}"'
    if not is_manageable:
        click.echo(
            "Warning: no key has the scope admin. Only `fitserve keys` on this machine can create keys now.", err=True
        )
    click.echo(f"Key {key.id} for {where}. Save it now: it can't be shown again.", err=True)
    click.echo(text)


@keys.command("list")
def list_keys() -> None:
    """List the keys, newest first, without their secrets."""
    from service.commands.output import describe_moment, print_table
    from service.operations.access import keys
    from service.storage.paging import read_all

    with _opened(to_read=True) as context:
        found = list(read_all(lambda query: keys.list_page(context, query)))

    def moment(value: datetime | None) -> str:
        return "" if value is None else describe_moment(value.isoformat()) or ""

    print_table(
        KEY_COLUMNS,
        [
            (
                key.id, key.name, key.project or "", ", ".join(key.scopes), moment(key.created_at),
                moment(key.expires_at), moment(key.last_used_at), moment(key.revoked_at),
            )
            for key in found
        ],
    )  # fmt: skip


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Revoke a key. A running service refuses it within a second."""
    from service.operations.access import keys

    with _opened() as context:
        keys.revoke(context, key_id)
    click.echo(f"revoked {key_id}")


@click.group()
def projects() -> None:
    """Create, list and delete projects, on the machine of the service."""


@projects.command("create")
@takes_name
@click.option("--queued-jobs", type=click.IntRange(0), help="Queued jobs at most; default: no limit.")
@click.option("--running-jobs", type=click.IntRange(0), help="Jobs that run at the same time, at most.")
@click.option("--stored-bytes", type=click.IntRange(0), help="Bytes of the datasets and versions, at most.")
@click.option("--training-seconds-per-day", type=click.IntRange(0), help="Seconds of training in 24 hours, at most.")
def create_project(name: str, **quotas: int | None) -> None:
    """Create a project."""
    from service.operations.access import projects

    with _opened() as context:
        projects.create(context, name, quotas)
    click.echo(f"created {name}")


@projects.command("list")
def list_projects() -> None:
    """List the projects with what they use of their quotas: `3 / 10`, or `3` without a quota."""
    from service.commands.output import print_table
    from service.operations.access import projects
    from service.storage.documents import QUOTAS
    from service.storage.paging import read_all

    with _opened(to_read=True) as context:
        found = list(read_all(lambda query: projects.list_page(context, query)))
    print_table(
        ("name", *(name.replace("_", " ") for name in QUOTAS)),
        [(view.project.name, *(_describe_use(view, name) for name in QUOTAS)) for view in found],
    )


def _describe_use(view: "ProjectView", quota: str) -> str:
    used, limit = getattr(view.usage, quota), getattr(view.project.quotas, quota)
    return f"{used:,}" if limit is None else f"{used:,} / {limit:,}"


@projects.command("delete")
@click.argument("name")
def delete_project(name: str) -> None:
    """Delete a project that holds nothing."""
    from service.operations.access import projects

    with _opened() as context:
        projects.delete(context, name)
    click.echo(f"deleted {name}")


@contextmanager
def _opened(*, to_read: bool = False) -> Iterator["Context"]:
    """The service's database, migrated first unless it is only read. What is refused is reported in one line."""
    from service.context import Context
    from service.storage.database import check_migrated, migrate

    settings = prepare("administration")
    with one_line_for_failures():
        if to_read:
            check_migrated(settings.database_url)
        else:
            migrate(settings.database_url, settings.start_seconds)
    context = Context.from_settings(settings)
    with closing(context.database), refusing(ServiceError):
        yield context
