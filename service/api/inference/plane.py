"""The path of every prediction in every protocol: open → read → compute → write. Doesn't import Flask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from models.allowance import Allowance
from models.jobs.variant import VARIANT_TYPES
from service.api.http.replies import Reply
from service.operations.inference.predictions import Loaded, PredictionService

VARIANT = "variant"
"""The name of the variant in queries, parameters and responses."""


class InferenceRequest(NamedTuple):
    """A prediction request before a dialect has parsed it."""

    wanted: Any
    """A Wanted, or what else the dialect opens."""
    body: bytes
    """The body, decompressed and checked against the size limit."""
    headers: Mapping[str, str]
    """The headers by lower-case name."""
    query: Mapping[str, Sequence[str]]
    """The values of each query parameter, in order."""
    allowance: Allowance
    document: Any = None
    """What `aim` has parsed of the body, for `read`."""


@dataclass(slots=True)
class Work:
    """A parsed request. Each dialect adds what its response needs."""

    inputs: dict[str, np.ndarray]
    """The network's inputs: preprocessed, float32, shape (rows, …)."""


W = TypeVar("W", bound=Work)


class Dialect(Protocol[W]):
    """How a protocol's requests are read and its responses written. The constructor takes the maximum depth of JSON."""

    def aim(self, request: InferenceRequest, *, quickly: bool) -> InferenceRequest | None:
        """The request with the variant that its query or its body names as part of `wanted`. What is invalid is left to
        `read`. With `quickly`, None if that takes long, because a large body must be parsed."""

    def open(self, service: PredictionService, wanted: Any) -> Loaded:
        """The wanted version, loaded. Raises the protocol's own errors if it doesn't exist."""

    def read(self, request: InferenceRequest, loaded: Loaded) -> W:
        """Parse and preprocess a request. Raises ServiceError or ModelsError if the request is invalid.

        Raises Excessive and TookTooLong if it exceeds its allowance.
        """

    def write(self, work: W, loaded: Loaded, outputs: np.ndarray, allowance: Allowance) -> Reply:
        """The response with the network's raw outputs (float32, shape (rows, …)).

        Raises TookTooLong, and AnswerTooLarge if it exceeds `answer_bytes`.
        """


def find_type(given: Any) -> str | None:
    """The type of variant that a client has given; None if there is no such type."""
    return given if given in VARIANT_TYPES else None


def answer(dialect: Dialect[W], request: InferenceRequest, loaded: Loaded) -> Reply:
    """The response to a request by the version that `dialect.open` has opened. The caller must hold a permit.

    The version's statistics count the prediction. Raises what the dialect raises, and TookTooLong if the allowance's
    deadline passes.
    """
    allowance = request.allowance
    with loaded.statistics.prediction() as clock:
        work = dialect.read(request, loaded)
        allowance.check_time()
        clock.begin_computing(rows=len(next(iter(work.inputs.values()))))
        outputs = loaded.predictor.network.run(work.inputs, allowance.deadline)
        clock.end_computing()
        allowance.check_time()
        return dialect.write(work, loaded, outputs, allowance)
