"""Files of JavaScript libraries that the dashboard serves unchanged, in the folder `vendor`, with their digests."""

import tomllib
from functools import cache

from service.api.ui.assets import FOLDER

VENDOR = FOLDER / "vendor"
NOTE = "vendored.toml"
"""In the folder of each library: its `version`, `source` and `licence`, and the `integrity` of its files."""


@cache
def integrity(library: str, file: str) -> str:
    """The digest of a file, as browsers check it (Subresource Integrity): `sha384-…`."""
    note = tomllib.loads((VENDOR / library / NOTE).read_text(encoding="utf-8"))
    found: str = note["integrity"][file]
    return found
