"""Reads inference requests of the Open Inference Protocol v2: the inputs, the requested output, and the `id`.

The protocol is https://github.com/kserve/open-inference-protocol (REST), with Triton's extensions for binary data and
classification, and MLServer's content types.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.allowance import Allowance
from models.jobs.variant import VARIANT_TYPES
from models.signature import Signature, Tensor, TensorSpec
from models.spec import OUTPUT
from service.api.http.errors import MalformedBody
from service.api.http.json_documents import parse_json
from service.api.inference.errors import InvalidInference
from service.api.inference.json_numbers import take_out_lists
from service.api.inference.open_inference_tensors import (
    BYTES,
    CONTENT_TYPES,
    FLOATING,
    Given,
    read_binary,
    read_data,
    read_raw,
)
from service.api.inference.plane import VARIANT, find_type

HEADER_LENGTH = "Inference-Header-Content-Length"
HEADER_LENGTH_KEY = HEADER_LENGTH.lower()
NO_HEADER = "0"
"""The header length of a body that contains only the elements of the model's single input."""
SHORT = 4096
"""The bytes of JSON before binary data whose document is cached, at most."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ESCAPED_LETTERS = (rb"\u006", rb"\u007")
"""One of these is in JSON in which a letter of VARIANT is an escape sequence."""
SHARED_MEMORY = "shared_memory_region"
"""An unsupported parameter of tensors. Ignoring it would change the meaning of the request."""
CLASSIFICATION, CONTENT_TYPE = "classification", "content_type"
MOST_ARRAYS = 64
"""The inputs whose `data` is parsed without an object for each number, at most."""
NUMBERS_CONTENT_TYPES = ("np", "pd")
"""The content types that a client may request for an output."""

Document = dict[str, Any]


@dataclass(frozen=True)
class WantedOutput:
    """How the client wants the output."""

    name: str
    binary: bool
    classes: int = 0
    """The number of classes to return instead of the network's output; 0 to return the output."""


@dataclass(frozen=True)
class InferRequest:
    """An inference request: its `id`, the tensors by the signature's names, and the wanted output."""

    id: str | None
    tensors: dict[str, Tensor]
    output: WantedOutput


@dataclass(frozen=True)
class RequestLimits:
    """What a request may contain: levels of nesting in its JSON, rows by `check_rows`, all else by the allowance."""

    json_depth: int
    check_rows: Callable[[int], None]
    """Raises InvalidInference if there are too many rows."""
    allowance: Allowance


def parse_request(body: bytes, header_length: str | None, json_depth: int, allowance: Allowance) -> Document:
    """The JSON of a body, in which flat lists of numbers may be arrays. It must not be changed.

    `header_length` is the value of the header that gives its length. Raises InvalidInference, Excessive.
    """
    end = find_end(body, header_length)
    content = body[:end].removeprefix(BYTE_ORDER_MARK)
    if end < len(body) and end <= SHORT:
        return _parse_header(content, json_depth)
    return _parse_with_lists(content, json_depth, allowance)


def read_request(
    body: bytes, header_length: str | None, document: Document | None, signature: Signature, limits: RequestLimits
) -> InferRequest:
    """Read a body, whose JSON is the `document` if that has been parsed. `header_length`: see `parse_request`.

    Raises InvalidInference, Excessive.
    """
    if header_length == NO_HEADER:
        return _read_raw_request(body, signature, limits)
    if document is None:
        document = parse_request(body, header_length, limits.json_depth, limits.allowance)
    id_ = document.get("id")
    if id_ is not None and not isinstance(id_, str):
        raise InvalidInference("'id' must be a string.")
    parameters = _parameters(document, "The request")
    _check_variant(parameters)
    output = _read_output(document, parameters, signature)
    content_type = _read_content_type(parameters, "The request")
    binary = _Binary(memoryview(body)[find_end(body, header_length) :])
    tensors: dict[str, Tensor] = {}
    inputs = _list(document, "inputs", required=True)
    for entry in inputs:
        name = _text(entry, "name", "input")
        spec = _find_spec(name, signature, alone=len(inputs) == 1)
        if spec.name in tensors:
            raise InvalidInference(f"The input '{name}' is given twice.")
        tensors[spec.name] = _read_input(_Entry(name, entry, content_type), spec, binary, signature, limits)
    binary.check_end()
    return InferRequest(id_, tensors, output)


def may_name_variant(body: bytes, header_length: str | None) -> bool:
    """Whether the JSON of a body may name a variant. Takes a fraction of the time of parsing it.

    Raises InvalidInference.
    """
    content = body[: find_end(body, header_length)]
    # Looking for a single byte is much faster, and requests with numbers only have neither.
    if b"v" in content and VARIANT.encode() in content:
        return True
    return b"\\" in content and any(escape in content for escape in ESCAPED_LETTERS)


def find_variant(document: Document) -> str | None:
    """The type of variant that a request's parameters name; None if there is no such type. Raises InvalidInference."""
    return find_type(_parameters(document, "The request").get(VARIANT))


def find_end(body: bytes, header_length: str | None) -> int:
    """Where the JSON of a body ends. Raises InvalidInference."""
    return len(body) if header_length is None else _read_header_length(header_length, len(body))


def _check_variant(parameters: dict[str, Any]) -> None:
    """Raise InvalidInference if the parameters name a variant of an unknown type."""
    given = parameters.get(VARIANT)
    if given is not None and find_type(given) is None:
        names = ", ".join(f"'{name}'" for name in VARIANT_TYPES)
        raise InvalidInference(f"The parameter '{VARIANT}' must be one of {names}, not '{str(given)[:100]}'.")


def _read_raw_request(body: bytes, signature: Signature, limits: RequestLimits) -> InferRequest:
    """A body with only the elements of the sole input. Its size gives the rows. The response is binary too."""
    if len(signature.inputs) > 1:
        raise InvalidInference(
            f"A body without JSON is only for models with one input. This model has {len(signature.inputs)}."
        )
    ((name, spec),) = signature.inputs.items()
    tensor = read_raw(spec, body)
    limits.check_rows(len(tensor))
    return InferRequest(None, {name: tensor}, WantedOutput(signature.output.name, binary=True))


class _Binary:
    """The binary data after the JSON: the elements of the inputs, in the order of the inputs."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, name: str, size: Any) -> memoryview:
        """The next `size` bytes, which belong to the input `name`. Raises InvalidInference."""
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInference(f"The input '{name}': 'binary_data_size' must be a number of bytes.")
        if size > len(self._data):
            left = f"the rest of the body has {len(self._data)}"
            raise InvalidInference(f"The input '{name}': 'binary_data_size' is {size} bytes, but {left}.")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def check_end(self) -> None:
        """Raise InvalidInference if there is data left."""
        if len(self._data):
            raise InvalidInference(f"The body has {len(self._data)} bytes more than its inputs.")


def _read_header_length(given: str, size: int) -> int:
    if not (given.isascii() and given.isdigit()) or len(given) > 18 or int(given) > size:
        detail = f"must be a number of bytes, at most the body's {size}, not {given[:100]}."
        raise InvalidInference(f"{HEADER_LENGTH} {detail}")
    return int(given)


def _parse_with_lists(content: bytes, json_depth: int, allowance: Allowance) -> Document:
    """The request's JSON. The `data` of the first MOST_ARRAYS inputs may be a flat float64 array instead of a list."""
    rest, lists = take_out_lists(content, "data", MOST_ARRAYS, allowance)
    if lists:
        with suppress(InvalidInference):
            document = _parse(rest, json_depth, allowance)
            inputs = [entry for entry in _list(document, "inputs") if entry.get("datatype") in FLOATING]
            found = [entry for entry in inputs if isinstance(entry.get("data"), str) and entry["data"] in lists]
            if len(found) == len(lists):
                for entry in found:
                    entry["data"] = lists[entry["data"]]
                return document
    return _parse(content, json_depth, allowance)


@lru_cache(maxsize=64)
def _parse_header(content: bytes, json_depth: int) -> Document:
    """The JSON before binary data, which most clients repeat. The returned document must not be changed."""
    return _parse(content, json_depth, Allowance())


def _parse(content: bytes, json_depth: int, allowance: Allowance) -> Document:
    try:
        document = parse_json(content, json_depth, allowance, non_finite=True)
    except MalformedBody as error:
        raise InvalidInference(f"Failed to parse the request's JSON: {error.detail}") from None
    if not isinstance(document, dict):
        raise InvalidInference("The request's JSON must be an object.")
    return document


def _list(document: dict[str, Any], member: str, *, required: bool = False) -> list[dict[str, Any]]:
    entries = document.get(member)
    if entries is None and not required:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInference(f"'{member}' must be a list of objects.")
    return entries


def _text(entry: Mapping[str, Any], member: str, what: str) -> str:
    value = entry.get(member)
    if not isinstance(value, str):
        raise InvalidInference(f"Each {what} must have a '{member}', which is a string.")
    return value


def _parameters(entry: Mapping[str, Any], whose: str) -> dict[str, Any]:
    parameters = entry.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidInference(f"{whose}: 'parameters' must be an object.")
    if SHARED_MEMORY in parameters:
        raise InvalidInference(f"{whose}: the parameter '{SHARED_MEMORY}' is not supported.")
    return parameters


def _read_content_type(parameters: dict[str, Any], whose: str, known: tuple[str, ...] = CONTENT_TYPES) -> str | None:
    """The `content_type` parameter of MLServer. Raises InvalidInference if it's unsupported."""
    content_type = parameters.get(CONTENT_TYPE)
    if content_type is None or content_type in known:
        return content_type
    names = ", ".join(f"'{name}'" for name in known)
    raise InvalidInference(
        f"{whose}: the content type '{str(content_type)[:100]}' is not supported. Supported are {names}."
    )


def _read_output(document: Document, parameters: dict[str, Any], signature: Signature) -> WantedOutput:
    binary = _flag(parameters, "binary_data_output", default=False)
    outputs = _list(document, "outputs")
    if not outputs:
        return WantedOutput(signature.output.name, binary)
    names = [_text(entry, "name", "output") for entry in outputs]
    own = (signature.output.name, OUTPUT)
    for place, name in enumerate(names):
        # A sole output may be requested by any name.
        if len(names) > 1 and name not in own:
            raise InvalidInference(f"The output '{name}' is unknown; there is '{own[0]}'.")
        if place:
            raise InvalidInference(f"The output '{name}' is requested twice.")
    (entry,), (name,) = outputs, names
    whose = f"The output '{name}'"
    wanted = _parameters(entry, whose)
    _read_content_type(wanted, whose, NUMBERS_CONTENT_TYPES)
    classes = wanted.get(CLASSIFICATION, 0)
    if not isinstance(classes, int) or isinstance(classes, bool) or classes < 0:
        raise InvalidInference(f"{whose}: the parameter '{CLASSIFICATION}' must be a number of classes.")
    return WantedOutput(name, _flag(wanted, "binary_data", default=binary), classes)


def _flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInference(f"The parameter '{name}' must be true or false.")
    return value


def _find_spec(name: str, signature: Signature, *, alone: bool) -> TensorSpec:
    """The input with that name. A sole input may have any name."""
    if alone and len(signature.inputs) == 1:
        return next(iter(signature.inputs.values()))
    if name not in signature.inputs:
        names = ", ".join(f"'{known}'" for known in signature.inputs)
        raise InvalidInference(f"The input '{name}' is unknown; there are {names}.")
    return signature.inputs[name]


@dataclass(frozen=True)
class _Entry:
    """A posted input."""

    name: str
    members: dict[str, Any]
    content_type: str | None
    """The request's content type, which applies if the input has none."""


def _read_input(
    entry: _Entry, spec: TensorSpec, binary: _Binary, signature: Signature, limits: RequestLimits
) -> Tensor:
    whose = f"The input '{entry.name}'"
    parameters = _parameters(entry.members, whose)
    datatype = _text(entry.members, "datatype", "input")
    content_type = _read_content_type(parameters, whose)
    if content_type is None and datatype == BYTES:
        content_type = entry.content_type
    given = Given.of(
        entry.name,
        datatype,
        entry.members.get("shape"),
        spec,
        content_type=content_type,
        takes_missing=signature.takes_missing(spec.name),
    )
    size, data = parameters.get("binary_data_size"), entry.members.get("data")
    if (size is None) == (data is None):
        raise InvalidInference(f"{whose} must have either 'data' or the parameter 'binary_data_size'.")
    if size is not None:
        limits.check_rows(given.shape[0])
        return read_binary(given, binary.take(entry.name, size))
    tensor = read_data(given, data)
    limits.check_rows(len(tensor))
    return tensor
