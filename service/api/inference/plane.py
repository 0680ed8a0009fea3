"""The path of every prediction in every protocol: open → read → compute → write. Doesn't import Flask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from service.api.http.replies import Reply
from service.operations.inference.predictions import Loaded, PredictionService, Wanted


@dataclass(frozen=True)
class InferenceRequest:
    """A prediction request before a dialect has parsed it."""

    wanted: Wanted
    body: bytes
    """The body, decompressed and checked against the size limit."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers by lower-case name."""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The values of each query parameter, in order."""


@dataclass(frozen=True)
class Work:
    """A parsed request. Each dialect adds what its response needs."""

    inputs: dict[str, np.ndarray]
    """The network's inputs: preprocessed, float32, shape (rows, …)."""


W = TypeVar("W", bound=Work)


class Dialect(Protocol[W]):
    """How a protocol's requests are read and its responses written. The constructor takes the maximum depth of JSON."""

    def open(self, service: PredictionService, wanted: Wanted) -> Loaded:
        """The wanted version, loaded. Raises the protocol's own errors if it doesn't exist."""

    def read(self, request: InferenceRequest, loaded: Loaded) -> W:
        """Parse and preprocess a request. Raises ServiceError or ModelsError if the request is invalid."""

    def write(self, work: W, loaded: Loaded, outputs: np.ndarray, deadline: float) -> Reply:
        """The response with the network's raw outputs (float32, shape (rows, …)).

        May raise TookTooLong if `deadline` (of the monotonic clock) has passed.
        """


def answer(service: PredictionService, dialect: Dialect[W], request: InferenceRequest, deadline: float) -> Reply:
    """The response to a request. The caller must hold a permit (`service.admit`).

    The version's statistics count the prediction. Raises what the dialect raises, and TookTooLong if `deadline` (of the
    monotonic clock) passes.
    """
    loaded = dialect.open(service, request.wanted)
    with loaded.statistics.prediction() as clock:
        work = dialect.read(request, loaded)
        clock.begin_computing(rows=len(next(iter(work.inputs.values()))))
        outputs = loaded.predictor.network.run(work.inputs, deadline)
        clock.end_computing()
        return dialect.write(work, loaded, outputs, deadline)
