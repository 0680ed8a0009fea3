"""Forms with files (`multipart/form-data`, RFC 7578): read in pieces, the files going straight to the disk."""

from dataclasses import dataclass
from typing import IO, Any, cast

from flask import Flask, Request, current_app, g
from marshmallow import Schema, fields
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.wsgi import LimitedStream

from models.datasets.pointers import pointer_to
from models.errors import Fault
from service.api.bodies import content_encoding, parse_json, refuse_other_types
from service.api.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from service.api.state import context
from service.errors import InvalidRequest
from service.operations.uploads import IncomingFile, ReceivedFile, Reception

FORM = "multipart/form-data"
MOST_PARTS = 64
LONGEST_FIELD = 1024**2
"""Bytes of a field that is no file."""
PIECE = 256 * 1024


@dataclass(frozen=True)
class Form:
    """A form as it was sent: fields as text, and the files, which lie on the disk."""

    fields: dict[str, str]
    files: dict[str, ReceivedFile]

    def fingerprint(self) -> dict[str, Any]:
        """What two forms have in common when they are the same."""
        return {"fields": self.fields, "files": {name: file.sha256 for name, file in self.files.items()}}

    def to_document(self, schema: Schema) -> dict[str, Any]:
        """The members that a schema takes: objects and lists are fields of JSON. Raises InvalidRequest."""
        document: dict[str, Any] = dict(self.files)
        faults = []
        for name, value in self.fields.items():
            try:
                document[name] = _read_json(value) if _is_json(schema, name) else value
            except MalformedBody as error:
                detail = f'"{name}" must be JSON: {error.detail.removeprefix("The body is no JSON: ")}'
                faults.append(Fault(detail, pointer_to(name)))
        if faults:
            raise InvalidRequest(*faults)
        return document


def register(app: Flask) -> None:
    """Have the files of every request removed that nothing took over."""
    app.teardown_request(_remove_files)


def _remove_files(_error: BaseException | None) -> None:
    if "reception" in g:
        g.pop("reception").close()


def read_form(request: Request) -> Form:
    """The request's form, its files received. Raises MalformedBody, BodyTooLarge, InvalidRequest, OSError."""
    refuse_other_types(request, FORM)
    if content_encoding(request):
        raise UnsupportedMediaType("A form with files must not be compressed.")
    limit = context().settings.max_upload_bytes
    # One more than the limit, so that a body of exactly the limit isn't taken for one that is cut there.
    request.max_content_length = limit + 1
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary.isascii() or not boundary:
        raise MalformedBody(f"The Content-Type of {FORM} needs a boundary.")
    g.reception = Reception(context().artifacts)
    try:
        stream = request.stream
    except RequestEntityTooLarge:
        raise BodyTooLarge(f"The upload has more than the {limit:,} bytes that are taken.") from None
    try:
        pairs, files = _parse(stream, boundary.encode(), request.content_length)
    except (ValueError, ClientDisconnected):
        detail = f"The body is no complete {FORM}: it was cut off, or a part of it has no proper header."
        raise MalformedBody(detail) from None
    except RequestEntityTooLarge:
        limited = cast(LimitedStream, stream)
        if limited.is_exhausted and limited.limit > limit:
            raise BodyTooLarge(f"The upload has more than the {limit:,} bytes that are taken.") from None
        detail = f"A form has at most {MOST_PARTS} parts, of {LONGEST_FIELD:,} bytes each unless they are files."
        raise BodyTooLarge(detail) from None
    if None in (names := [*pairs.keys(), *files.keys()]):
        raise MalformedBody("A part of the form has no name.")
    _refuse_doubles(names, pairs, files)
    return Form(pairs.to_dict(), {name: cast(IncomingFile, file.stream).complete() for name, file in files.items()})


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


def _refuse_doubles(names: list[str], *parts: MultiDict[str, Any]) -> None:
    given = {name: sum(len(part.getlist(name)) for part in parts) for name in names}
    doubled = {name: count for name, count in given.items() if count > 1}
    faults = [
        Fault(f'"{name}" is given {count} times; give it once.', pointer_to(name)) for name, count in doubled.items()
    ]
    if faults:
        raise InvalidRequest(*faults)


def _is_json(schema: Schema, name: str) -> bool:
    return isinstance(schema.fields.get(name), fields.Dict | fields.List | fields.Integer)


def _read_json(text: str) -> Any:
    return parse_json(text.encode(), current_app.config["MAX_JSON_DEPTH"])
