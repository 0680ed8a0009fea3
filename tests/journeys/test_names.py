"""Modules that run on the shared service name their datasets and models differently: which of them meet on one service
depends on how the tests are distributed."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.journeys import specs
from tests.running_service import ROOT

FOLDERS = [ROOT / "tests" / name for name in ("journeys", "ui")]


def names_in(tree: ast.Module) -> Iterator[str]:
    """The names that a module gives: in documents, to what `named` copies, and with what it posts of `specs`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("named"), args=[_, ast.Constant(str(name)), *_]):
                yield name
            case ast.Call(args=[ast.Constant("/v1/datasets" | "/v1/models"), ast.Name(spec), *_]) if hasattr(
                specs, spec
            ):
                yield getattr(specs, spec)["name"]
            case ast.Dict(keys=keys, values=values):
                found = {
                    key.value: value for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)
                }
                given = found.get("name")
                if found.keys() & {"source", "task"} and isinstance(given, ast.Constant):
                    yield str(given.value)


def uses_shared_service(tree: ast.Module) -> bool:
    """Whether a module starts no service of its own."""
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    takes = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return "running_service" not in imported and bool({"service", "client"} & takes)


def test_no_two_modules_on_the_shared_service_give_the_same_name() -> None:
    modules: dict[str, set[str]] = defaultdict(set)
    for path in (path for folder in FOLDERS for path in folder.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        for name in names_in(tree) if uses_shared_service(tree) else ():
            modules[name].add(str(path.relative_to(ROOT)))
    assert modules
    assert {name: sorted(users) for name, users in modules.items() if len(users) > 1} == {}
