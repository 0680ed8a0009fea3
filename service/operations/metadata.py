"""The `metadata` of resources: texts by key, which clients set."""

from models.errors import Fault
from service.errors import InvalidRequest

MOST_KEYS = 16
LONGEST_KEY = 64
LONGEST_VALUE = 512

Metadata = dict[str, str]


def merge(current: Metadata, changes: dict[str, str | None] | None) -> Metadata:
    """The metadata after a merge patch (RFC 7396), in which null removes a key, or all of them.

    Raises InvalidRequest if the result has more than MOST_KEYS keys.
    """
    if changes is None:
        return {}
    merged = {key: value for key, value in (current | changes).items() if value is not None}
    if len(merged) > MOST_KEYS:
        detail = f'"metadata" must have at most {MOST_KEYS} keys; with these changes it would have {len(merged)}.'
        raise InvalidRequest(Fault(detail, pointer="#/metadata"))
    return merged
