"""The `Last-Event-ID` header of server-sent events (HTML standard, section 9.2)."""

import re

from flask import request

from service.api.contract.fields import LARGEST_INTEGER
from service.api.http.errors import InvalidHeader, RequestFault

LAST_EVENT_ID = "Last-Event-ID"


def last_event_id(default: int) -> int:
    """The request's `Last-Event-ID`, or the default if there is none. Raises InvalidHeader."""
    given = request.headers.get(LAST_EVENT_ID)
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", given):
        detail = f"{LAST_EVENT_ID} must be the id of an event, an integer."
        raise InvalidHeader(detail, [RequestFault(detail, header=LAST_EVENT_ID)])
    return min(int(given), LARGEST_INTEGER)
