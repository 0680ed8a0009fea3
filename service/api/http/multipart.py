"""Reads forms with files (`multipart/form-data`, RFC 7578) in chunks and writes the files directly to disk."""

from dataclasses import dataclass
from typing import IO, Any, cast

from flask import Flask, Request, g
from marshmallow import Schema, fields
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from models.errors import Fault
from models.values.pointers import pointer_to
from service.api.contract.fields import UploadedFiles
from service.api.http.bodies import content_encoding, refuse_other_types
from service.api.http.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from service.api.http.json_documents import parse_json
from service.api.http.media_types import FORM
from service.api.http.state import allowance, context
from service.errors import InvalidRequest
from service.operations.catalog.uploads import IncomingFile, ReceivedFile, Reception

MOST_PARTS = 64
LONGEST_FIELD = 1024**2
"""Bytes of a field that is not a file."""
PIECE = 256 * 1024
JSON_BEGINS = ("[", "{", '"')
"""If the only value of a list field begins with one of these, it is JSON; otherwise it is the list's only item."""


@dataclass(frozen=True)
class Form:
    """A form as the client sent it: the text values of each field, and the files, which are on disk."""

    fields: dict[str, list[str]]
    files: dict[str, list[ReceivedFile]]

    def fingerprint(self) -> dict[str, Any]:
        """A value that is equal for equal forms."""
        digests = {name: [file.sha256 for file in files] for name, files in self.files.items()}
        return {
            "fields": self.fields,
            "files": {name: found[0] if len(found) == 1 else found for name, found in digests.items()},
        }

    def to_document(self, schema: Schema) -> dict[str, Any]:
        """Convert the form to the document that a schema loads. Objects are sent as JSON, lists as JSON or by item.

        Raises InvalidRequest.
        """
        document: dict[str, Any] = {}
        faults = []
        for name, files in self.files.items():
            several = isinstance(schema.fields.get(name), UploadedFiles)
            if len(files) > 1 and not several:
                faults.append(_duplicate_fault(name, len(files)))
            document[name] = files if several else files[0]
        for name, values in self.fields.items():
            field = schema.fields.get(name)
            if len(values) > 1 and not isinstance(field, fields.List):
                faults.append(_duplicate_fault(name, len(values)))
                continue
            try:
                document[name] = _read_field(field, values)
            except MalformedBody as error:
                detail = f'"{name}" must be JSON: {error.detail.removeprefix("The body is not JSON: ")}'
                faults.append(Fault(detail, pointer_to(name)))
        if faults:
            raise InvalidRequest(*faults)
        return document


def register(app: Flask) -> None:
    """Register the removal of every request's files that no operation has taken over."""
    app.teardown_request(_remove_files)


def _remove_files(_error: BaseException | None) -> None:
    if "reception" in g:
        g.pop("reception").close()


def read_form(request: Request) -> Form:
    """Read the request's form and store its files. Raises MalformedBody, BodyTooLarge, InvalidRequest, OSError."""
    refuse_other_types(request, FORM)
    if content_encoding(request):
        raise UnsupportedMediaType("A form with files must not be compressed.")
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary.isascii() or not boundary:
        raise MalformedBody(f"The Content-Type of {FORM} needs a boundary.")
    g.reception = Reception(context().artifacts)
    try:
        pairs, files = _parse(request.stream, boundary.encode(), request.content_length)
    except ValueError:
        detail = f"The body is not complete {FORM}: it was cut off, or the header of a part is malformed."
        raise MalformedBody(detail) from None
    except RequestEntityTooLarge:
        detail = (
            f"A form can have at most {MOST_PARTS} parts, each of at most {LONGEST_FIELD:,} bytes unless it is a file."
        )
        raise BodyTooLarge(detail) from None
    if None in (*pairs.keys(), *files.keys()):
        raise MalformedBody("A part of the form has no name.")
    _refuse_mixed_fields(pairs, files)
    received = {
        name: [cast(IncomingFile, file.stream).complete() for file in several] for name, several in files.lists()
    }
    return Form(dict(pairs.lists()), received)


def _parse(
    stream: IO[bytes], boundary: bytes, length: int | None
) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    def receive(
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        reception: Reception = g.reception
        return cast(IO[bytes], reception.receive(filename or ""))

    parser = MultiPartParser(receive, LONGEST_FIELD, buffer_size=PIECE, max_form_parts=MOST_PARTS)
    return parser.parse(stream, boundary, length)


def _refuse_mixed_fields(pairs: MultiDict[str, str], files: MultiDict[str, FileStorage]) -> None:
    """Raise InvalidRequest for fields that are both files and text."""
    given = {name: len(files.getlist(name)) + len(pairs.getlist(name)) for name in files if name in pairs}
    faults = [_duplicate_fault(name, count) for name, count in given.items()]
    if faults:
        raise InvalidRequest(*faults)


def _duplicate_fault(name: str, count: int) -> Fault:
    return Fault(f'"{name}" was sent {count} times; send it once.', pointer_to(name))


def _read_field(field: Any, values: list[str]) -> Any:
    if isinstance(field, fields.List) and (len(values) > 1 or not values[0].lstrip().startswith(JSON_BEGINS)):
        return values
    return (
        _read_json(values[0])
        if isinstance(field, fields.Dict | fields.List | fields.Nested | fields.Integer)
        else values[0]
    )


def _read_json(text: str) -> Any:
    return parse_json(text.encode(), context().settings.max_json_depth, allowance())
