"""TensorFlow Serving's JSON: converts requests into named tensors, and explains faults in TensorFlow Serving's words.

The forms and texts are those of its server and of
https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md.
"""

import json
import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from models.allowance import Allowance
from models.signature import Datatype, Signature, Tensor, TensorSpec
from models.values.tensors import leaf_types
from service.api.inference.base64_texts import decode_base64
from service.api.inference.errors import InvalidInference

DEFAULT_SIGNATURE = "serving_default"
B64 = "b64"
JSON_TYPES = {dict: "Object", list: "Array", str: "String", bool: "True", int: "Number", float: "Number"}
TENSORFLOW_TYPES = {Datatype.FP32: "float", Datatype.BYTES: "string"}
SYNTAX = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character at": "Invalid encoding in string.",
}
"""The messages of TensorFlow Serving's parser, by those of Python's."""
EXPLAINED = 2**20
"""A larger body (in bytes) isn't parsed again to find the position of a syntax error."""
NO_BASE64 = "Unable to base64 decode"
_NUMBERS: set[type] = {int, float}
SHOWN = 256
"""The characters of a value that an error shows at most."""


def show(value: Any) -> str:
    """The beginning of a value as JSON, at most SHOWN characters."""
    return "".join(islice(json.JSONEncoder(ensure_ascii=False).iterencode(value), SHOWN))[:SHOWN]


def explain_syntax(body: bytes) -> str | None:
    """TensorFlow Serving's message for a syntax error in JSON, with its position; None if it has none."""
    if len(body) > EXPLAINED:
        return None
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        reason = SYNTAX.get(error.msg.rstrip(": "))
        return None if reason is None else f"{reason} at offset: {len(error.doc[: error.pos].encode())}"
    except (UnicodeDecodeError, RecursionError):
        return None
    return None


def read_signature_name(body: dict[str, Any]) -> str:
    """The name of the signature in a request; if omitted, the default's. Raises InvalidInference."""
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        detail = f"JSON Value: {show(body)} not formatted correctly. 'signature_name' key must be a string value."
        raise InvalidInference(detail)
    return name or DEFAULT_SIGNATURE


def read_inputs(body: dict[str, Any], signature: Signature) -> dict[str, Tensor]:
    """The tensors of a `:predict` request, in row form (`instances`) or in columnar form (`inputs`).

    Raises InvalidInference.
    """
    if "instances" in body and "inputs" in body:
        detail = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
        raise InvalidInference(f"JSON Value: {show(body)} {detail}")
    if "inputs" in body:
        return _read_columns(body["inputs"], signature)
    if "instances" not in body:
        raise InvalidInference("Missing 'inputs' or 'instances' key")
    instances = body["instances"]
    if not isinstance(instances, list):
        raise InvalidInference(f"JSON Value: {show(body)} Expecting 'instances' to be an list/array")
    if not instances:
        raise InvalidInference(f"JSON Value: {show(body)} No values in 'instances' array")
    return _read_rows(instances, signature)


def read_examples(body: dict[str, Any], signature: Signature, allowance: Allowance) -> dict[str, Tensor]:
    """The tensors of a `:classify` or `:regress` request, whose features have the inputs' names.

    Features in `context` apply to every example. The numbers of a feature may be flat. Raises InvalidInference;
    Excessive if the examples become too much with the context.
    """
    context, examples = body.get("context", {}), body.get("examples")
    if "examples" not in body:
        detail = "When method is classify, key 'examples' is expected and was not found"
        raise InvalidInference(f"JSON Value: {show(body)} {detail}")
    if not isinstance(examples, list):
        raise InvalidInference(f"JSON Value: {show(body)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidInference(f"JSON Value: {show(body)} 'examples' value is an empty array")
    for example in (context, *examples):
        if not isinstance(example, dict):
            raise InvalidInference(f"Example must be JSON object but got JSON {_type_of(example)}")
    allowance.take_values(len(examples) * _count_values(context))
    return {spec.name: _read_feature(spec, context, examples, signature) for spec in signature.inputs.values()}


def _count_values(value: Any) -> int:
    """The values in a JSON value that aren't lists or objects."""
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_count_values, value)) if isinstance(value, list) else 1


def _read_rows(instances: list[Any], signature: Signature) -> dict[str, Tensor]:
    named = isinstance(instances[0], dict) and not _is_b64(instances[0])
    if not named and len(signature.inputs) > 1:
        detail = "instances is a plain list, but expecting list of objects as multiple input tensors required as per"
        raise InvalidInference(f"{detail} tensorinfo_map")
    for item, instance in enumerate(instances):
        _check_instance(item, instance, signature, named=named)
    tensors: dict[str, Tensor] = {}
    for spec in signature.inputs.values():
        rows = [instance[spec.name] for instance in instances] if named else instances
        try:
            tensors[spec.name] = _read_tensor(rows, spec, signature, by_rows=True)
        except _NoTensorError as problem:
            key = f" key: {spec.name}" if named else ""
            detail = f"Failed to process element: {problem.row}{key} of 'instances' list. Error: INVALID_ARGUMENT: "
            raise InvalidInference(f"{detail}{problem}") from None
    return tensors


def _check_instance(item: int, instance: object, signature: Signature, *, named: bool) -> None:
    """Raise InvalidInference for an object among lists, a list among objects, or an object with other keys than the
    inputs."""
    is_object = isinstance(instance, dict) and not _is_b64(instance)
    if is_object != named:
        expected = "object but got list" if named else "value/list but got object"
        raise InvalidInference(f"Expecting {expected} at item {item} of input list")
    if not isinstance(instance, dict) or not named or instance.keys() == signature.inputs.keys():
        return
    element = f"Failed to process element: {item}"
    for name in instance:
        if name not in signature.inputs:
            reason = f"INVALID_ARGUMENT: JSON object: does not have named input: {name}"
            raise InvalidInference(f"{element} key: {name} of 'instances' list. Error: {reason}")
    names = ",".join(sorted(signature.inputs))
    raise InvalidInference(
        f"{element} of 'instances' list. JSON object: {show(instance)} keys must be equal to: {names}"
    )


def _read_columns(inputs: Any, signature: Signature) -> dict[str, Tensor]:
    if not isinstance(inputs, dict) or _is_b64(inputs):
        if len(signature.inputs) > 1:
            detail = "inputs is a plain value/list, but expecting an object as multiple input tensors required as per"
            raise InvalidInference(f"{detail} tensorinfo_map")
        inputs = dict.fromkeys(signature.inputs, inputs)
    tensors: dict[str, Tensor] = {}
    for name, spec in signature.inputs.items():
        if name not in inputs:
            raise InvalidInference(f"Missing named input: {name} in 'inputs' object.")
        try:
            tensors[name] = _read_tensor(inputs[name], spec, signature)
        except _NoTensorError as problem:
            raise InvalidInference(str(problem)) from None
    return tensors


def _read_feature(
    spec: TensorSpec, context: Mapping[str, Any], examples: list[dict[str, Any]], signature: Signature
) -> Tensor:
    rows = []
    for example in examples:
        if spec.name not in example and spec.name not in context:
            type_ = TENSORFLOW_TYPES[spec.datatype]
            raise InvalidInference(f"Feature: {spec.name} (data type: {type_}) is required but could not be found.")
        value = example.get(spec.name, context.get(spec.name))
        whole = isinstance(value, list) or (_is_b64(value) and signature.takes_pictures(spec.name))
        rows.append(value if whole else [value])
    try:
        tensor = _read_tensor(rows, spec, signature)
    except _NoTensorError as problem:
        raise InvalidInference(f"Feature: {spec.name}: {problem}") from None
    if isinstance(tensor, np.ndarray) and tensor.ndim == 2 and tensor.shape[1] == math.prod(spec.shape[1:]):
        return tensor.reshape(len(tensor), *spec.shape[1:])
    return tensor


class _NoTensorError(Exception):
    """A JSON value isn't a tensor that fits the signature. Has the row of the fault."""

    def __init__(self, detail: str, row: int = 0) -> None:
        super().__init__(detail)
        self.row = row


def _read_tensor(value: Any, spec: TensorSpec, signature: Signature, *, by_rows: bool = False) -> Tensor:
    """The tensor that nested lists describe. Axes of length 1 at its end may be omitted. Raises _NoTensorError.

    The error describes the value as a whole, or with `by_rows` a single row.
    """
    if isinstance(value, list) and signature.takes_pictures(spec.name) and any(map(_is_b64, value)):
        return [_read_file(row, item) for row, item in enumerate(value)]
    kinds = _NUMBERS | ({type(None)} if signature.takes_missing(spec.name) else set())
    kinds |= {bool} if signature.takes_booleans(spec.name) else set()
    array = _read_numbers(value, kinds) if spec.datatype is Datatype.FP32 else _read_texts(value)
    if array is None:
        raise (_explain_rows(value, spec, kinds) if by_rows else _explain(value, spec, kinds))
    return fit_axes(array, spec)


def _read_file(row: int, item: Any) -> Any:
    """The file of an image if the item is one, else the item. Raises _NoTensorError."""
    if not _is_b64(item):
        return item
    try:
        return decode_base64(item[B64])
    except ValueError:
        raise _NoTensorError(NO_BASE64, row) from None


def fit_axes(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """The array with omitted axes of length 1 added at its end, if its shape then fits; else the array as it is."""
    with_ones = array.shape + (1,) * (len(spec.shape) - array.ndim)
    return array.reshape(with_ones) if array.ndim and with_ones[1:] == spec.shape[1:] else array


def _read_numbers(value: Any, kinds: set[type]) -> np.ndarray | None:
    """The value as float64, with NaN for null; None if it has values of other types, or uneven lists."""
    try:
        return np.array(value, np.float64) if leaf_types([value]) <= kinds else None
    except (TypeError, ValueError, OverflowError):
        return None


def _read_texts(value: Any) -> np.ndarray | None:
    """The value as an array of objects, with `b64` decoded; None if it has values other than text and null, or uneven
    lists."""
    try:
        array = np.array(value, object)
        texts = [_read_text(one) for one in array.ravel().tolist()]
    except (TypeError, ValueError):
        return None
    found = np.empty(len(texts), object)
    found[:] = texts
    return found.reshape(array.shape)


def _read_text(value: Any) -> str | None:
    """Raises TypeError if the value isn't a text, and ValueError if it isn't Base64 of UTF-8."""
    if value is None or isinstance(value, str):
        return value
    if not _is_b64(value):
        raise TypeError
    return decode_base64(value[B64]).decode()


def _is_b64(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {B64} and isinstance(value[B64], str)


def _explain_rows(rows: list[Any], spec: TensorSpec, kinds: set[type]) -> _NoTensorError:
    """The fault of the first row that isn't a tensor, or has another shape than the first row."""
    first = _shape_of(rows[0])
    for row, item in enumerate(rows):
        shape = _shape_of(item)
        detail = _find_fault(item, shape, 0, spec, kinds)
        if detail is None and math.prod(shape) != math.prod(first):
            detail = f"Expecting tensor size: {math.prod(first)} but got: {math.prod(shape)}"
        if detail is None and shape != first:
            detail = f"Expecting shape {_show_shape(first)} but got: {_show_shape(shape)}"
        if detail is not None:
            return _NoTensorError(detail, row)
    return _NoTensorError(f"JSON Value: {show(rows)} is no tensor")


def _explain(value: Any, spec: TensorSpec, kinds: set[type]) -> _NoTensorError:
    """The first fault of a value that isn't a tensor."""
    detail = _find_fault(value, _shape_of(value), 0, spec, kinds)
    return _NoTensorError(detail or f"JSON Value: {show(value)} is no tensor")


def _shape_of(value: Any) -> tuple[int, ...]:
    """The shape given by the first list of each level."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _show_shape(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _find_fault(value: Any, shape: tuple[int, ...], level: int, spec: TensorSpec, kinds: set[type]) -> str | None:
    """The fault of a value at `level` of nested lists that should have `shape`; None if it's valid."""
    if isinstance(value, list):
        if level >= len(shape):
            return f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        if len(value) != shape[level]:
            size = f"Encountered list at unexpected size: {len(value)} at level: {level}"
            return f"{size} expected size: {shape[level]}"
        faults = (_find_fault(item, shape, level + 1, spec, kinds) for item in value)
        return next((fault for fault in faults if fault is not None), None)
    if level != len(shape):
        found = f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM."
        return f"{found} Expected at level: {len(shape)}"
    return _find_text_fault(value) if spec.datatype is Datatype.BYTES else _find_number_fault(value, kinds)


def _find_text_fault(value: Any) -> str | None:
    if isinstance(value, dict):
        if not _is_b64(value):
            return f"JSON Value: {show(value)} not formatted correctly for base64 data"
        try:
            _read_text(value)
        except UnicodeDecodeError:
            return "The bytes are not UTF-8"
        except ValueError:
            return NO_BASE64
    return None if value is None or isinstance(value, str | dict) else _wrong_type(value, Datatype.BYTES)


def _find_number_fault(value: Any, kinds: set[type]) -> str | None:
    return None if type(value) in kinds else _wrong_type(value, Datatype.FP32)


def _wrong_type(value: Any, datatype: Datatype) -> str:
    shown = f"JSON Value: {show(value)} Type: {_type_of(value)}"
    return f"{shown} is not of expected type: {TENSORFLOW_TYPES[datatype]}"


def _type_of(value: object) -> str:
    """TensorFlow Serving's name for the type of a JSON value."""
    return "Null" if value is None else "False" if value is False else JSON_TYPES[type(value)]
