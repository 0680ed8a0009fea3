"""Converts TensorFlow operators that tf2onnx doesn't convert, or converts incorrectly; one function per operator.

Each function takes tf2onnx's graph, the operator's node and its name, and replaces the node by ONNX nodes.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from onnx import TensorProto
from tf2onnx.onnx_opset.math import FloorMod
from tf2onnx.onnx_opset.nn import ConvOp, ConvTranspose


def replace_erfc(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Replace erfc(x), a part of gelu, by 1 - erf(x)."""
    erf = graph.make_node("Erf", node.input)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    replace(graph, node, "Sub", [one.output[0], erf.output[0]])


def replace_expm1(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Replace expm1(x), a part of celu, by exp(x) - 1."""
    exp = graph.make_node("Exp", node.input)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    replace(graph, node, "Sub", [exp.output[0], one.output[0]])


def replace_bucketize(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Replace the bin of x, the number of boundaries that it has reached, by a sum of comparisons."""
    boundaries = graph.make_const(f"{name}_boundaries", np.array(node.get_attr_value("boundaries"), np.float32))
    axis = graph.make_const(f"{name}_axis", np.array([-1], np.int64)).output[0]
    apart = graph.make_node("Unsqueeze", [node.input[0], axis]).output[0]
    reached = graph.make_node("GreaterOrEqual", [apart, boundaries.output[0]]).output[0]
    counted = graph.make_node("Cast", [reached], attr={"to": TensorProto.INT32}).output[0]
    replace(graph, node, "ReduceSum", [counted, axis], keepdims=0)


def replace_resize(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Replace the resizing of images by a matrix for the height and one for the width.

    ONNX has no Lanczos interpolation or area averaging, and its cubic interpolation differs at the borders.
    """
    _, height, width, _ = graph.get_shape(node.input[0])
    _, new_height, new_width, _ = graph.get_shape(node.output[0])
    rows = graph.make_const(f"{name}_rows", resizing_matrix(node, height, new_height)).output[0]
    columns = graph.make_const(f"{name}_columns", resizing_matrix(node, width, new_width)).output[0]
    replace(graph, node, "Einsum", [rows, node.input[0], columns], equation="ph,bhwc,qw->bpqc")


def resizing_matrix(node: Any, length: int, new_length: int) -> np.ndarray:
    """The weight of each old pixel in each new one (new_length, length), computed by resizing single pixels."""
    size = (new_length, 1)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        pixels = tf.eye(length)[None, :, None, :]
        if node.type == "ResizeBicubic":
            centers = bool(node.get_attr_value("half_pixel_centers"))
            resized = tf.raw_ops.ResizeBicubic(images=pixels, size=size, half_pixel_centers=centers)
        else:
            resized = tf.raw_ops.ScaleAndTranslate(
                images=pixels,
                size=size,
                scale=(new_length / length, 1.0),
                translation=(0.0, 0.0),
                kernel_type=node.get_attr_value("kernel_type").decode(),
                antialias=bool(node.get_attr_value("antialias", True)),
            )
        matrix: np.ndarray = session.run(resized)[0, :, 0, :]
    return matrix


def replace_conv3d(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert with tf2onnx, and add the groups of 3D convolutions, which it omits."""
    channels, of_a_group = graph.get_shape(node.input[0])[-1], graph.get_shape(node.input[1])[-2]
    ConvOp.version_11(graph, node)
    node.set_attr("group", channels // of_a_group)


def replace_conv_transpose(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Convert with tf2onnx, and fix its negative cropping if the output is longer than the kernels reach."""
    ConvTranspose.version_11(graph, node)
    transpose = graph.get_node_by_name(name)
    pads = np.reshape(transpose.get_attr_value("pads"), (2, -1))
    total = pads.sum(axis=0)
    if total.min() < 0:
        pads = np.where(total < 0, 0, pads)
        transpose.set_attr("pads", pads.reshape(-1).tolist())
        transpose.set_attr("output_padding", np.maximum(-total, 0).tolist())


def replace_real(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    replace_part_of_fourier(graph, node, np.cos)


def replace_imag(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    replace_part_of_fourier(graph, node, lambda angles: -np.sin(angles))


def replace_part_of_fourier(graph: Any, node: Any, wave: Any) -> None:
    """Replace the real or imaginary part of a Fourier transform of real numbers by a matrix of waves, in 64 bits: in 32
    bits, rounding would hide weak frequencies next to strong ones."""
    transform = node.inputs[0]
    length = int(transform.inputs[1].get_tensor_value(as_list=False).item())
    angles = 2 * np.pi / length * np.outer(np.arange(length), np.arange(length // 2 + 1))
    waves = graph.make_const(f"{node.name}_waves", wave(angles)).output[0]
    samples = graph.make_node("Cast", [transform.input[0]], attr={"to": TensorProto.DOUBLE}).output[0]
    part = graph.make_node("MatMul", [samples, waves]).output[0]
    replace(graph, node, "Cast", [part], to=TensorProto.FLOAT)


def replace_floor_mod(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Replace integer FloorMod by ONNX's Mod, which rounds down; tf2onnx rounds the quotients towards zero."""
    if graph.get_dtype(node.input[0]) in (TensorProto.INT32, TensorProto.INT64):
        replace(graph, node, "Mod", node.input)
    else:
        FloorMod.version_7(graph, node)


def keep(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """Keep an operator that its consumers will replace."""


def replace(graph: Any, node: Any, type_: str, inputs: list[str], **attributes: Any) -> None:
    """Replace a TensorFlow node by an ONNX node."""
    output = node.output[0]
    shape, dtype = graph.get_shape(output), graph.get_dtype(output)
    graph.remove_node(node.name)
    graph.make_node(type_, inputs, attr=attributes, outputs=[output], name=node.name, shapes=[shape], dtypes=[dtype])


HANDLERS: dict[str, tuple[Any, list[Any]]] = {
    "Erfc": (replace_erfc, []),
    "Expm1": (replace_expm1, []),
    "Bucketize": (replace_bucketize, []),
    "ResizeBicubic": (replace_resize, []),
    "ScaleAndTranslate": (replace_resize, []),
    "Conv3D": (replace_conv3d, []),
    "Conv2DBackpropInput": (replace_conv_transpose, []),
    "Conv3DBackpropInputV2": (replace_conv_transpose, []),
    "FloorMod": (replace_floor_mod, []),
    "RFFT": (keep, []),
    "Real": (replace_real, []),
    "Imag": (replace_imag, []),
}
"""The replacement of each operator, and the arguments that tf2onnx passes to it."""
