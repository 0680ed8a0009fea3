"""`/v1/projects`."""

from typing import Any

from service.api.contract.blueprint import Blueprint, created
from service.api.contract.schemas.access import (
    CreateProjectSchema,
    ProjectChangesSchema,
    ProjectListQuery,
    ProjectSchema,
)
from service.api.http.idempotency import current_claim
from service.api.http.links import PROJECTS, project_url
from service.api.http.state import service_context
from service.operations.access import projects
from service.operations.access.projects import ProjectView
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("projects", __name__, description="Isolated groups of resources.")


@blueprint.post(PROJECTS)
@blueprint.creates(ProjectSchema)
@blueprint.arguments(CreateProjectSchema)
def create_project(document: dict[str, Any]) -> Any:
    """Create a project.

    Its keys see only what belongs to it. Names of datasets and models are unique within a project.
    """
    made = projects.create(service_context(), document["name"], document["quotas"], current_claim())
    return created(made, project_url(made.project.name), finished=True)


@blueprint.get(PROJECTS)
@blueprint.lists(ProjectSchema)
@blueprint.query(ProjectListQuery)
def list_projects(query: PageQuery) -> Page[ProjectView]:
    """List projects.

    Newest first by default. The project `default` always exists.
    """
    return projects.list_page(service_context(), query)


@blueprint.get(f"{PROJECTS}/<name>")
@blueprint.resource(ProjectSchema)
def get_project(name: str) -> ProjectView:
    """Get a project.

    The response has the project's quotas and its usage of them.
    """
    return projects.get(service_context(), name)


@blueprint.patch(f"{PROJECTS}/<name>")
@blueprint.resource(ProjectSchema)
@blueprint.arguments(ProjectChangesSchema)
def change_project(changes: dict[str, Any], name: str) -> ProjectView:
    """Change a project's quotas.

    The body is a merge patch (RFC 7396): omitted quotas stay, null removes one.
    """
    return projects.change(service_context(), name, changes["quotas"])


@blueprint.delete(f"{PROJECTS}/<name>")
@blueprint.deletes
def delete_project(name: str) -> None:
    """Delete a project.

    If it still holds a dataset, a model, a job or a valid key, the response is 409.
    """
    projects.delete(service_context(), name)
