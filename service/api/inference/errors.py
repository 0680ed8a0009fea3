"""The errors of both dialects: `{"error": text}`, with fewer statuses than Fitserve's own routes."""

from collections.abc import Sequence

from models.errors import Fault
from service.api.http.dialect_paths import OWN_ERRORS
from service.errors import ServiceError

STATUSES = (400, 401, 403, 404, 405, 408, 413, 421, 429)
"""The statuses of client errors. All others become 400."""


class InvalidInference(ServiceError):
    """The request is invalid for the protocol or for the model's tensors."""

    code = "bad-request"


def speaks_dialect(path: str) -> bool:
    """Whether errors of this path have the dialects' form."""
    return OWN_ERRORS.fullmatch(path) is not None


def dialect_status(status: int) -> int:
    """The dialects' status for an error that has `status` on Fitserve's own routes."""
    return status if status >= 500 or status in STATUSES else 400


def dialect_text(detail: str, faults: Sequence[Fault]) -> str:
    """The text of an error: the details of the first five faults, or `detail` if there are none."""
    return " ".join(fault.detail for fault in faults[:5]) or detail
