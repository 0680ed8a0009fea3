"""The context of tests without keys, which make everything in the project `default`."""

from service.callers import DEFAULT_PROJECT
from service.config import Settings
from service.context import Context


def default_context(settings: Settings) -> Context:
    """A context whose operations see and make only what belongs to the project `default`."""
    return Context.from_settings(settings).in_project(DEFAULT_PROJECT)
