"""Bodies of the Open Inference Protocol v2: an inference request to named tensors, an output to an answer.

The protocol is https://github.com/kserve/open-inference-protocol (REST). Binary tensors are its binary tensor data
extension: after the JSON come the tensors' elements, little-endian and row-major; of BYTES each text comes after its
length in four bytes. In JSON, null is a missing value of a table's column, as NaN is in binary.
"""

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import orjson

from models.signature import Datatype, Signature, Tensor, TensorSpec
from models.values.tensors import leaf_types
from service.api.http.bodies import dump_json, parse_json
from service.api.http.errors import MalformedBody
from service.api.http.media_types import OCTETS
from service.api.http.replies import Reply
from service.api.inference.errors import InvalidInference
from service.api.inference.json_numbers import take_out_lists

HEADER_LENGTH = "Inference-Header-Content-Length"
BOOL, BYTES, BF16 = "BOOL", "BYTES", "BF16"
ELEMENTS = {
    BOOL: "?",
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    BF16: "<u2",
}
"""The datatypes of numbers, with NumPy's name of an element in binary."""
FLOATING = ("FP16", "FP32", "FP64", BF16)
LENGTH = struct.Struct("<I")
"""How long a text is, before its bytes."""
UNAVAILABLE = ("classification", "shared_memory_region")
"""Parameters of tensors that change what is meant, and that there are not."""


@dataclass(frozen=True)
class InferRequest:
    """An inference request: its `id`, the tensors by name, and whether the output is wanted in binary."""

    id: str | None
    tensors: dict[str, Tensor]
    binary_output: bool


def read_request(body: bytes, header_length: str | None, signature: Signature, max_depth: int) -> InferRequest:
    """What a body asks for. `header_length` is the header that says where its JSON ends. Raises InvalidInference."""
    end = len(body) if header_length is None else _read_header_length(header_length, len(body))
    document = _parse_with_lists(body[:end], max_depth, len(signature.inputs))
    id_ = document.get("id")
    if id_ is not None and not isinstance(id_, str):
        raise InvalidInference("'id' must be a string.")
    binary = _Binary(memoryview(body)[end:])
    tensors: dict[str, Tensor] = {}
    for entry in _list(document, "inputs", required=True):
        name = _text(entry, "name", "input")
        if name in tensors:
            raise InvalidInference(f"The input '{name}' is given twice.")
        tensors[name] = _read_input(name, entry, binary, signature)
    binary.check_end()
    return InferRequest(id_, tensors, _wants_binary(document, signature))


def write_answer(request: InferRequest, model: str, version: int, name: str, output: np.ndarray) -> Reply:
    """The answer with the output as flat data, or after the JSON in binary."""
    entry: dict[str, Any] = {"name": name, "datatype": Datatype.FP32, "shape": output.shape}
    document: dict[str, Any] = {"model_name": model, "model_version": str(version), "outputs": [entry]}
    if request.id is not None:
        document["id"] = request.id
    if not request.binary_output:
        entry["data"] = output.ravel()
        return Reply(dump_json(document))
    content = output.astype("<f4", copy=False).tobytes()
    entry["parameters"] = {"binary_data_size": len(content)}
    header = orjson.dumps(document)
    return Reply(header + content, OCTETS, {HEADER_LENGTH: str(len(header))})


class _Binary:
    """What comes after the JSON: the inputs' elements, one input after the other."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, name: str, size: Any) -> memoryview:
        """The next `size` bytes, which are the input's. Raises InvalidInference."""
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInference(f"The input '{name}': 'binary_data_size' must be a number of bytes.")
        if size > len(self._data):
            left = f"after the JSON and the inputs before it there are {len(self._data)}"
            raise InvalidInference(f"The input '{name}': 'binary_data_size' is {size} bytes, but {left}.")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def check_end(self) -> None:
        """Raise InvalidInference if there is anything left."""
        if len(self._data):
            raise InvalidInference(f"The body has {len(self._data)} bytes more than its inputs.")


def _read_header_length(given: str, size: int) -> int:
    if not (given.isascii() and given.isdigit()) or len(given) > 18 or int(given) > size:
        detail = f"must be a number of bytes, at most the body's {size}, not {given[:100]}."
        raise InvalidInference(f"{HEADER_LENGTH} {detail}")
    return int(given)


def _parse_with_lists(content: bytes, max_depth: int, most: int) -> dict[str, Any]:
    """The request's JSON, in which the `data` of the first `most` inputs may be an array (float64, flat) instead of a
    list of floats."""
    rest, lists = take_out_lists(content, "data", most)
    if lists:
        with suppress(InvalidInference):
            document = _parse(rest, max_depth)
            inputs = [entry for entry in _list(document, "inputs") if entry.get("datatype") in FLOATING]
            found = [entry for entry in inputs if isinstance(entry.get("data"), str) and entry["data"] in lists]
            if len(found) == len(lists):
                for entry in found:
                    entry["data"] = lists[entry["data"]]
                return document
    return _parse(content, max_depth)


def _parse(content: bytes, max_depth: int) -> dict[str, Any]:
    try:
        document = parse_json(content, max_depth)
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


def _text(entry: dict[str, Any], member: str, what: str) -> str:
    value = entry.get(member)
    if not isinstance(value, str):
        raise InvalidInference(f"Each {what} must have a '{member}', which is a string.")
    return value


def _parameters(entry: dict[str, Any], whose: str) -> dict[str, Any]:
    parameters = entry.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidInference(f"{whose}: 'parameters' must be an object.")
    for name in UNAVAILABLE:
        if name in parameters:
            raise InvalidInference(f"{whose}: the parameter '{name}' is not supported.")
    return parameters


def _wants_binary(document: dict[str, Any], signature: Signature) -> bool:
    binary = _flag(_parameters(document, "The request"), "binary_data_output", False)
    names = set()
    for entry in _list(document, "outputs"):
        name = _text(entry, "name", "output")
        if name != signature.output.name or name in names:
            wrong = "is asked for twice" if name in names else f"is unknown; there is '{signature.output.name}'"
            raise InvalidInference(f"The output '{name}' {wrong}.")
        names.add(name)
        binary = _flag(_parameters(entry, f"The output '{name}'"), "binary_data", binary)
    return binary


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInference(f"The parameter '{name}' must be true or false.")
    return value


def _read_input(name: str, entry: dict[str, Any], binary: _Binary, signature: Signature) -> Tensor:
    spec = signature.inputs.get(name)
    if spec is None:
        names = ", ".join(f"'{known}'" for known in signature.inputs)
        raise InvalidInference(f"The input '{name}' is unknown; there are {names}.")
    datatype, shape = _text(entry, "datatype", "input"), _read_shape(name, entry, spec)
    if (datatype == BYTES) != (spec.datatype is Datatype.BYTES) or (datatype != BYTES and datatype not in ELEMENTS):
        raise InvalidInference(
            f"The input '{name}' has the datatype '{datatype[:100]}', but {spec.datatype} is wanted."
        )
    size = _parameters(entry, f"The input '{name}'").get("binary_data_size")
    if (size is None) == (entry.get("data") is None):
        raise InvalidInference(f"The input '{name}' must have either 'data' or the parameter 'binary_data_size'.")
    if size is not None:
        return _read_binary(name, binary.take(name, size), datatype, shape)
    return _read_data(name, entry["data"], datatype, shape)


def _read_shape(name: str, entry: dict[str, Any], spec: TensorSpec) -> tuple[int, ...]:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(type(length) is int and length > 0 for length in shape):
        raise InvalidInference(f"The input '{name}' must have a 'shape', a list of whole numbers above 0.")
    if len(shape) != len(spec.shape) or tuple(shape[1:]) != spec.shape[1:]:
        raise InvalidInference(f"The input '{name}' has the shape {shape[:20]}, but {list(spec.shape)} is wanted.")
    return tuple(shape)


def _read_binary(name: str, content: memoryview, datatype: str, shape: tuple[int, ...]) -> np.ndarray:
    wanted = math.prod(shape)
    if datatype == BYTES:
        return _shape_texts(name, list(islice(_split_texts(name, content), wanted + 1)), shape)
    size = np.dtype(ELEMENTS[datatype]).itemsize
    if len(content) != wanted * size:
        needs = f"{wanted * size} bytes for the shape {list(shape)} of {datatype}"
        raise InvalidInference(f"The input '{name}' has {len(content)} bytes of binary data, but needs {needs}.")
    elements = np.frombuffer(content, ELEMENTS[datatype])
    if datatype == BF16:
        elements = (elements.astype(np.uint32) << 16).view(np.float32)
    return elements.reshape(shape)


def _split_texts(name: str, content: memoryview) -> Iterator[str]:
    place = 0
    while place < len(content):
        start = place + LENGTH.size
        if start > len(content):
            raise InvalidInference(f"The input '{name}': its binary data ends within the length of a text.")
        place = start + LENGTH.unpack_from(content, place)[0]
        if place > len(content):
            raise InvalidInference(f"The input '{name}': a text goes past the end of its binary data.")
        yield _decode(name, content[start:place])


def _decode(name: str, content: memoryview) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise InvalidInference(f"The input '{name}': a text is not UTF-8.") from None


def _read_data(name: str, data: Any, datatype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Data as JSON has it, flat or nested as the shape is, or numbers that were read already."""
    array = data if isinstance(data, np.ndarray) else _as_array(data, datatype)
    if array is None:
        detail = f"'data' must be a list of {_describe(datatype)}, flat or nested evenly."
        raise InvalidInference(f"The input '{name}': {detail}")
    if array.ndim > 1 and array.shape != shape:
        raise InvalidInference(f"The input '{name}' has 'data' of the shape {list(array.shape)}, not {list(shape)}.")
    return _shape_texts(name, array.ravel().tolist(), shape) if datatype == BYTES else _shape(name, array, shape)


def _as_array(data: Any, datatype: str) -> np.ndarray | None:
    """Numbers as they are: floats as float64, whole numbers within the datatype's bounds. None for anything else."""
    kinds: set[type] = {str} if datatype == BYTES else {bool} if datatype == BOOL else {int}
    floating = "FP" in datatype or datatype == BF16
    kinds |= {float} if floating else set()
    kinds |= {type(None)} if floating or datatype == BYTES else set()
    dtype: Any = object if datatype == BYTES else np.float64 if floating else ELEMENTS[datatype]
    try:
        if not isinstance(data, list) or not leaf_types(data) <= kinds:
            return None
        array = np.array(data, dtype)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if datatype == BYTES and not set(map(type, array.ravel().tolist())) <= kinds else array


def _describe(datatype: str) -> str:
    if datatype in (BYTES, BOOL):
        return "texts" if datatype == BYTES else "true and false"
    return "numbers" if "FP" in datatype or datatype == BF16 else f"whole numbers of {datatype}"


def _shape_texts(name: str, texts: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return _shape(name, array, shape)


def _shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Raises InvalidInference where there are more or fewer elements than the shape has."""
    if array.size != math.prod(shape):
        needs = f"but the shape {list(shape)} has {math.prod(shape)}"
        raise InvalidInference(f"The input '{name}' has {array.size} elements, {needs}.")
    return array.reshape(shape)
