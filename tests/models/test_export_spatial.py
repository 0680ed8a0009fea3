"""Convolutions and the layers around them as ONNX: what ONNX Runtime makes of their graphs, and interpolation."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from models.export import export_onnx
from models.export.interpolation import interpolation_matrix, nearest_cells
from models.runtime import OnnxNetwork
from models.spec import NetworkSpec

Weights = dict[str, np.ndarray]
IMAGE = (7, 6, 4)


def export(path: Path, shape: tuple[int, ...], layers: list[dict[str, Any]], arrays: Weights) -> Path:
    document = {"task": "regression", "input": {"shape": list(shape)}, "layers": layers, "loss": "mse"}
    export_onnx(NetworkSpec.from_document(document | {"optimizer": "sgd"}), arrays, path)
    return path


def optimized_nodes(path: Path) -> Counter[str]:
    """How often each operator is in the graph that ONNX Runtime runs, without those of one processor."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


def test_a_convolution_its_normalization_and_activation_become_one_node(tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = []
    arrays: Weights = {}
    for place, (type_, kernel) in enumerate({"Conv2D": (3, 3, 4, 8), "DepthwiseConv2D": (3, 3, 8, 1)}.items()):
        sizes = {"filters": 8} if type_ == "Conv2D" else {}
        layers.append({"type": type_, "name": f"c{place}", "kernel_size": 3, "use_bias": False, **sizes})
        layers.append({"type": "BatchNormalization", "name": f"n{place}"})
        layers.append({"type": "Activation", "activation": "relu6"})
        arrays[f"c{place}/kernel"] = np.ones(kernel, np.float32)
        arrays |= {f"n{place}/{n}": np.ones(8, np.float32) for n in ("gamma", "beta", "moving_mean", "moving_variance")}
    path = export(tmp_path / "network.onnx", IMAGE, [*layers, {"type": "GlobalAveragePooling2D"}], arrays)
    nodes = optimized_nodes(path)
    assert nodes == {"Transpose": 1, "FusedConv": 2, "ReduceMean": 1}


def test_sequences_stay_images_from_convolution_to_convolution(tmp_path: Path) -> None:
    convolution: dict[str, Any] = {"type": "Conv1D", "filters": 8, "kernel_size": 3, "use_bias": False}
    layers = [
        {**convolution, "name": "c0"},
        {"type": "BatchNormalization", "name": "n0"},
        {"type": "ReLU"},
        {"type": "Dropout", "rate": 0.5},
        {"type": "MaxPooling1D"},
        {**convolution, "name": "c1", "activation": "relu"},
        {"type": "GlobalMaxPooling1D"},
    ]
    arrays = {f"n0/{name}": np.ones(8, np.float32) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    arrays |= {"c0/kernel": np.ones((3, 2, 8), np.float32), "c1/kernel": np.ones((3, 8, 8), np.float32)}
    nodes = optimized_nodes(export(tmp_path / "network.onnx", (40, 2), layers, arrays))
    assert nodes == {"Unsqueeze": 1, "Transpose": 2, "FusedConv": 2, "MaxPool": 1, "Squeeze": 1, "ReduceMax": 1}


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_zeros_of_a_padding_layer_count_in_the_pooling_after_it(padding: str, tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = [
        {"type": "MaxPooling2D", "pool_size": 1},
        {"type": "ZeroPadding2D", "padding": 3},
        {"type": "MaxPooling2D", "pool_size": [3, 1], "strides": [1, 2], "padding": padding},
    ]
    network = OnnxNetwork(export(tmp_path / "network.onnx", IMAGE, layers, {}))
    outputs = network.run({"input": np.full((1, *IMAGE), -1, np.float32)})
    rows, columns = (slice(3, 8), slice(2, 5)) if padding == "valid" else (slice(4, 9), slice(2, 5))
    expected = np.zeros((11 if padding == "valid" else 13, 6))
    expected[rows, columns] = -1
    assert outputs[0, :, :, 0].tolist() == expected.tolist()


def test_images_are_interpolated_along_any_axes_of_the_input(tmp_path: Path) -> None:
    image = np.random.default_rng(3).random((1, 6, 2, 4), np.float32)
    layers: list[dict[str, Any]] = [
        {"type": "Permute", "dims": [3, 1, 2]},
        {"type": "UpSampling2D", "interpolation": "bilinear"},
    ]
    network = OnnxNetwork(export(tmp_path / "network.onnx", image.shape[1:], layers, {}))
    rows, columns = (interpolation_matrix(length, 2 * length, "bilinear", False) for length in (4, 6))
    expected = np.einsum("ic,jh,hwc->ijw", rows, columns, image[0])
    assert network.run({"input": image})[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("length", "new_length"), [(1, 5), (9, 4), (4, 9), (7, 7)])
def test_the_weights_of_a_new_cell_sum_to_one(method: str, antialias: bool, length: int, new_length: int) -> None:
    matrix = interpolation_matrix(length, new_length, method, antialias)
    assert matrix.shape == (new_length, length)
    assert matrix.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_the_nearest_cell_is_that_below_the_center() -> None:
    assert nearest_cells(4, 8).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert nearest_cells(5, 2).tolist() == [1, 3]


@pytest.mark.parametrize(("length", "size"), [(20, 40), (300, 224), (100, 33)])
def test_a_linear_interpolation_is_exact_in_large_images(length: int, size: int, tmp_path: Path) -> None:
    image = np.random.default_rng(1).random((1, length, length, 1), np.float32)
    layer = {"type": "Resizing", "height": size, "width": size}
    network = OnnxNetwork(export(tmp_path / "network.onnx", image.shape[1:], [layer], {}))
    matrix = interpolation_matrix(length, size, "bilinear", False)
    expected = matrix @ image[0, :, :, 0] @ matrix.T
    assert network.run({"input": image})[0, :, :, 0] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("length", "new_length"), [(3, 5), (6, 17)])
def test_a_scale_that_32_bits_round_down_gives_all_new_cells(length: int, new_length: int, tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = [
        {"type": "Resizing", "height": new_length, "width": new_length},
        {"type": "Flatten"},
    ]
    path = export(tmp_path / "network.onnx", (length, length, 1), layers, {})
    rows = np.ones((2, length, length, 1), np.float32)
    assert OnnxNetwork(path).run({"input": rows}) == pytest.approx(np.ones((2, new_length**2)))
