"""Quantizes networks to 8 bits with ONNX Runtime's tools: weights per channel, activations by calibration.

docs/variants.md gives the reasons of the options, and docs/decisions/0041-variants-are-int8-in-onnx-runtime.md the
measurements.
"""

import contextlib
import logging
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, version_converter

from models.errors import NotQuantizable
from models.runtime import OnnxNetwork, explain
from models.variants.operations import FLOAT_OUTPUT, TYPES, WEIGHTED, Chosen, choose

OLDEST_OPSET = 13
"""The first opset whose DequantizeLinear takes a scale for each channel."""
QUANTIZE = "QuantizeLinear"


def quantize(path: Path, batches: Iterator[Mapping[str, np.ndarray]], target: Path) -> Chosen:
    """Write the network of `path` with 8-bit weights and activations to `target`; returns what was quantized.

    `batches` are processed rows by input, whose activations set the ranges. Raises NotQuantizable; then there is no
    file at `target`.
    """
    try:
        with tempfile.TemporaryDirectory() as temporary:
            prepared = Path(temporary) / "prepared.onnx"
            chosen = _prepare(path, prepared)
            model = _quantize(prepared, chosen, batches)
            made = prepared.with_name("made.onnx")
            made.write_bytes(model.SerializeToString(deterministic=True))
            OnnxNetwork(made)
            shutil.move(made, target)
    except (NotQuantizable, OSError, MemoryError):
        raise
    except Exception as error:  # ONNX, ONNX Runtime and its tools raise errors of many kinds
        raise NotQuantizable(f"ONNX Runtime's tools can't quantize the network: {explain(error)}.") from error
    return chosen


def _prepare(path: Path, prepared: Path) -> Chosen:
    """Write the network as the tools need it: optimized (constants computed, normalization and bias folded into the
    kernels), with known shapes, and with a name for each node. Returns what can be quantized."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(path)
    if _opset(model) < OLDEST_OPSET:
        model = version_converter.convert_version(model, OLDEST_OPSET)
    source = prepared.with_name("source.onnx")
    onnx.save(model, source)
    with _quiet():
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
    model = onnx.load(prepared)
    _name_nodes(model)
    _flatten_biases(model.graph)
    onnx.save(model, prepared)
    chosen = choose(model.graph)
    if not chosen.nodes:
        counts = ", ".join(f"{type_} ({count})" for type_, count in chosen.unquantized.items())
        *others, last = WEIGHTED
        raise NotQuantizable(
            f"The network has no operation that can be quantized: no {', '.join(others)} or {last} of rows with "
            f"constant float32 weights. It has {counts or 'no operation at all'}."
        )
    return chosen


def _opset(model: ModelProto) -> int:
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=OLDEST_OPSET)


def _name_nodes(model: ModelProto) -> None:
    """Give each node a name of its own, by which the tools know it."""
    taken = set[str]()
    for place, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}#{place}"
        taken.add(node.name)


def _flatten_biases(graph: GraphProto) -> None:
    """Let the biases of products that are rows, (1, units), be (units,): the tools fail with a row."""
    taken = Counter(name for node in graph.node for name in node.input)
    biases = {node.input[2] for node in graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in graph.initializer:
        if tensor.name in biases and taken[tensor.name] == 1 and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]


def _quantize(prepared: Path, chosen: Chosen, batches: Iterator[Mapping[str, np.ndarray]]) -> ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    written = prepared.with_name("quantized.onnx")
    model = onnx.load(prepared, load_external_data=False)
    with _quiet():
        quantize_static(
            prepared,
            written,
            _Reader(model, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(TYPES),
            nodes_to_quantize=sorted(chosen.nodes),
            per_channel=True,
            # VNNI multiplies unsigned by signed numbers; symmetric weights need no correction for a zero point.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    model = onnx.load(written)
    _give_floats(model, chosen)
    return model


class _Reader:
    """onnxruntime.quantization.CalibrationDataReader."""

    def __init__(self, model: ModelProto, batches: Iterator[Mapping[str, np.ndarray]]) -> None:
        self._batches = batches
        self._types = {
            value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in model.graph.input
        }

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch; None after the last one."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        return {name: np.asarray(batch[name], type_) for name, type_ in self._types.items()}


def _give_floats(model: ModelProto, chosen: Chosen) -> None:
    """Let products give float32 to operations that aren't quantized, instead of 8 bits that are converted back: the
    last layer's outputs keep their resolution."""
    graph, takers = model.graph, defaultdict[str, list[NodeProto]](list)
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        for name in node.input:
            takers[name].append(node)
    removed: list[NodeProto] = []
    for forth in [node for node in graph.node if node.op_type == QUANTIZE]:
        maker, backs = makers.get(forth.input[0]), takers[forth.output[0]]
        if maker is None or maker.op_type not in FLOAT_OUTPUT or len(backs) != 1 or len(takers[forth.input[0]]) != 1:
            continue
        if not any(taker.name in chosen.nodes for taker in takers[backs[0].output[0]]):
            maker.output[0] = backs[0].output[0]
            removed += [forth, *backs]
    _remove(graph, removed)
    del graph.value_info[:]  # ONNX Runtime infers shapes again


def _remove(graph: GraphProto, nodes: list[NodeProto]) -> None:
    """Remove nodes, and their scales and zero points if no other node takes them."""
    for node in nodes:
        graph.node.remove(node)
    unused = {name for node in nodes for name in node.input[1:]} - {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name not in unused]
    del graph.initializer[:]
    graph.initializer.extend(kept)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tools' advice in the job's log, which speaks of their own parameters."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
