"""Convolutions and the layers around them as ONNX: other data formats, and what ONNX Runtime makes of their graphs."""

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
IMAGE, SOUND = (7, 6, 4), (40, 2)


def weights(**shapes: tuple[int, ...]) -> Weights:
    generator = np.random.default_rng(1)
    return {f"tested/{name}": generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def export(path: Path, shape: tuple[int, ...], layers: list[dict[str, Any]], arrays: Weights) -> Path:
    document = {"task": "regression", "input": {"shape": list(shape)}, "layers": layers, "loss": "mse"}
    export_onnx(NetworkSpec.from_document(document | {"optimizer": "sgd"}), arrays, path)
    return path


KERNEL = weights(kernel=(3, 3, 4, 5), bias=(5,))
CASES: list[tuple[tuple[int, ...], dict[str, Any], Weights]] = [
    (IMAGE, {"type": "Conv2D", "filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}, KERNEL),
    (IMAGE, {"type": "Conv2DTranspose", "filters": 5, "kernel_size": 3}, weights(kernel=(3, 3, 5, 4), bias=(5,))),
    (IMAGE, {"type": "DepthwiseConv2D", "kernel_size": 3, "use_bias": False}, weights(kernel=(3, 3, 4, 1))),
    (IMAGE, {"type": "MaxPooling2D", "pool_size": 3, "strides": 2, "padding": "same"}, {}),
    (IMAGE, {"type": "GlobalAveragePooling2D", "keepdims": True}, {}),
    (IMAGE, {"type": "AdaptiveMaxPooling2D", "output_size": [3, 2]}, {}),
    (IMAGE, {"type": "AdaptiveAveragePooling2D", "output_size": [3, 9]}, {}),
    (IMAGE, {"type": "ZeroPadding2D", "padding": [[1, 0], [2, 3]]}, {}),
    (IMAGE, {"type": "Cropping2D", "cropping": [[1, 0], [2, 3]]}, {}),
    (IMAGE, {"type": "UpSampling2D", "size": [2, 3], "interpolation": "bicubic"}, {}),
    (IMAGE, {"type": "Resizing", "height": 5, "width": 9, "crop_to_aspect_ratio": True}, {}),
    (IMAGE, {"type": "CenterCrop", "height": 3, "width": 4}, {}),
    (
        SOUND,
        {"type": "STFTSpectrogram", "frame_length": 8, "mode": "stft", "expand_dims": True},
        weights(real_kernel=(8, 1, 5), imag_kernel=(8, 1, 5)),
    ),
]


@pytest.mark.parametrize(("shape", "layer", "arrays"), CASES, ids=[layer["type"] for _, layer, _ in CASES])
def test_channels_first_gives_what_channels_last_gives(
    shape: tuple[int, ...], layer: dict[str, Any], arrays: Weights, tmp_path: Path
) -> None:
    rows = np.random.default_rng(2).normal(size=(3, *shape)).astype(np.float32)
    tested = {**layer, "name": "tested"}
    last = OnnxNetwork(export(tmp_path / "last.onnx", shape, [tested], arrays))
    moved = (shape[-1], *shape[:-1])
    tested["data_format"] = "channels_first"
    first = OnnxNetwork(export(tmp_path / "first.onnx", moved, [tested], arrays))
    expected, found = last.run({"input": rows}), first.run({"input": np.moveaxis(rows, -1, 1)})
    assert np.moveaxis(found, 1, -1) == pytest.approx(expected, abs=1e-5)


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
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    nodes = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    assert nodes == {"Transpose": 1, "FusedConv": 2, "ReduceMean": 1}


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
