"""The one path of every prediction, whichever protocol asks for it: open → read → compute → write. Knows no Flask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from service.api.http.replies import Reply
from service.operations.inference.predictions import Loaded, PredictionService, Wanted


@dataclass(frozen=True)
class InferenceRequest:
    """What a client asks for, before any dialect has looked at it."""

    wanted: Wanted
    body: bytes
    """Unpacked, and within the bounds."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case names."""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The values of each parameter, in order."""


@dataclass(frozen=True)
class Work:
    """What a dialect has read; each adds what its answer needs."""

    inputs: dict[str, np.ndarray]
    """As the network takes them: preprocessed, float32, rows first."""


W = TypeVar("W", bound=Work)


class Dialect(Protocol[W]):
    """How a protocol asks for predictions, and how it is answered. Made with the levels that JSON may nest."""

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """The version that is wanted, loaded. Raises the protocol's own errors where there is none."""

    def read(self, request: InferenceRequest, loaded: Loaded) -> W:
        """Parse and preprocess a request. Raises ServiceError or ModelsError for what can't be predicted."""

    def write(self, work: W, loaded: Loaded, outputs: np.ndarray, deadline: float) -> Reply:
        """The answer with the network's raw outputs (float32, rows first).

        Raises TookTooLong where it notices that `deadline` (of the monotonic clock) has passed.
        """


def answer(service: PredictionService, dialect: Dialect[W], request: InferenceRequest, deadline: float) -> Reply:
    """What a request is answered; the caller holds its permit (`service.admit`).

    Counted by the version's statistics, and given up at the `deadline`, a moment of the monotonic clock.
    Raises what the dialect raises, and TookTooLong.
    """
    loaded = dialect.open(service, request.wanted)
    with loaded.statistics.prediction() as clock:
        work = dialect.read(request, loaded)
        clock.begin_computing(rows=len(next(iter(work.inputs.values()))))
        outputs = loaded.predictor.network.run(work.inputs, deadline)
        clock.end_computing()
        return dialect.write(work, loaded, outputs, deadline)
