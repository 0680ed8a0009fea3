"""The scripts and styles of the dashboard."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from service.api.http.links import public

FOLDER = Path(__file__).parents[1] / "static" / "ui"
YEAR = 365 * 24 * 3600

blueprint = Blueprint("ui_assets", __name__)


@cache
def _digest() -> str:
    """A name for the files as they are now. It is part of their URLs, so that browsers keep them until they change."""
    found = hashlib.sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        found.update(str(path.relative_to(FOLDER)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def asset(name: str) -> str:
    """The URL of a file. Modules import one another by relative URLs, which keep the name of the version."""
    return public(f"/ui/assets/{_digest()}/{name}")


@blueprint.get("/ui/assets/<digest>/<path:name>")
def send_asset(digest: str, name: str) -> Response:
    """A file of the dashboard; of an earlier version of the service, it is the current one, which isn't kept."""
    is_current = digest == _digest()
    response = send_from_directory(FOLDER, name, max_age=YEAR if is_current else 0)
    response.cache_control.public = True
    response.cache_control.immutable = is_current
    return response
