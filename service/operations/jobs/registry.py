"""All kinds of jobs by name. Each module of `kinds` defines one as `KIND`."""

import importlib
import pkgutil

from service.operations.jobs import kinds
from service.operations.jobs.kind import Kind
from service.storage.records import Job


def _find_kinds() -> dict[str, Kind]:
    modules = [
        importlib.import_module(f"{kinds.__name__}.{found.name}") for found in pkgutil.iter_modules(kinds.__path__)
    ]
    found: list[Kind] = [module.KIND for module in modules]
    by_name, by_prefix = ({getattr(kind, key): kind for kind in found} for key in ("name", "prefix"))
    assert len(by_name) == len(by_prefix) == len(found), "Two kinds share a name or a prefix."
    return by_name


KINDS = _find_kinds()


def kind_of(job: Job) -> Kind:
    return KINDS[job.kind]


def names(*, from_clients: bool) -> tuple[str, ...]:
    """The names of the kinds whose jobs clients create, or of those whose jobs the service creates."""
    return tuple(kind.name for kind in KINDS.values() if kind.from_clients is from_clients)
