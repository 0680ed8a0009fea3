"""The model specs and datasets of the reference jobs, as a client posts them; other tests post the smallest too."""

from typing import Any

LINE_DATASET = {
    "name": "line",
    "source": "inline",
    "inputs": [[-1], [0], [1], [2], [3], [4]],
    "targets": [[-3], [-1], [1], [3], [5], [7]],
}
LINE = {
    "name": "line",
    "task": "regression",
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": "sgd",
    "loss": "mean_squared_error",
}
RINGS_DATASET = {
    "name": "rings",
    "source": "circles",
    "parameters": {"samples": 1000, "noise": 0.05, "factor": 0.5, "seed": 7},
    "split": {"validation": 0.2, "test": 0.2, "seed": 7},
}
RINGS = {
    "name": "rings",
    "task": "binary",
    "input": {"shape": [2]},
    "layers": [
        *({"type": "Dense", "units": units, "activation": "relu"} for units in (4, 6, 6, 4)),
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
    "optimizer": "adam",
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
}
STATEFUL: dict[str, Any] = {
    "name": "stateful",
    "task": "binary",
    "input": {"shape": [2], "scaling": "standard"},
    "layers": [
        {"type": "Dense", "units": 32, "activation": "relu"},
        {"type": "BatchNormalization"},
        {"type": "Dropout", "rate": 0.3},
        {"type": "Dense", "units": 16, "activation": "relu"},
        {"type": "Dropout", "rate": 0.2},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
    "optimizer": "adam",
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
}
"""A network with every kind of state: weights, moving averages, random masks, an optimizer's moments."""
DIGITS = {
    "name": "digits-mlp",
    "task": "multiclass",
    "input": {"shape": [28, 28], "scaling": "unit"},
    "layers": [
        {"type": "Flatten"},
        {"type": "Dense", "units": 512, "activation": "relu"},
        {"type": "Dense", "units": 10, "activation": "softmax"},
    ],
    "optimizer": {"type": "RMSprop", "learning_rate": 0.001},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
}
CIFAR_DENSE: dict[str, Any] = {
    "name": "cifar-dense",
    "task": "multiclass",
    "input": {"shape": [32, 32, 3], "scaling": "unit"},
    "layers": [
        {"type": "Flatten"},
        {"type": "Dense", "units": 200, "activation": "relu"},
        {"type": "Dense", "units": 150, "activation": "relu"},
        {"type": "Dense", "units": 10, "activation": "softmax"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.0005},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
}
CIFAR_CONVOLUTIONAL: dict[str, Any] = {
    **CIFAR_DENSE,
    "name": "cifar-convolutional",
    "layers": [
        *(
            layer
            for filters, strides in ((32, 1), (32, 2), (64, 1), (64, 2))
            for layer in (
                {"type": "Conv2D", "filters": filters, "kernel_size": 3, "strides": strides, "padding": "same"},
                {"type": "BatchNormalization"},
                {"type": "LeakyReLU"},
            )
        ),
        {"type": "Flatten"},
        {"type": "Dense", "units": 128},
        {"type": "BatchNormalization"},
        {"type": "LeakyReLU"},
        {"type": "Dropout", "rate": 0.5},
        {"type": "Dense", "units": 10, "activation": "softmax"},
    ],
}

CIFAR_DENSE_GRAPH: dict[str, Any] = {
    **CIFAR_DENSE,
    "name": "cifar-dense-graph",
    "layers": [
        {"type": "Flatten", "name": "flat", "inputs": ["input"]},
        {"type": "Dense", "name": "first", "inputs": ["flat"], "units": 200, "activation": "relu"},
        {"type": "Dense", "name": "second", "inputs": ["first"], "units": 150, "activation": "relu"},
        {"type": "Dense", "name": "scores", "inputs": ["second"], "units": 10, "activation": "softmax"},
    ],
}
CAT_LOGISTIC: dict[str, Any] = {
    "name": "cat-logistic",
    "task": "binary",
    "input": {"shape": [32, 32, 3], "scaling": "unit"},
    "layers": [{"type": "Flatten"}, {"type": "Dense", "units": 1, "activation": "sigmoid"}],
    "optimizer": {"type": "SGD", "learning_rate": 0.005},
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
}
CAT_TWO_LAYERS: dict[str, Any] = {
    **CAT_LOGISTIC,
    "name": "cat-two-layers",
    "layers": [
        {"type": "Flatten"},
        {"type": "Dense", "units": 7, "activation": "relu"},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
    "optimizer": {"type": "SGD", "learning_rate": 0.0075},
}
TWO: dict[str, Any] = {
    "name": "two",
    "task": "regression",
    "inputs": {"left": {"shape": [2], "scaling": "standard"}, "right": {"shape": [1], "scaling": "unit"}},
    "layers": [
        {"type": "Concatenate", "name": "both", "inputs": ["left", "right"]},
        {"type": "Dense", "units": 1, "name": "out"},
    ],
    "optimizer": "sgd",
    "loss": "mean_squared_error",
}
"""A network with two inputs."""


def named(document: dict[str, Any], name: str, **changes: Any) -> dict[str, Any]:
    """The same spec under another name, and with other changes."""
    return {**document, "name": name, **changes}


def classifier(name: str, shape: list[int], classes: int, **changes: Any) -> dict[str, Any]:
    """A small dense classifier of standardised numbers."""
    return {
        "name": name,
        "task": "multiclass",
        "input": {"shape": shape, "scaling": "standard"},
        "layers": [
            {"type": "Flatten"},
            {"type": "Dense", "units": 32, "activation": "relu"},
            {"type": "Dense", "units": classes, "activation": "softmax"},
        ],
        "optimizer": {"type": "Adam", "learning_rate": 0.01},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        **changes,
    }
