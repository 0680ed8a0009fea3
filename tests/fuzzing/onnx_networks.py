"""ONNX files: edited as bytes, and as messages whose nodes, tensors, shapes and attributes are edited."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import onnx
from hypothesis import strategies as st

from tests.fuzzing.edits import COUNTS, EDIT_COUNTS, edited
from tests.fuzzing.keras_networks import PATH, imports
from tests.fuzzing.request import upload
from tests.running_service import ROOT

FOLDER = ROOT / "tests" / "models" / "onnx_files"
OPERATORS = (
    "Add", "MatMul", "Gemm", "Relu", "Reshape", "Expand", "Tile", "Concat", "Transpose", "Softmax", "Gather", "NonZero",
    "ConstantOfShape", "Cast", "Identity", "Flatten", "Conv", "Loop", "If", "Scan", "Shape", "Range", "OneHot", "Evil",
    "RandomNormal", "StringNormalizer", "TreeEnsembleClassifier", "ZipMap", "Pad", "Resize", "LSTM", "ReduceSum",
)  # fmt: skip
TEXTS = ("", "x", "N", "\n", "\x1b[31m", "é", "a" * 3000, "ai.onnx.ml", "com.microsoft", "../etc/passwd", "batch")
NUMBERS = (*COUNTS[:-2], 2**62, -1, -2, -(2**31), -(2**63))
WORDS = (b"\x08", b"\x12", b"\x3a", b"\xff" * 9 + b"\x01", b"\0" * 8, b"MatMul", b"ai.onnx.ml")
Place = tuple[Any, str]
"""A message and the name of one of its fields."""


@cache
def files() -> tuple[bytes, ...]:
    """The networks that scikit-learn and PyTorch exported."""
    return tuple(path.read_bytes() for path in sorted(FOLDER.glob("*.onnx")))


@st.composite
def network_files(draw: st.DrawFn) -> bytes:
    """A network with a few edits: of its bytes, or of its messages, or of both."""
    kind = draw(st.sampled_from(("bytes", "messages", "messages", "messages", "both")))
    data = draw(st.sampled_from(files()))
    if kind != "bytes":
        network = onnx.ModelProto.FromString(data)
        for _ in range(draw(st.sampled_from(EDIT_COUNTS))):
            _edit(draw, network)
        data = network.SerializeToString()
    return data if kind == "messages" else draw(edited([data, *files()], WORDS))


def _edit(draw: st.DrawFn, network: onnx.ModelProto) -> None:
    """Edit a field of any message, an operator, what it takes, or a dimension of an input or output."""
    kind = draw(st.sampled_from(("field", "field", "field", "operator", "inputs", "shape")))
    nodes = network.graph.node
    if kind == "operator" and nodes:
        draw(st.sampled_from(list(nodes))).op_type = draw(st.sampled_from(OPERATORS))
    elif kind == "inputs" and nodes:
        names = [name for node in nodes for name in (*node.input, *node.output)]
        chosen = draw(st.sampled_from(list(nodes)))
        del chosen.input[:]
        chosen.input.extend(draw(st.lists(st.sampled_from([*names, "", "nothing"]), max_size=4)))
    elif kind == "shape":
        values = [*network.graph.input, *network.graph.output]
        if values:
            dims = draw(st.sampled_from(values)).type.tensor_type.shape.dim
            draw(st.sampled_from(list(dims) or [dims.add()])).dim_value = draw(st.sampled_from(NUMBERS))
    elif places := list(_places(network)):
        message, name = draw(st.sampled_from(places))
        draw(st.sampled_from(FIELD_EDITS))(draw, message, name)


def _places(message: Any) -> Iterator[Place]:
    """Every field that is set, in the message and in those within it."""
    for field, value in message.ListFields():
        yield message, field.name
        if field.type == field.TYPE_MESSAGE:
            for item in value if _is_list(value) else [value]:
                yield from _places(item)


def _is_list(value: Any) -> bool:
    return hasattr(value, "append")


def _clear(draw: st.DrawFn, message: Any, name: str) -> None:
    message.ClearField(name)


def _set_value(draw: st.DrawFn, message: Any, name: str) -> None:
    """Set a number, a text or bytes; of a list, one of its items."""
    value = getattr(message, name)
    items = list(value) if _is_list(value) else [value]
    place = draw(st.integers(0, max(0, len(items) - 1)))
    if not items or not isinstance(items[place], int | float | str | bytes):
        return
    items[place] = _like(draw, items[place])
    try:
        if _is_list(value):
            value[place] = items[place]
        else:
            setattr(message, name, items[place])
    except ValueError:  # a number that the field can't hold
        return


def _like(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, int):
        return draw(st.sampled_from(NUMBERS))
    if isinstance(value, float):
        return draw(st.sampled_from((0.0, -1.0, 1e38, float("nan"), float("inf"))))
    if isinstance(value, str):
        return draw(st.sampled_from((*TEXTS, *OPERATORS)))
    return draw(edited([value])) if value else b"\0" * 8


def _repeat(draw: st.DrawFn, message: Any, name: str) -> None:
    """Repeat the items of a list, or shorten it."""
    value = getattr(message, name)
    if _is_list(value) and len(value):
        items = list(value) * min(draw(st.sampled_from((0, 2, 100, 3000))), 20_000 // len(value))
        del value[1:]
        value.extend(items)


def _swap(draw: st.DrawFn, message: Any, name: str) -> None:
    value = getattr(message, name)
    if _is_list(value):
        items = draw(st.permutations(list(value)))
        copies = [type(item).FromString(item.SerializeToString()) if hasattr(item, "ListFields") else item
                  for item in items]  # fmt: skip
        del value[:]
        value.extend(copies)


FIELD_EDITS: tuple[Callable[[Any, Any, str], None], ...] = (_clear, _set_value, _set_value, _set_value, _repeat, _swap)

ONNX = imports(network_files(), "onnx")
GROWING = upload(PATH, (FOLDER / "torch_mlp.onnx").read_bytes(), "first.onnx", {"name": "imported"})
"""The request for a model that gets versions."""
