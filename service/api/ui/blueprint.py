"""What all pages of the dashboard share: who may see them, how they are rendered, and how they show errors."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from orjson import dumps

from service import __version__
from service.api.http.links import public
from service.api.http.media_types import HTML
from service.api.http.problems import answer_error
from service.api.http.state import caller, request_id
from service.api.ui import formatting
from service.api.ui.assets import asset
from service.api.ui.texts import texts_of
from service.api.ui.vendored import integrity
from service.callers import Scope

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; connect-src 'self'; "
    "img-src 'self' data: blob:; script-src 'self'; style-src 'self'"
)
"""Scripts and styles come from files of the service alone."""
SIGN_IN = "/ui/sign-in"

MOST_DIGITS = 9

Handler = Callable[..., Response]
Default = TypeVar("Default", int, None)


def page_blueprint(name: str) -> Blueprint:
    """The blueprint of a page's module. Its errors are shown as pages."""
    blueprint = Blueprint(f"ui_{name.rpartition('.')[2]}", name)
    blueprint.register_error_handler(Exception, _show_error)
    return blueprint


def page(blueprint: Blueprint, path: str, needs: Scope = Scope.READ) -> Callable[[Handler], Handler]:
    """Make a function the page at `/ui` and `path`. Callers without the scope are asked for a key first."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def guarded(*args: Any, **kwargs: Any) -> Response:
            if not caller().may(needs):
                return ask_for_key()
            return handler(*args, **kwargs)

        return blueprint.get(f"/ui{path}")(guarded)

    return decorate


def ask_for_key() -> Response:
    """A redirect to the page that asks for an API key, and from there back to this one."""
    wanted = request.full_path.rstrip("?")
    return go_to(f"{SIGN_IN}?{formatting.query(next=wanted)}")


def go_to(path: str) -> Response:
    """A redirect to a page of the service, after a form or instead of another page."""
    return Response(status=303, headers={"Location": public(path)})


def show(template: str, texts: str, status: int = 200, **values: Any) -> Response:
    """A page from a template in `templates/ui`, with the texts of the file `texts/TEXTS.toml`."""
    content = render_template(
        f"ui/{template}",
        t=texts_of(texts),
        public=public,
        asset=asset,
        integrity=integrity,
        embed=embed,
        caller=caller(),
        version=__version__,
        here=request.path,
        **{name: getattr(formatting, name) for name in formatting.__all__},
        **values,
    )
    response = Response(content, status, mimetype=HTML)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store" if status >= 400 else "private, no-cache"
    response.vary.add("Cookie")
    return response


def whole_number(name: str, default: Default) -> int | Default:
    """A whole number of the query; the default for anything else, since a page has no faults to report."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else default


def embed(name: str, value: Any) -> Markup:
    """Data for the modules of a page, in an element with the id `name` that runs nothing."""
    # `<` can't end the element, or begin a comment, when it is escaped.
    content = dumps(value).decode().replace("<", "\\u003c")
    return Markup(f'<script type="application/json" id="{name}">{content}</script>')


def _show_error(error: Exception) -> Response:
    answer = answer_error(error, request.path, request_id())
    response = show("error.html", "common", answer.status, problem=answer.document)
    response.headers.update(answer.headers)
    return response
