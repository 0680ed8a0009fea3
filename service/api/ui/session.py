"""The pages that ask for an API key, and show which one the browser uses."""

from typing import Any

from flask import Response, request

from service.api.contract.schemas.access import CurrentKeySchema
from service.api.http.browser_session import COOKIE, NO_SESSION, BrowserSession, read_session
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
    following = _next(request.args)
    refused = sorted(caller().scopes) if caller().may(Scope.READ) and following != HOME else None
    return show("sign-in.html", "session", next=following, fault=None, refused=refused)


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
    return _keep(go_to(_next(request.form)), BrowserSession(key, None))


@blueprint.post("/ui/sign-out")
def sign_out() -> Response:
    """Forget the key."""
    return _keep(go_to(SIGN_IN), NO_SESSION)


@page(blueprint, "/key")
def show_key() -> Response:
    """What the browser's key allows, and the project in which it acts."""
    return _show_key()


@blueprint.post("/ui/project")
def change_project() -> Response:
    """Act in another project, as an administrator."""
    project = request.form.get("project", "").strip()
    session = read_session("GET", {"cookie": request.headers.get("Cookie", "")})._replace(project=project or None)
    try:
        KeyRing(service_context()).look_up(Credentials(*session))
    except (Unauthenticated, ScopeMissing, UnknownProject) as error:
        return _show_key(403, error.detail)
    return _keep(go_to(HOME), session)


def _show_key(status: int = 200, fault: str | None = None) -> Response:
    key = CurrentKeySchema().dump(keys.current(service_context(), caller()))
    known = [DEFAULT_PROJECT]
    if caller().may(Scope.ADMIN):
        known += [found.project.name for found in projects.list_page(service_context(), PageQuery(MOST_PROJECTS)).items]
    return show("key.html", "session", status, key=key, projects=sorted(set(known)), fault=fault)


def _next(given: Any) -> str:
    """The page of the dashboard to show afterwards."""
    wanted: str = given.get("next", HOME)
    is_page = wanted.startswith(f"{HOME}/") and wanted.isprintable()  # a header holds no line breaks
    return wanted if is_page else HOME


def _keep(response: Response, session: BrowserSession) -> Response:
    """The response, with which the browser keeps a session until it ends, or forgets it."""
    options: dict[str, Any] = {
        "path": PREFIX.get() or "/",
        "secure": request.is_secure,
        "httponly": True,
        "samesite": "Lax",
    }
    if session == NO_SESSION:
        response.delete_cookie(COOKIE, **options)
    else:
        response.set_cookie(COOKIE, session.to_cookie(), **options)
    return response
