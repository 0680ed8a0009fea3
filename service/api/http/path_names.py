"""What stands in paths: numbers of versions, and names that a client chooses by writing to them."""

from marshmallow import ValidationError
from werkzeug.routing import BaseConverter, Map, UnicodeConverter
from werkzeug.routing import ValidationError as NoMatch

from service.api.contract.fields import check_name
from service.api.http.errors import RequestFault
from service.errors import InvalidRequest


class NameConverter(UnicodeConverter):
    """What a client may have named; nothing has a name with U+0000, which not every database can look for, or with a
    colon, behind which TensorFlow Serving's paths have a verb."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_)
        self.regex = "[^/:]{1,}"

    def to_python(self, value: str) -> str:
        if "\0" in value:
            raise NoMatch
        return value


class NumberConverter(BaseConverter):
    """The number of a version; anything else is no such version."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        return int(value)


def require_name(parameter: str, value: str) -> None:
    """Raise InvalidRequest unless a client may choose the name that the path gives."""
    try:
        check_name(value)
    except ValidationError as error:
        raise InvalidRequest(RequestFault(f'"{parameter}" {error.messages[0]}.', parameter=parameter)) from None
