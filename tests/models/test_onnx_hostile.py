"""ONNX files that are damaged, or made to harm: each is refused with a reason at `#/file`, and leaves nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from models.errors import InvalidInstances, InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportFields
from models.model_files.onnx_file import import_onnx
from models.model_files.onnx_version import make_version
from models.predictor import Predictor

OPSET = 17


def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def constant(name: str, *numbers: int) -> TensorProto:
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def model(
    nodes: list[Any],
    weights: list[TensorProto] | None = None,
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
    **members: Any,
) -> ModelProto:
    """A network of these nodes from `x` (rows of 4) to `y`."""
    graph = helper.make_graph(
        nodes, "g", [value("x", "N", 4)] if inputs is None else inputs, outputs or [value("y", "N", 4)], weights
    )
    opsets = members.pop("opsets", [helper.make_opsetid("", OPSET)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, **members)


def node(operator: str, inputs: list[str], output: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], **attributes)


def declared(*dims: int, **members: Any) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    for name, member in members.items():
        setattr(tensor, name, member)
    return tensor


def external() -> ModelProto:
    tensor = declared(4, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return model([node("Add", ["x", "w"])], [tensor])


def external_in_a_subgraph() -> ModelProto:
    tensor = declared(4, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph([node("Constant", [], "inner", value=tensor)], "b", [], [value("inner", 4)])
    condition = numpy_helper.from_array(np.array(True), "c")
    chosen = node("If", ["c"], "z", then_branch=branch, else_branch=branch)
    return model([chosen, node("Add", ["x", "z"])], [condition])


def conditional(condition: str, nodes: list[Any], output: str) -> onnx.NodeProto:
    """An If whose branches both are these nodes, of which the last gives `z`."""
    branch = helper.make_graph(nodes, "b", [], [value("z")])
    del branch.output[0].type.tensor_type.shape.dim[:]
    return node("If", [condition], output, then_branch=branch, else_branch=branch)


def nested_conditions(depth: int) -> ModelProto:
    nodes = [node("Identity", ["x"], "z")]
    for _ in range(depth):
        nodes = [conditional("c", nodes, "z")]
    return model([*nodes, node("Identity", ["z"])], [numpy_helper.from_array(np.array(True), "c")])


def nested(depth: int) -> bytes:
    """A network within a network, `depth` times: messages that no library would write."""
    inner = b""
    for _ in range(depth):
        for field in (6, 5, 1):  # AttributeProto.g of NodeProto.attribute of GraphProto.node
            inner = bytes([field << 3 | 2]) + varint(len(inner)) + inner
    return model([node("Relu", ["x"])]).SerializeToString() + b"\x3a" + varint(len(inner)) + inner


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 | 128]) + varint(number // 128)


def functions(*bodies: list[Any]) -> ModelProto:
    """Functions f0, f1, …, of which the network calls the last."""
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("own", 1)]
    made = [helper.make_function("own", f"f{i}", ["x"], ["y"], body, opsets) for i, body in enumerate(bodies)]
    return model([node(f"f{len(made) - 1}", ["x"], domain="own")], opsets=opsets, functions=made)


def doubling(times: int) -> ModelProto:
    calls = [[node(f"f{i}", ["x"], "z", domain="own"), node(f"f{i}", ["z"], domain="own")] for i in range(times)]
    return functions([node("Relu", ["x"])], *calls)


def loop_body(nodes: list[Any]) -> onnx.GraphProto:
    """The body of a loop: these nodes, which make of `v` the next `w`, and of `c` the next condition `d`."""
    return helper.make_graph(
        nodes, "b",
        [value("i", kind=TensorProto.INT64), value("c", kind=TensorProto.BOOL), value("v", "N", "K")],
        [value("d", kind=TensorProto.BOOL), value("w", "N", "L")],
    )  # fmt: skip


def loop(nodes: list[Any], count: int) -> ModelProto:
    body = loop_body(nodes)
    weights = [numpy_helper.from_array(np.array(count), "count"), numpy_helper.from_array(np.array(True), "go")]
    return model([node("Loop", ["count", "go", "x"], "z", body=body), node("ReduceMax", ["z"], keepdims=1)], weights)


def doubling_loop() -> ModelProto:
    return loop([node("Identity", ["c"], "d"), node("Concat", ["v", "v"], "w", axis=1)], 40)


CHEAP: dict[str, tuple[Callable[[], ModelProto | bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "a PNG": (lambda: b"\x89PNG\r\n\x1a\n" + b"0" * 50, "is PNG"),
    "a ZIP": (lambda: b"PK\x03\x04" + b"0" * 50, "is zip"),
    "an HDF5 file": (lambda: b"\x89HDF\r\n\x1a\n", "is HDF5"),
    "text": (lambda: b"hello, this is no network at all\n", "isn't an ONNX network"),
    "truncated": (lambda: model([node("Relu", ["x"])]).SerializeToString()[:-20], "damaged"),
    "declared terabytes": (lambda: model([node("Add", ["x", "w"])], [declared(2**40)]), "declares 1,099,511,627,776"),
    "fewer values than declared": (
        lambda: model([node("Add", ["x", "w"])], [declared(4, raw_data=b"\0" * 12)]), "declares 4 values, but .* 3",
    ),
    "a negative dimension": (lambda: model([node("Add", ["x", "w"])], [declared(-4)]), "negative dimension"),
    "external data": (external, "in another file"),
    "external data in a subgraph": (external_in_a_subgraph, "in another file"),
    "a foreign operator": (
        lambda: model(
            [node("Evil", ["x"], domain="com.evil")],
            opsets=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.evil", 1)],
        ),
        'domain "com.evil"',
    ),
    "an operator of ONNX Runtime's own": (
        lambda: model(
            [node("Gelu", ["x"], domain="com.microsoft")],
            opsets=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)],
        ),
        'domain "com.microsoft"',
    ),
    "a foreign operator without an import": (lambda: model([node("Evil", ["x"], domain="com.evil")]), "com.evil"),
    "a foreign operator in a function": (
        lambda: functions([node("Evil", ["x"], domain="com.evil")]), 'operator "Evil" is of the domain',
    ),
    "an old opset": (lambda: model([node("Relu", ["x"])], opsets=[helper.make_opsetid("", 6)]), "opset 6 .* lowest"),
    "a future opset": (lambda: model([node("Relu", ["x"])], opsets=[helper.make_opsetid("", 999)]), "ONNX"),
    "an unknown operator": (lambda: model([node("NoSuchOperator", ["x"])]), "NoSuchOperator"),
    "a cycle": (lambda: model([node("Add", ["x", "z"]), node("Relu", ["y"], "z")]), "valid ONNX network: Nodes"),
    "a function that calls itself": (
        lambda: functions([node("f0", ["x"], domain="own")]), "calls itself",
    ),
    "functions that double 30 times": (lambda: doubling(30), "more than 20,000 nodes"),
    "a name that isn't UTF-8": (
        lambda: model([node("Relu", ["x"], name="broken")]).SerializeToString().replace(b"broken", b"brok\xe9n"),
        "isn't UTF-8",
    ),
    "metadata that isn't UTF-8": (
        lambda: model([node("Relu", ["x"])]).SerializeToString() + b"\x72\x03\x0a\x01\xe9", "isn't UTF-8",
    ),
    "a control character": (lambda: model([node("Relu", ["x"], name="a\x1b[31m")]), "can't be printed"),
    "a control character in an input": (
        lambda: model([node("Relu", ["x\n"])], inputs=[value("x\n", "N", 4)]), "can't be printed",
    ),
    "two inputs of a name": (
        lambda: model([node("Relu", ["x"])], inputs=[value("x", "N", 4), value("x", "N", 4)]), "same name",
    ),
    "two tensors of a name": (lambda: model([node("Relu", ["x"]), node("Relu", ["x"])]), "valid ONNX network"),
    "no inputs": (lambda: model([node("Relu", ["x"])], [declared(4, raw_data=b"\0" * 16)], inputs=[]), "ONNX"),
    "nothing": (lambda: model([]), "no nodes"),
    "a text input": (
        lambda: model([node("Identity", ["x"])], inputs=[value("x", "N", 1, kind=TensorProto.STRING)],
                      outputs=[value("y", "N", 1, kind=TensorProto.STRING)]), "type string",
    ),
    "a size from the values": (
        lambda: model([node("Cast", ["x"], "s", to=7), node("Reshape", ["s", "flat"], "t"), node("Expand", ["o", "t"])],
                      [constant("flat", -1), numpy_helper.from_array(np.ones(1, np.float32), "o")]),
        r"\(Expand\) can't be served: the values of an input",
    ),
    "subgraphs of subgraphs": (lambda: nested_conditions(9), "nested too deep"),
    "a loop that values end": (
        lambda: loop([node("ReduceSum", ["v"], "s", keepdims=0), node("Cast", ["s"], "d", to=TensorProto.BOOL),
                      node("Identity", ["v"], "w")], 2**40),
        r"\(Loop\) can't be served: the values of an input decide how often",
    ),
    "a short loop that values end": (
        lambda: loop([node("ReduceSum", ["v"], "s", keepdims=0), node("Cast", ["s"], "d", to=TensorProto.BOOL),
                      node("Identity", ["v"], "w")], 1000),
        r"\(Loop\) can't be served: the values of an input decide how often",
    ),
    "a loop that values begin": (
        lambda: model([node("ReduceSum", ["x"], "s", keepdims=0), node("Cast", ["s"], "go", to=TensorProto.BOOL),
                       node("Loop", ["", "go", "x"], body=loop_body([node("Identity", ["c"], "d"),
                                                                     node("Identity", ["v"], "w")]))]),
        r"\(Loop\) can't be served",
    ),
    "a large tensor of which only the size is served": (
        lambda: model([node("Reshape", ["x", "flat"], "f"), node("Cast", ["f"], "b", to=TensorProto.BOOL),
                       node("Compress", ["f", "b"], "c", axis=0), node("Unsqueeze", ["c", "one"], "r"),
                       node("Mul", ["c", "r"], "z"), node("Size", ["z"], "s"), node("Cast", ["s"], "t", to=1),
                       node("Add", ["x", "t"])], [constant("flat", -1), constant("one", 1)]),
        "shape of the output",
    ),
    "pieces as long as values say": (
        lambda: model([node("Reshape", ["x", "flat"], "f"), node("ReduceMax", ["x"], "m", keepdims=0),
                       node("Cast", ["m"], "n", to=7), node("SplitToSequence", ["f", "n"], "q", axis=0),
                       node("SequenceAt", ["q", "zero"], "p"), node("ReduceMax", ["p"], "t", keepdims=0),
                       node("Add", ["x", "t"])],
                      [constant("flat", -1), numpy_helper.from_array(np.array(0), "zero")]),
        "shape of the output",
    ),
    "a branch that values choose": (
        lambda: model([node("ReduceSum", ["x"], "s", keepdims=0), node("Cast", ["s"], "c", to=TensorProto.BOOL),
                       conditional("c", [node("Identity", ["x"], "z")], "y")]),
        r"\(If\) can't be served",
    ),
    "an output of any shape": (
        lambda: model([node("NonZero", ["x"], "z"), node("Cast", ["z"], to=1)]), "shape of the output",
    ),
    "an axis that isn't the rows": (
        lambda: model([node("Transpose", ["x"], perm=[1, 0])], outputs=[value("y", 4, "N")]),
        "first axis isn't the rows",
    ),
    "an output without the input": (
        lambda: model([node("Identity", ["w"])], [declared(4, raw_data=b"\0" * 16)]), "depends on none",
    ),
    "more numbers in a row than 64 bits count": (
        lambda: model([node("Relu", ["x"])], inputs=[value("x", "N", 2**40, 2**40)],
                      outputs=[value("y", "N", "M", "K")]),
        "A row has 1,208,925,819,614,629,174,706,176 numbers",
    ),
    "several inputs, one with rows of any length": (
        lambda: model([node("Add", ["x", "z"])], inputs=[value("x", "N", 1), value("z", "N", "K")],
                      outputs=[value("y", "N", "K")]),
        '2 inputs, of which "z" takes rows of any length: export it with fixed lengths',
    ),
    "too few coefficients": (
        lambda: model([helper.make_node("LinearClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", coefficients=[1.0],
                                        intercepts=[0.0] * 2, classlabels_ints=[0, 1])],
                      opsets=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]),
        "initialization: coefficients",
    ),
    "a sparse tensor": (
        lambda: model([node("Constant", [], "s", sparse_value=helper.make_sparse_tensor(
            helper.make_tensor("v", 1, [1], [1.0]), constant("i", 0), [2**40])), node("Relu", ["x"])]),
        "sparse",
    ),
}  # fmt: skip


def a_million_nodes() -> ModelProto:
    made = model([node("Relu", ["x"], "y0"), node("Relu", ["y0"])])
    made.graph.node.extend([made.graph.node[0]] * 1_000_000)  # they are counted before their names are compared
    return made


COSTLY: dict[str, tuple[Callable[[], ModelProto | bytes], str]] = {
    "folded to gigabytes": (
        lambda: model([node("ConstantOfShape", ["s"], "z"), node("ReduceMax", ["z"], "m", keepdims=0),
                       node("Add", ["x", "m"])], [constant("s", 2**20, 2**20)]), "memory|can't load|can't compute",
    ),
    "tiled to gigabytes": (
        lambda: model([node("Tile", ["x", "r"], "z"), node("ReduceMax", ["z"], "m", axes=[1], keepdims=1),
                       node("Add", ["x", "m"])], [constant("r", 1, 2**30)]), "memory|can't compute",
    ),
    "a loop that doubles a tensor": (doubling_loop, "memory|can't compute"),
    "nested too deep": (lambda: nested(1000), "nested too deep"),
    "a million nodes": (a_million_nodes, "more than 20,000 nodes"),
}  # fmt: skip


def write(path: Path, made: ModelProto | bytes) -> Path:
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


@pytest.mark.parametrize("what", CHEAP)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, what: str) -> None:
    make, words = CHEAP[what]
    with pytest.raises(InvalidSpec, match=words) as caught:
        make_version(write(tmp_path / "a.onnx", make()), ImportFields(), tmp_path, Limits())
    assert [fault.pointer for fault in caught.value.faults] == ["#/file"]
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize("what", COSTLY)
def test_a_file_that_would_exhaust_the_machine_harms_only_its_own_process(tmp_path: Path, what: str) -> None:
    make, words = COSTLY[what]
    folder = tmp_path / "version"
    folder.mkdir()
    with pytest.raises(InvalidSpec, match=words) as caught:
        import_onnx(write(tmp_path / "a.onnx", make()), ImportFields(), folder, Limits())
    assert [fault.pointer for fault in caught.value.faults] == ["#/file"]
    assert not list(folder.iterdir())


def test_a_row_that_needs_more_memory_than_the_limit_is_refused_and_a_large_one_is_computed_alone(
    tmp_path: Path,
) -> None:
    tile = model(
        [node("Tile", ["x", "r"], "z"), node("ReduceMax", ["z"], "m", axes=[1], keepdims=1), node("Add", ["x", "m"])],
        [constant("r", 1, 2**20)],
    )
    path = write(tmp_path / "a.onnx", tile)
    with pytest.raises(InvalidSpec, match="bytes of tensors for one row; the limit is 4,000"):
        make_version(path, ImportFields(), tmp_path, Limits(activations_per_row=1000))
    make_version(path, ImportFields(), tmp_path, Limits())
    assert json.loads((tmp_path / "preprocessing.json").read_text())["rows_at_once"] == 2


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a\0b", "c", "d"], "without U+0000"),
        (["a" * 1000, "c", "d"], "1 to 256 characters"),
        (["", "c", "d"], "1 to 256 characters"),
        (["a", "\x1b[31m", "\x1b[31m"], "listed twice"),
        ([7, 8, 2**62], "a text of"),
    ],
)
def test_classes_that_a_file_names_are_those_that_a_client_could_send(
    tmp_path: Path, names: list[Any], says: str
) -> None:
    labels: dict[str, Any] = {"classlabels_strings" if isinstance(names[0], str) else "classlabels_ints": names}
    made = model(
        [helper.make_node("LinearClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", coefficients=[1.0] * 12,
                          intercepts=[0.0] * 3, **labels)],
        outputs=[value("y", "N", 3)],
        opsets=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)],
    )  # fmt: skip
    path = write(tmp_path / "a.onnx", made)
    with pytest.raises(InvalidSpec) as caught:
        make_version(path, ImportFields(), tmp_path, Limits())
    assert [fault.pointer for fault in caught.value.faults] == ["#/classes"]
    assert says in caught.value.detail
    assert caught.value.detail.isprintable()
    named = make_version(path, ImportFields(classes=["a", "b", "c"]), tmp_path, Limits())
    assert named.version.classes == ["a", "b", "c"]


def test_a_loop_that_counts_its_steps_is_served_also_without_a_maximum(tmp_path: Path) -> None:
    body = [node("Less", ["i", "three"], "d"), node("Add", ["v", "v"], "w")]
    counting = model(
        [node("Loop", ["", "go", "x"], body=loop_body(body))],
        [numpy_helper.from_array(np.array(True), "go"), numpy_helper.from_array(np.array(3), "three")],
    )
    make_version(write(tmp_path / "a.onnx", counting), ImportFields(), tmp_path, Limits())
    assert Predictor.load(tmp_path).predict([[1, 2, 3, 4]]).predictions == [{"value": [16, 32, 48, 64]}]


def test_rows_that_depend_on_each_other_are_computed_one_by_one(tmp_path: Path) -> None:
    centred = model([node("ReduceMean", ["x"], "m", axes=[0], keepdims=1), node("Sub", ["x", "m"])])
    network = make_version(write(tmp_path / "a.onnx", centred), ImportFields(), tmp_path, Limits())
    assert any("depends on the other rows" in note for note in network.notes)
    assert json.loads((tmp_path / "preprocessing.json").read_text())["rows_at_once"] == 1


def test_the_files_metadata_and_functions_are_not_kept(tmp_path: Path) -> None:
    made = functions([node("Relu", ["x"])], [node("f0", ["x"], domain="own")])
    made.metadata_props.add(key="ort_config", value='{"session_options": {}}')
    network = make_version(write(tmp_path / "a.onnx", made), ImportFields(), tmp_path, Limits())
    assert network.notes[0] == "The file's own metadata isn't kept: ort_config."
    kept = onnx.load(tmp_path / "network.onnx")
    assert not kept.metadata_props
    assert not kept.functions
    assert [one.op_type for one in kept.graph.node] == ["Relu"]
    assert [one.domain for one in kept.opset_import] == [""]


def test_a_network_that_looks_up_numbers_sent_as_floats_is_served_and_unknown_numbers_are_refused(
    tmp_path: Path,
) -> None:
    table = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "table")
    looked_up = model(
        [node("Cast", ["x"], "i", to=7), node("Gather", ["table", "i"], "rows"), node("ReduceSum", ["rows", "axes"])],
        [table, constant("axes", 1, 2)], outputs=[value("y", "N", 1)],
    )  # fmt: skip
    looked_up.graph.node[2].attribute.add(name="keepdims", i=0, type=onnx.AttributeProto.INT)
    make_version(write(tmp_path / "a.onnx", looked_up), ImportFields(), tmp_path, Limits())
    predictor = Predictor.load(tmp_path)
    assert predictor.predict([[0, 1, 2, 0]]).predictions == [{"value": 6 + 22 + 38 + 6}]
    with pytest.raises(InvalidInstances, match=r"can't compute these rows: .*out of data bounds"):
        predictor.predict([[0, 1, 2, 3]])
