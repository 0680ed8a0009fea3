"""Projects: creating, changing and deleting them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.callers import DEFAULT_PROJECT
from service.context import Context
from service.errors import InUse, NotFound
from service.operations import idempotency
from service.operations.access import quotas
from service.operations.access.quotas import Usage
from service.operations.idempotency import Claim
from service.operations.jobs import registry
from service.storage import api_keys, jobs, projects
from service.storage.database import Session
from service.storage.documents import Quotas
from service.storage.paging import Page, PageQuery
from service.storage.records import Project
from service.storage.unit_of_work import wake_workers

MOST_HINTS = 100
"""The jobs of which workers are told when a project may run more of them. Those that end tell of further ones."""


@dataclass(frozen=True)
class ProjectView:
    """A project, and what it uses of its quotas."""

    project: Project
    usage: Usage


def _view(session: Session, *found: Project) -> list[ProjectView]:
    used = quotas.measure(session, [project.name for project in found], registry.KINDS.values())
    return [ProjectView(project, used[project.name]) for project in found]


def exists(session: Session, name: str, *, lock: bool = False) -> bool:
    """Whether a project exists. `lock` keeps it from being deleted until the transaction ends."""
    return name == DEFAULT_PROJECT or projects.find(session, name, lock=lock) is not None


def create(context: Context, name: str, limits: dict[str, Any], claim: Claim | None = None) -> ProjectView:
    """Raises NameTaken."""
    with context.database.write() as session:
        project = projects.add(session, name, Quotas(**limits))
        idempotency.record_resource(session, claim, name)
        return _view(session, project)[0]


def find(session: Session, name: str, *, lock: bool = False) -> Project:
    """The project of that name. Raises NotFound."""
    project = projects.find(session, name, lock=lock)
    if project is None:
        raise NotFound(f'There is no project "{name}".')
    return project


def get(context: Context, name: str) -> ProjectView:
    """Raises NotFound."""
    with context.database.read() as session:
        return _view(session, find(session, name))[0]


def list_page(context: Context, query: PageQuery) -> Page[ProjectView]:
    with context.database.read() as session:
        page = projects.page(session, query)
        return Page(_view(session, *page.items), page.next_cursor)


def change(context: Context, name: str, limits: dict[str, Any]) -> ProjectView:
    """Set those quotas that are given. Raises NotFound."""
    with context.database.write() as session:
        project = find(session, name, lock=True)
        project.quotas = replace(project.quotas, **limits)
        # More of them may run now.
        wake_workers(session, *jobs.queued_in_project(session, name, MOST_HINTS))
        return _view(session, project)[0]


def delete(context: Context, name: str) -> None:
    """Delete a project that holds nothing. Raises NotFound, InUse."""
    if name == DEFAULT_PROJECT:
        raise InUse(f'The project "{name}" can\'t be deleted: it is used without keys.')
    with context.database.write() as session:
        project = find(session, name, lock=True)
        key = api_keys.usable_of(session, name, datetime.now(UTC))
        held = projects.held_by(session, name, registry.names(from_clients=True))
        if held is not None:
            raise InUse(f'The project "{name}" still holds at least one {held}. Delete all that it holds first.')
        if key is not None:
            raise InUse(f'The API key "{key}" belongs to the project "{name}". Revoke it first.')
        session.delete(project)
