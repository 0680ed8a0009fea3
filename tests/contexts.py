"""Contexts of tests, each with a database of its own."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from service.callers import DEFAULT_PROJECT
from service.config import Settings
from service.context import Context
from service.storage.database import make_engine


def default_context(settings: Settings) -> Context:
    """The context of tests without keys: its operations see and make only what belongs to the project `default`."""
    return make_context(settings).in_project(DEFAULT_PROJECT)


def make_context(settings: Settings) -> Context:
    """What `Context.from_settings` makes. On SQLite it uses the statements that earlier tests have compiled.

    Compiling them for each test's engine took a quarter of the time of the tests of the api. A compiled statement
    depends on the dialect alone, which is the same for all SQLite files.
    """
    context = Context.from_settings(settings)
    engine = context.database.engine
    if engine.dialect.name == "sqlite":
        engine.dialect, compiled = _sqlite_statements()
        engine.update_execution_options(compiled_cache=compiled)
    return context


class _Compiled(dict[Any, Any]):
    """Compiled statements by what they are compiled from. Logged tracebacks show the variables of SQLAlchemy, and would
    show all of them."""

    def __repr__(self) -> str:
        return f"<{len(self)} compiled statements>"


@cache
def _sqlite_statements() -> tuple[Any, _Compiled]:
    """The dialect of an engine that was connected, and an empty cache of statements that are compiled for it."""
    with TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'any.db'}")
        with engine.connect():
            pass
        engine.dispose()
    return engine.dialect, _Compiled()
