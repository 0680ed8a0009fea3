"""Python runs this at the start of each of the service's processes, because this folder is first in PYTHONPATH.

It wraps the functions of MOMENTS once their modules are imported. A wrapper kills its process with SIGKILL if its
moment is armed; removing the file that arms it makes sure that only one process dies.
"""

import functools
import importlib.abc
import importlib.machinery
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from moments import FOLDER_VARIABLE, MOMENTS, Moment  # type: ignore[import-not-found]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of MOMENTS like the other finders, and wraps their functions after they were executed."""

    def find_spec(
        self, name: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in {moment.module for moment in MOMENTS.values()}:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_wrap(module: ModuleType) -> None:
                execute(module)
                for label, moment in MOMENTS.items():
                    if moment.module == name:
                        _wrap(module, label, moment)

            spec.loader.exec_module = execute_and_wrap  # type: ignore[method-assign]
        return spec


def _wrap(module: ModuleType, label: str, moment: Moment) -> None:
    *owners, name = moment.function.split(".")
    owner = functools.reduce(getattr, owners, module)
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if moment.when == "before":
            _die_if_armed(label, moment)
        result = function(*arguments, **options)
        if moment.when == "after":
            _die_if_armed(label, moment)
        return result

    setattr(owner, name, wrapped)


def _die_if_armed(label: str, moment: Moment) -> None:
    if sys.argv[-1] != moment.part:
        return
    try:
        (Path(os.environ[FOLDER_VARIABLE]) / label).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


sys.meta_path.insert(0, _Finder())
