"""A prediction's response, before the front sends it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from service.api.http.media_types import JSON


class Reply(NamedTuple):
    """The body of a response with status 200, its media type and its headers by lower-case name."""

    content: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})
