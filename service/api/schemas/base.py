"""What all schemas have in common."""

import marshmallow

from service.api.faults import UNKNOWN


class Schema(marshmallow.Schema):
    """Members in the order in which they are declared; unknown ones are faults."""

    error_messages = {"unknown": UNKNOWN, "type": "must be an object"}  # noqa: RUF012
