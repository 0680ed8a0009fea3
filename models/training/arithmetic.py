"""How a training computes beside its execution, as sentences for clients: fused layers, and layers in bfloat16."""

from collections.abc import Iterable, Iterator

from models.pretrained import PRETRAINED, inner_layers
from models.spec import LayerSpec, NetworkSpec
from models.training.plan import BFLOAT16, COMPILED
from models.training.precision import find_bfloat16_layers

NORMALIZATION = "BatchNormalization"
FUSED = f"{NORMALIZATION} runs as a fused operation, so the losses differ from those of Keras's `fit` by rounding."
LAST_AXIS = -1
WRAPPED = "layer"
"""The parameter of a layer that applies another one, such as TimeDistributed."""


def explain_arithmetic(spec: NetworkSpec, execution: str, precision: str) -> Iterator[str]:
    """What a job's `execution_reason` says beside the choice of the execution, in sentences."""
    if execution != COMPILED and any(map(is_fused, trained_layers(spec.layers))):
        yield FUSED
    if precision == BFLOAT16:
        yield _explain_bfloat16(len(find_bfloat16_layers(spec)), count_layers(spec.layers))


def _explain_bfloat16(lowered: int, layers: int) -> str:
    rule = (
        "only convolutions, dense layers, attention and the layers after them gain from it, "
        "and the last layer stays in float32"
    )
    if not lowered:
        return f"No layer computes in bfloat16: {rule}."
    return f"{lowered} of {layers} layers compute in bfloat16: {rule}."


def trained_layers(layers: Iterable[LayerSpec]) -> Iterator[LayerSpec]:
    """The layers that aren't frozen, with those that they wrap, and those that Pretrained layers stand for."""
    for layer in layers:
        if layer.parameters.get("trainable", True):
            wrapped = layer.parameters.get(WRAPPED)
            yield layer
            yield from trained_layers(inner_layers(layer) if layer.type == PRETRAINED else ())
            yield from trained_layers((LayerSpec.from_document(wrapped),) if wrapped else ())


def count_layers(layers: Iterable[LayerSpec]) -> int:
    """The number of layers, counting those that a Pretrained layer stands for instead of it."""
    return sum(count_layers(inner_layers(layer)) if layer.type == PRETRAINED else 1 for layer in layers)


def is_fused(layer: LayerSpec) -> bool:
    """Whether a graph runs the layer as a fused operation while it trains (models/training/fused.py)."""
    given = layer.parameters
    plain = given.get("axis", LAST_AXIS) == LAST_AXIS and not given.get("renorm") and not given.get("synchronized")
    return layer.type == NORMALIZATION and plain
