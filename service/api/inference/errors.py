"""Errors as both dialects have them: `{"error": text}`, with fewer statuses than Fitserve's own routes."""

from collections.abc import Sequence

from models.errors import Fault
from service.api.http.dialect_paths import OWN_ERRORS
from service.errors import ServiceError

STATUSES = (400, 403, 404, 405, 408, 413, 421)
"""Of the client's errors; any other is a 400."""


class InvalidInference(ServiceError):
    """The body asks for something that the protocol, or the model's tensors, don't allow."""

    code = "bad-request"


def speaks_dialect(path: str) -> bool:
    """Whether errors of a path have the dialects' form."""
    return OWN_ERRORS.fullmatch(path) is not None


def dialect_status(status: int) -> int:
    """The status by which a dialect answers what a problem of Fitserve's own routes answers with `status`."""
    return status if status >= 500 or status in STATUSES else 400


def dialect_text(detail: str, faults: Sequence[Fault]) -> str:
    """The text of an error: what is wrong with the first five rows, or the detail where no row is at fault."""
    return " ".join(fault.detail for fault in faults[:5]) or detail
