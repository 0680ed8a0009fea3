"""A prediction's response, independent of Flask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Response

from service.api.http.media_types import JSON


@dataclass(frozen=True)
class Reply:
    """The body of a response with status 200, its media type and its headers."""

    content: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_response(self) -> Response:
        return Response(self.content, mimetype=self.media_type, headers=dict(self.headers))
