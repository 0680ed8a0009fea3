"""The texts of the dashboard: every one that is used exists, and every one that exists is used."""

import re
from pathlib import Path

import pytest

import service.api
from service.api.ui.texts import COMMON, FOLDER, MissingText, read_file, texts_of
from service.api.ui.vendored import VENDOR

API = Path(service.api.__file__).parent
USES = (
    re.compile(r"\bt\.(\w+)"),
    re.compile(r"\bt\[\"([\w-]+)(\"\s*~)?"),
    re.compile(r"\btext\(\s*[\"`]([\w-]+)(\$\{)?"),
    re.compile(r"texts_of\([^)]*\)\[f?\"([\w-]+)(\{)?"),
)
PAGES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def used() -> tuple[set[str], set[str]]:
    """The keys that templates, modules and views use, and the beginnings of those that they compose."""
    whole: set[str] = set()
    beginnings: set[str] = set()
    files = [*API.glob("templates/ui/**/*.html"), *API.glob("static/ui/**/*.js"), *API.glob("ui/*.py")]
    for file in (file for file in files if VENDOR not in file.parents):
        for match in (match for use in USES for match in use.finditer(file.read_text())):
            (beginnings if match.lastindex == 2 else whole).add(match[1])
    return whole, beginnings


def test_every_text_is_used_and_no_text_is_missing() -> None:
    whole, beginnings = used()
    existing = {key for page in PAGES for key in read_file(page)}
    assert whole - existing == set()
    unused = {key for key in existing - whole if not key.startswith(tuple(beginnings))}
    assert unused == set()


def test_no_page_renames_a_text_of_all_pages() -> None:
    for page in PAGES:
        if page != COMMON:
            assert read_file(page).keys() & read_file(COMMON).keys() == set(), page


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(MissingText, match=r"texts/session\.toml has no `nothing`"):
        texts_of("session")["nothing"]
