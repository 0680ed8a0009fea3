"""The prediction endpoints of each protocol."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from service.api.http.links import MODELS, TRAINING_JOBS
from service.api.http.path_names import read_epoch
from service.api.inference.native import Native
from service.api.inference.open_inference import Infer
from service.api.inference.plane import Dialect
from service.api.inference.tensorflow_serving import Classify, Predict, Regress
from service.operations.inference.predictions import Target, Wanted, WantedSnapshot

NAME = r"(?P<name>[^/:\0]+)"
NUMBER = r"/versions/(?P<version>[1-9][0-9]{0,8})"
ANY_NUMBER = r"/versions/(?P<version>[0-9]{1,4000})"
JOB = r"(?P<job>[^/:\0]+)"
SNAPSHOT = r"/snapshots/(?P<epoch>[^/\0]+)"
LABEL = r"/labels/(?P<label>[^/:\0]+)"
MOST_REMEMBERED = 1000


class Endpoint(NamedTuple):
    """A protocol's endpoint for a version, or for the snapshot of a training job."""

    dialect: Dialect[Any]
    wanted: Target


class Endpoints:
    """Finds the prediction endpoint of a path. Not thread-safe."""

    def __init__(self, max_json_depth: int) -> None:
        makers: tuple[tuple[str, Callable[[int], Dialect[Any]]], ...] = (
            (rf"{MODELS}/{NAME}(?:{NUMBER}|{LABEL})?/predictions", Native),
            (rf"{TRAINING_JOBS}/{JOB}{SNAPSHOT}/predictions", Native),
            (rf"{MODELS}/{NAME}(?:{ANY_NUMBER}|{LABEL})?:predict", Predict),
            (rf"{MODELS}/{NAME}(?:{ANY_NUMBER}|{LABEL})?:classify", Classify),
            (rf"{MODELS}/{NAME}(?:{ANY_NUMBER}|{LABEL})?:regress", Regress),
            (rf"/v2/models/{NAME}(?:{ANY_NUMBER})?/infer", Infer),
        )
        self._patterns = [(re.compile(pattern), make(max_json_depth)) for pattern, make in makers]
        self._found: dict[tuple[str, str], Endpoint] = {}

    def find(self, project: str, path: str) -> Endpoint | None:
        """The endpoint of a path in a project; None if the path isn't one."""
        known = self._found.get((project, path))
        if known is not None:
            return known
        found = self._match(project, path)
        if found is not None and len(self._found) < MOST_REMEMBERED:
            self._found[project, path] = found
        return found

    def _match(self, project: str, path: str) -> Endpoint | None:
        for pattern, dialect in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return Endpoint(dialect, _find_target(project, match.groupdict()))
        return None


def _find_target(project: str, parts: dict[str, Any]) -> Target:
    """What the parts of a path name."""
    if "job" in parts:
        return WantedSnapshot(project, parts["job"], read_epoch(parts["epoch"]))
    version = parts["version"]
    return Wanted(project, parts["name"], None if version is None else int(version), parts.get("label"))
