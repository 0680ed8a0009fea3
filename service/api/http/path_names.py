"""The path parameters: version numbers, and names that clients choose."""

import re

from marshmallow import ValidationError
from werkzeug.routing import BaseConverter, Map, UnicodeConverter
from werkzeug.routing import ValidationError as NoMatch

from service.api.contract.fields import check_name
from service.api.http.errors import RequestFault
from service.errors import InvalidRequest

EPOCH = re.compile("[1-9][0-9]{0,8}")


class NameConverter(UnicodeConverter):
    """A name that a client chose. It has no U+0000, which not every database can search for, and no colon, which
    precedes the verb in TensorFlow Serving's paths."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_)
        self.regex = "[^/:]{1,}"

    def to_python(self, value: str) -> str:
        if "\0" in value:
            raise NoMatch
        return value


class NumberConverter(BaseConverter):
    """The number of a version; the route doesn't match anything else."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        return int(value)


class KeyIdConverter(BaseConverter):
    """The id of an API key; the route doesn't match anything else, such as `current`."""

    regex = "[0-9a-f]{24}"


class EpochConverter(BaseConverter):
    """The number of an epoch, or the name of a snapshot."""

    def to_python(self, value: str) -> int | str:
        return read_epoch(value)


def read_epoch(value: str) -> int | str:
    """The number of an epoch; anything else as it is, so that the response can say that no snapshot has this name."""
    return int(value) if EPOCH.fullmatch(value) else value


def require_name(parameter: str, value: str) -> None:
    """Raise InvalidRequest if the name in the path isn't one that clients may choose."""
    try:
        check_name(value)
    except ValidationError as error:
        raise InvalidRequest(RequestFault(f'"{parameter}" {error.messages[0]}.', parameter=parameter)) from None
