"""The English texts of the dashboard: a file for each page in the folder `texts`, and `common.toml` for all."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
COMMON = "common"


class MissingText(KeyError):
    """A page uses a text that its file doesn't have."""


class Texts:
    """The texts of a page by their keys: `t.key` in templates. It has no other attributes, which would hide texts."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._texts = read_file(COMMON) | read_file(page)

    def __getitem__(self, key: str) -> str:
        try:
            return self._texts[key]
        except KeyError:
            raise MissingText(f"texts/{self._page}.toml has no `{key}`") from None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """All keys and texts, for the modules of the page."""
        return iter(self._texts.items())


@cache
def texts_of(page: str) -> Texts:
    """The texts of a page, with those of all pages."""
    return Texts(page)


@cache
def read_file(name: str) -> dict[str, str]:
    """The texts of a file, by their keys."""
    found: dict[str, str] = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return found
