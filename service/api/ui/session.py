"""The pages that ask for an API key, and show which one the browser uses."""

from typing import Any

from flask import Response, request

from service.api.contract.schemas.access import CurrentKeySchema
from service.api.http.browser_session import KEY_COOKIE, PROJECT_COOKIE
from service.api.http.links import PREFIX
from service.api.http.state import caller, service_context
from service.api.ui.blueprint import SIGN_IN, go_to, page, page_blueprint, show
from service.callers import DEFAULT_PROJECT, Scope
from service.errors import ScopeMissing, Unauthenticated
from service.operations.access import keys, projects
from service.operations.access.key_ring import Credentials, KeyRing, UnknownProject
from service.storage.paging import PageQuery

HOME = "/ui"
MOST_PROJECTS = 100

blueprint = page_blueprint(__name__)


@blueprint.get(SIGN_IN)
def ask() -> Response:
    """The form for a key."""
    if caller().key_id is None and caller().may(Scope.READ):
        return go_to(_next(request.args))
    return show("sign-in.html", "session", next=_next(request.args), fault=None)


@blueprint.post(SIGN_IN)
def sign_in() -> Response:
    """Check the key, and keep it in a cookie until the browser ends."""
    key = request.form.get("key", "").strip()
    try:
        found = KeyRing(service_context()).look_up(Credentials(key or None))
    except Unauthenticated as error:
        return show("sign-in.html", "session", 401, next=_next(request.form), fault=error.detail)
    if not found.may(Scope.READ):
        return show("sign-in.html", "session", 403, next=_next(request.form), fault=None, scopes=sorted(found.scopes))
    response = go_to(_next(request.form))
    _keep(response, KEY_COOKIE, key)
    _forget(response, PROJECT_COOKIE)
    return response


@blueprint.post("/ui/sign-out")
def sign_out() -> Response:
    """Forget the key."""
    response = go_to(SIGN_IN)
    _forget(response, KEY_COOKIE)
    _forget(response, PROJECT_COOKIE)
    return response


@page(blueprint, "/key")
def show_key() -> Response:
    """What the browser's key allows, and the project in which it acts."""
    return _show_key()


@blueprint.post("/ui/project")
def change_project() -> Response:
    """Act in another project, as an administrator."""
    project = request.form.get("project", "").strip()
    key = request.cookies.get(KEY_COOKIE)
    try:
        KeyRing(service_context()).look_up(Credentials(key, project or None))
    except (Unauthenticated, ScopeMissing, UnknownProject) as error:
        return _show_key(403, error.detail)
    response = go_to(HOME)
    _keep(response, PROJECT_COOKIE, project or DEFAULT_PROJECT)
    return response


def _show_key(status: int = 200, fault: str | None = None) -> Response:
    key = CurrentKeySchema().dump(keys.current(service_context(), caller()))
    known = projects.list_page(service_context(), PageQuery(MOST_PROJECTS)).items if caller().may(Scope.ADMIN) else ()
    return show(
        "key.html", "session", status, key=key, projects=[found.project.name for found in known], fault=fault
    )  # fmt: skip


def _next(given: Any) -> str:
    """The page of the dashboard to show afterwards."""
    wanted: str = given.get("next", HOME)
    return wanted if wanted == HOME or wanted.startswith(f"{HOME}/") else HOME


def _keep(response: Response, name: str, value: str) -> None:
    path = PREFIX.get() or "/"
    response.set_cookie(name, value, path=path, secure=request.is_secure, httponly=True, samesite="Lax")


def _forget(response: Response, name: str) -> None:
    path = PREFIX.get() or "/"
    response.delete_cookie(name, path=path, secure=request.is_secure, httponly=True, samesite="Lax")
