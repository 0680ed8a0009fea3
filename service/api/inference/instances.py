"""Reads posted instances: JSON, a file of rows, an array (NPY), an image, or a form with a file or several images."""

import io
from itertools import islice
from typing import IO, Any

import numpy as np
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from models.allowance import Allowance
from models.errors import MOST_FAULTS, Fault
from models.preprocessing import CsvText, Instances, JsonNumbers, NamedFile, TableFile, read_npy
from models.values.encodings import ENCODINGS, find_codec
from service.api.http.errors import MalformedBody, UnsupportedMediaType
from service.api.http.faults import pointer_to
from service.api.http.json_documents import parse_json
from service.api.http.media_types import CSV, FORM, JSON, JSON_LINES_TYPES, NPY, PARQUET, PICTURES
from service.api.inference.json_numbers import read_even_numbers
from service.errors import InvalidRequest
from service.operations.catalog.uploads import clean_name

FILE = "file"
INSTANCES = "instances"
MOST_FILES = 10_000
LONGEST_FIELD = 2**17
"""Bytes of a form's field that isn't a file. The parser decodes them, only for a fault to name the field."""
FILES = {**dict.fromkeys(JSON_LINES_TYPES, "jsonl"), PARQUET: "parquet"}
"""The formats of files of rows besides CSV, by media type."""
TYPES = (JSON, CSV, *FILES, NPY, *PICTURES, FORM)
"""The supported media types of bodies."""


def read_instances(content_type: str, body: bytes, max_depth: int, allowance: Allowance) -> Instances:
    """The instances in a body of any supported Content-Type. JSON may nest at most `max_depth` levels.

    Raises UnsupportedMediaType, MalformedBody, InvalidRequest, InvalidInstances, Excessive.
    """
    if content_type == JSON:
        return read_json_instances(body, max_depth, allowance)
    media_type, parameters = parse_options_header(content_type)
    media_type = media_type.lower()
    if media_type not in TYPES:
        given = f"not {media_type}" if media_type else "and the request has no Content-Type"
        raise UnsupportedMediaType(f"The body must be {' or '.join(TYPES)}, {given}.")
    if media_type == JSON:
        return read_json_instances(body, max_depth, allowance)
    if not body.strip():
        raise InvalidRequest(Fault("The body is empty.", pointer="#"))
    if media_type == CSV:
        return CsvText(body, _find_encoding(parameters.get("charset")))
    if media_type in FILES:
        return TableFile(body, FILES[media_type])
    if media_type == NPY:
        return read_npy(body)
    return _read_files(body, parameters.get("boundary", ""), allowance) if media_type == FORM else [body]


def _find_encoding(charset: str | None) -> str | None:
    """The encoding of that name; None without one. Raises UnsupportedMediaType."""
    if charset is None:
        return None
    encoding = find_codec(charset)
    if encoding is None:
        detail = f'The charset "{charset[:100]}" is unsupported. Supported are: {", ".join(ENCODINGS)}.'
        raise UnsupportedMediaType(detail)
    return encoding


def read_json_instances(data: bytes, max_depth: int, allowance: Allowance) -> Instances:
    """The instances of a JSON body, which may nest at most `max_depth` levels.

    Raises MalformedBody, InvalidRequest, Excessive.
    """
    numbers = read_even_numbers(data, INSTANCES, allowance)
    if numbers is None or numbers.ndim >= max_depth:
        return _read_any_json(data, max_depth, allowance)

    def read_again() -> list[Any] | np.ndarray:
        # As lists, faults have pointers; too many numbers for lists stay an array.
        return (
            numbers if numbers.size > allowance.limits.body_values // 2 else _read_any_json(data, max_depth, allowance)
        )

    return JsonNumbers(numbers, read_again)


def _read_any_json(data: bytes, max_depth: int, allowance: Allowance) -> list[Any]:
    body = parse_json(data, max_depth, allowance)
    if not isinstance(body, dict):
        raise InvalidRequest(Fault("The body must be an object.", pointer="#"))
    faults = [
        Fault(f'"{member}" is unknown.', pointer=pointer_to(member), allowed=(INSTANCES,))
        for member in islice((member for member in body if member != INSTANCES), MOST_FAULTS)
    ]
    if INSTANCES not in body:
        faults.append(Fault('"instances" is required.', pointer="#/instances"))
    elif not isinstance(body[INSTANCES], list) or not body[INSTANCES]:
        faults.append(Fault('"instances" must be a list of at least one row.', pointer="#/instances"))
    if faults:
        raise InvalidRequest(*faults)
    instances: list[Any] = body[INSTANCES]
    return instances


def _read_files(body: bytes, boundary: str, allowance: Allowance) -> list[bytes]:
    """The files of a form in order; each is a field `file`."""
    # The parser copies the files into streams, which are copied again.
    allowance.reserve(2 * len(body))
    parser = MultiPartParser(_open_file, LONGEST_FIELD, max_form_parts=MOST_FILES)
    malformed = MalformedBody(f"The body isn't complete {FORM}: it was cut off, or a part has no valid header.")
    if boundary.encode() not in body:
        raise malformed
    try:
        fields, files = parser.parse(io.BytesIO(body), boundary.encode(), len(body))
    except RequestEntityTooLarge:
        detail = f"Send at most {MOST_FILES:,} files, and no other field of more than {LONGEST_FIELD:,} bytes."
        raise InvalidRequest(Fault(detail, pointer=pointer_to(FILE))) from None
    except ValueError:
        raise malformed from None
    names = dict.fromkeys([*fields, *files])
    faults = [
        Fault(f'"{name}" is unknown.', pointer_to(name), allowed=(FILE,))
        for name in islice((name for name in names if name != FILE), MOST_FAULTS)
    ]
    if FILE in fields or not names:
        faults.append(Fault(f'Send a file of rows, or each image, as a file named "{FILE}".', pointer_to(FILE)))
    if faults:
        raise InvalidRequest(*faults)
    return [NamedFile.of(file.stream.read(), clean_name(file.filename or FILE)) for file in files.getlist(FILE)]


def _open_file(
    total_content_length: int | None, content_type: str | None, filename: str | None, content_length: int | None = None
) -> IO[bytes]:
    return io.BytesIO()
