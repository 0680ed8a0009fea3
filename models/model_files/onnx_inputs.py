"""What a network from an ONNX file takes: the shape of a row of each input, its type, and what a client may change."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper

from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.onnx_checks import refuse
from models.model_files.onnx_edits import BATCH, GraphEdit
from models.preprocessing.tensor_input import FLOAT32, LARGEST_BYTE, TensorInput, picture_shape
from models.spec import InputSpec, Scaling
from models.validation.values import is_integer
from models.values.pointers import pointer_to
from models.vocabulary import Vocabulary

MOST_AXES = 8
EXACT = 2**53
"""The magnitude up to which every integer is a float64, as which integers of more than 16 bits reach the network."""
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
INTEGERS = (
    TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64,
    TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64,
)  # fmt: skip
DOUBLES = (TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT32, TensorProto.UINT64)
FLOAT64 = "float64"
Rows = Literal["any", "one", "whole"]
"""What the first axis is: rows, of any number; one row at a time; or there is no axis of rows, and an instance is the
whole input."""


@dataclass(frozen=True)
class NetworkInput:
    """An input as the network is served with it."""

    name: str
    kind: int
    """The type in the file, a TensorProto.DataType."""
    taken: tuple[int, ...]
    """The shape of a row that the network in the file takes."""
    spec: InputSpec
    """The shape of a row that clients send, and its scaling."""
    channels_first: bool = False
    """Whether the network takes the channels before height and width, which clients send last."""

    @property
    def dtype(self) -> str:
        """The type that keeps the numbers of the file's type exactly."""
        return FLOAT64 if self.kind in DOUBLES else FLOAT32

    @property
    def preprocessing(self) -> TensorInput:
        std = np.full((), float(LARGEST_BYTE if self.spec.scaling is Scaling.UNIT else 1))
        picture = picture_shape(self.spec.shape)
        return TensorInput(self.spec.shape, self.spec.scaling, np.zeros(()), std, picture, dtype=self.dtype)


@dataclass
class NetworkInputs:
    """All inputs, with what an axis of rows means in them."""

    rows: Rows
    inputs: list[NetworkInput]
    notes: list[str] = field(default_factory=list)

    @property
    def specs(self) -> dict[str, InputSpec]:
        return {input_.name: input_.spec for input_ in self.inputs}

    def ranges(self, graph: GraphProto) -> list[Vocabulary]:
        """The integers that inputs accept: those of their types, and of the tables in which they are looked up."""
        return [found for input_ in self.inputs for found in _ranges(input_, graph)]

    def edit(self, edit: GraphEdit) -> None:
        """Let the network take floats with the shapes of `specs`."""
        values = {value.name: value for value in edit.graph.input}
        for input_ in self.inputs:
            steps: list[tuple[str, list[int]]] = []
            if self.rows == "whole":
                steps.append(("Reshape", list(input_.spec.shape)))
            if input_.channels_first:
                steps.append(("Transpose", [2, 0, 1] if self.rows == "whole" else [0, 3, 1, 2]))
            first = BATCH if self.rows == "any" else 1
            sent = TensorProto.DOUBLE if input_.dtype == FLOAT64 else TensorProto.FLOAT
            edit.replace_input(values[input_.name], [first, *input_.spec.shape], sent, input_.kind, *steps)


def read_inputs(model: ModelProto, fields: ImportFields, limits: Limits) -> NetworkInputs:
    """Raises InvalidSpec at `#/file`, or at `#/input` if the client's description doesn't fit."""
    values = list(model.graph.input)
    if not values:
        raise refuse("The network has no inputs.")
    for value in values:
        _check_type(value)
    dims = {value.name: _dims(value) for value in values}
    rows, notes = _find_rows(dims, model)
    _check_described(fields.input, dims, rows)
    inputs = [_read_input(value, dims[value.name], rows, fields.input or {}, notes) for value in values]
    numbers = sum(input_.spec.size for input_ in inputs)
    if numbers > limits.prediction_numbers:
        raise refuse(f"A row has {numbers:,} numbers; a prediction has at most {limits.prediction_numbers:,}.")
    return NetworkInputs(rows, inputs, notes)


def _check_type(value: ValueInfoProto) -> None:
    if value.type.WhichOneof("value") != "tensor_type":
        what = (value.type.WhichOneof("value") or "value of an unknown type").removesuffix("_type")
        raise refuse(f'The input "{value.name}" is a {what}, not a tensor.')
    kind = value.type.tensor_type.elem_type
    if kind not in (*FLOATS, *INTEGERS, TensorProto.BOOL):
        name = type_name(kind)
        raise refuse(f'The input "{value.name}" has the type {name}; supported are floats, integers and booleans.')
    if not value.type.tensor_type.HasField("shape"):
        raise refuse(f'The shape of the input "{value.name}" isn\'t declared, not even its number of axes.')
    if len(value.type.tensor_type.shape.dim) > MOST_AXES:
        raise refuse(f'The input "{value.name}" has more than {MOST_AXES} axes.')


def type_name(kind: int) -> str:
    return dict(zip(TensorProto.DataType.values(), TensorProto.DataType.keys(), strict=True)).get(kind, "?").lower()


def _dims(value: ValueInfoProto) -> list[int | None]:
    """The lengths of the axes; None for one that isn't fixed."""
    dims: list[int | None] = []
    for dim in value.type.tensor_type.shape.dim:
        dims.append(dim.dim_value if dim.HasField("dim_value") else None)
        if dim.HasField("dim_value") and dim.dim_value <= 0:
            raise refuse(f'The input "{value.name}" has an axis of the length {dim.dim_value}.')
    return dims


def _find_rows(dims: dict[str, list[int | None]], model: ModelProto) -> tuple[Rows, list[str]]:
    """What the first axes of the inputs are, with notes."""
    firsts = {name: lengths[0] if lengths else 0 for name, lengths in dims.items()}
    if all(first is None for first in firsts.values()):
        return "any", []
    if any(first is None for first in firsts.values()):
        fixed = ", ".join(f'"{name}"' for name, first in firsts.items() if first is not None)
        raise refuse(f"Some inputs have an axis of rows of any length, but not {fixed}: all of them need one, or none.")
    if all(first == 1 for first in firsts.values()) and _outputs_one_row(model.graph):
        return "one", ["The network's batch size is fixed to 1: the rows of a request are computed one by one."]
    note = (
        "The network has no first axis of any length, so that an instance is the whole of each input. To send rows, "
        "export it with a dynamic batch axis."
    )
    return "whole", [note]


def _outputs_one_row(graph: GraphProto) -> bool:
    """Whether the outputs, as far as they say it, have a first axis of length 1."""
    shapes = [value.type.tensor_type.shape.dim for value in graph.output if value.type.tensor_type.HasField("shape")]
    return all(len(dims) > 0 and dims[0].dim_value in (0, 1) for dims in shapes)


def _check_described(posted: dict[str, Any] | None, dims: dict[str, list[int | None]], rows: Rows) -> None:
    """Raise InvalidSpec if a network of several inputs needs or has a description, which is of a single one."""
    if len(dims) == 1:
        return
    if posted is not None:
        detail = f"The network in the file has {len(dims)} inputs, but `input` describes a single one: omit it."
        raise refuse(detail, "#/input")
    for name, lengths in dims.items():
        if None in (lengths if rows == "whole" else lengths[1:]):
            detail = f'The network has {len(dims)} inputs, of which "{name}" takes rows of any length'
            raise refuse(f"{detail}: export it with fixed lengths, because `input` describes a single one.")


def _read_input(
    value: ValueInfoProto, dims: list[int | None], rows: Rows, described: dict[str, Any], notes: list[str]
) -> NetworkInput:
    declared = dims if rows == "whole" else dims[1:]
    unknown = sorted(described.keys() - {"shape", "scaling"})
    if unknown:
        detail = f"An ONNX network's input has `shape` and `scaling`, not `{unknown[0][:64]}`."
        raise refuse(detail, pointer_to("input", unknown[0]))
    shape = _read_shape(described.get("shape"))
    if shape is None and None in declared:
        wanted = ["any" if length is None else length for length in declared]
        detail = f'The input "{value.name}" takes rows of the shape {wanted}: say which lengths you send, in `shape`.'
        raise refuse(detail.replace("'", ""), "#/input")
    taken, channels_first = _fit(value.name, declared, shape)
    scaling = _read_scaling(described.get("scaling"))
    kind = value.type.tensor_type.elem_type
    if kind not in FLOATS and scaling is not Scaling.NONE:
        raise refuse(f'The input "{value.name}" takes integers, which aren\'t scaled.', "#/input/scaling")
    if channels_first:
        notes.append(f'The input "{value.name}" takes the channels first; you send them last, as images have them.')
    if None in declared and not channels_first:
        notes.append(f'The input "{value.name}" has axes of any length: rows have the shape {list(taken)} here.')
    spec = InputSpec(shape if channels_first and shape is not None else taken, scaling)
    return NetworkInput(value.name, kind, taken, spec, channels_first)


def _read_shape(posted: Any) -> tuple[int, ...] | None:
    if posted is None:
        return None
    if not isinstance(posted, list) or len(posted) > MOST_AXES or not all(is_integer(n) and n > 0 for n in posted):
        raise refuse("Expected a list of positive integers, the shape of a row without the batch.", "#/input/shape")
    return tuple(posted)


def _fit(name: str, declared: list[int | None], shape: tuple[int, ...] | None) -> tuple[tuple[int, ...], bool]:
    """The shape that the network takes, and whether the client sends its channels last instead of first."""
    if shape is None:
        return tuple(length or 0 for length in declared), False
    if _matches(shape, declared):
        return shape, False
    moved = (shape[-1], *shape[:-1])
    if len(shape) == 3 and _matches(moved, declared):
        return moved, True
    wanted = ", ".join("any" if length is None else str(length) for length in declared)
    raise refuse(f'The input "{name}" takes rows of the shape [{wanted}], not {list(shape)}.', "#/input/shape")


def _matches(shape: tuple[int, ...], declared: list[int | None]) -> bool:
    lengths = zip(shape, declared, strict=True) if len(shape) == len(declared) else None
    return lengths is not None and all(wanted in (None, length) for length, wanted in lengths)


def _read_scaling(posted: Any) -> Scaling:
    if posted is None:
        return Scaling.NONE
    if posted not in (Scaling.NONE, Scaling.UNIT):
        detail = "An imported network takes numbers as they are (`none`) or divided by 255 (`unit`)."
        raise refuse(f"{detail} There are no training rows for `standard`.", "#/input/scaling")
    return Scaling(posted)


def _ranges(input_: NetworkInput, graph: GraphProto) -> list[Vocabulary]:
    if input_.kind in FLOATS:
        return []
    lowest, highest = 0, 1
    if input_.kind != TensorProto.BOOL:
        info = np.iinfo(helper.tensor_dtype_to_np_dtype(input_.kind))
        lowest, highest = max(int(info.min), -EXACT), min(int(info.max), EXACT)
    found = [Vocabulary(input_.name, "", "", highest + 1, lowest)]
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Gather" and node.input[1] == input_.name and node.input[0] in weights:
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
            found.append(Vocabulary(input_.name, node.name or node.output[0], "", weights[node.input[0]].dims[axis]))
    return found
