"""The networks whose exports are measured: specs of common architectures."""

from typing import Any

from tests.journeys.specs import CIFAR_CONVOLUTIONAL

Layers = list[dict[str, Any]]
WORDS = 1000


def network(shape: list[int], *layers: dict[str, Any]) -> dict[str, Any]:
    """The document of a network; a layer without `inputs` takes the layer before it."""
    return {
        "task": "multiclass",
        "input": {"shape": shape},
        "layers": list(layers),
        "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
    }


def dense(units: int, activation: str = "softmax", **more: Any) -> dict[str, Any]:
    return {"type": "Dense", "units": units, "activation": activation, **more}


def convolution(type_: str = "Conv2D", activation: str | None = "relu", **parameters: Any) -> Layers:
    """A convolution without a bias, a BatchNormalization and an activation."""
    layers: Layers = [{"type": type_, "padding": "same", "use_bias": False, **parameters}]
    layers.append({"type": "BatchNormalization"})
    return [*layers, *([{"type": "Activation", "activation": activation}] if activation else [])]


def bottleneck(name: str, before: str, filters: int, strides: int, projected: bool) -> Layers:
    """A block of ResNet50 (arXiv:1512.03385): three convolutions beside its input, or a projection of that."""
    main = [
        *convolution(filters=filters, kernel_size=1, strides=strides),
        *convolution(filters=filters, kernel_size=3),
        *convolution(filters=4 * filters, kernel_size=1, activation=None),
    ]
    side = convolution(filters=4 * filters, kernel_size=1, strides=strides, activation=None) if projected else []
    for layers, end in ((main, "main"), (side, "side")):
        if layers:
            layers[0]["inputs"] = [before]
            layers[-1]["name"] = f"{name}_{end}"
    added = {"type": "Add", "inputs": [f"{name}_main", f"{name}_side" if projected else before]}
    return [*main, *side, added, {"type": "Activation", "activation": "relu", "name": name}]


def resnet50() -> dict[str, Any]:
    layers = convolution(filters=64, kernel_size=7, strides=2)
    layers.append({"type": "MaxPooling2D", "pool_size": 3, "strides": 2, "padding": "same", "name": "stem"})
    before = "stem"
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            name, strides = f"block_{stage}_{block}", 2 if stage and not block else 1
            layers += bottleneck(name, before, 64 * 2**stage, strides, projected=not block)
            before = name
    return network([224, 224, 3], *layers, {"type": "GlobalAveragePooling2D"}, dense(1000))


def mobilenet() -> dict[str, Any]:
    """MobileNet of half width (arXiv:1704.04861)."""
    layers = convolution(filters=16, kernel_size=3, strides=2)
    blocks = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), *[(256, 1)] * 5, (512, 2), (512, 1)]
    for filters, strides in blocks:
        layers += convolution("DepthwiseConv2D", "relu6", kernel_size=3, strides=strides)
        layers += convolution(activation="relu6", filters=filters, kernel_size=1)
    return network([128, 128, 3], *layers, {"type": "GlobalAveragePooling2D"}, dense(1000))


def attention() -> dict[str, Any]:
    """An encoder of two blocks."""
    layers: Layers = [{"type": "Embedding", "input_dim": WORDS, "output_dim": 64, "name": "block_0"}]
    for block in (1, 2):
        before, attended = f"block_{block - 1}", f"attended_{block}"
        layers += [
            {"type": "MultiHeadAttention", "num_heads": 4, "key_dim": 16, "inputs": [before, before]},
            {"type": "Dropout", "rate": 0.1, "name": f"kept_{block}"},
            {"type": "Add", "inputs": [before, f"kept_{block}"]},
            {"type": "LayerNormalization", "name": attended},
            dense(128, "gelu"),
            dense(64, "linear", name=f"dense_{block}"),
            {"type": "Add", "inputs": [attended, f"dense_{block}"]},
            {"type": "LayerNormalization", "name": f"block_{block}"},
        ]
    return network([64], *layers, {"type": "GlobalAveragePooling1D"}, dense(10))


LSTM = {"type": "LSTM", "units": 64}

NETWORKS: dict[str, dict[str, Any]] = {
    "dense": network([784], dense(512, "relu"), dense(10)),
    "convolutional": network([32, 32, 3], *CIFAR_CONVOLUTIONAL["layers"]),
    "lstm": network([50, 16], LSTM, dense(10)),
    "gru": network([50, 16], {"type": "GRU", "units": 64}, dense(10)),
    "bidirectional": network(
        [50],
        {"type": "Embedding", "input_dim": WORDS, "output_dim": 32, "mask_zero": True},
        {"type": "Bidirectional", "layer": LSTM},
        dense(10),
    ),
    "attention": attention(),
    "mobilenet": mobilenet(),
    "resnet50": resnet50(),
}
"""Each network by its name."""
EMBEDDED = ("bidirectional", "attention")
"""Those whose inputs are the numbers of words."""
