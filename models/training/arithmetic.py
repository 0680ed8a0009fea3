"""How a training computes beside its execution, as sentences for clients: fused layers, and layers in bfloat16."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from models.pretrained import PRETRAINED, inner_layers
from models.spec import LayerSpec, NetworkSpec
from models.training.plan import BFLOAT16, COMPILED
from models.training.precision import find_bfloat16_layers

NORMALIZATION, LSTM, EMBEDDING = "BatchNormalization", "LSTM", "Embedding"
ADAM = {"adam": "Adam", "adamw": "AdamW"}
"""The optimizers that run fused if a layer does, or has sparse gradients, by their names in lower case."""
LAST_AXIS = -1
NO_BFLOAT16 = "no_bfloat16"
"""The type of the warning about a job that asked for bfloat16 and trains in float32."""
MOST_BLOCK_UNITS = 32
"""With 64 units, BlockLSTM was slower than Keras's loop: its products are slower than those of oneDNN."""
WRAPPED = "layer"
"""The parameter of a layer that applies another one, such as TimeDistributed."""


def explain_arithmetic(spec: NetworkSpec, optimizer: str, execution: str, precision: str) -> Iterator[str]:
    """What a job's `execution_reason` says beside the choice of the execution, in sentences. `optimizer` is a name."""
    if execution != COMPILED and (pieces := find_fused(spec, optimizer)):
        *others, last = pieces
        run = (
            f"{', '.join(others)} and {last} run as fused operations" if others else f"{last} runs as a fused operation"
        )
        yield f"{run}, so the losses differ from those of Keras's `fit` by rounding."
    if precision == BFLOAT16:
        yield _explain_bfloat16(len(find_bfloat16_layers(spec)), count_layers(spec.layers))


def find_no_bfloat16(spec: NetworkSpec, precision: str) -> str | None:
    """Why a job that asked for bfloat16 trains in float32, in sentences; None if it doesn't."""
    if precision != BFLOAT16 or find_bfloat16_layers(spec):
        return None
    return f"{_explain_bfloat16(0, count_layers(spec.layers))} The network trains in float32."


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
            yield layer
            yield from trained_layers(_layers_within(layer))


def _layers_within(layer: LayerSpec) -> tuple[LayerSpec, ...]:
    if layer.type == PRETRAINED:
        return inner_layers(layer)
    wrapped = layer.parameters.get(WRAPPED)
    return (LayerSpec.from_document(wrapped),) if wrapped else ()


def count_layers(layers: Iterable[LayerSpec]) -> int:
    """The number of layers, counting those that a Pretrained layer stands for instead of it."""
    return sum(count_layers(inner_layers(layer)) if layer.type == PRETRAINED else 1 for layer in layers)


def find_fused(spec: NetworkSpec, optimizer: str) -> list[str]:
    """The types of what a graph runs as fused operations while it trains (models/training/fused.py)."""
    layers = list(trained_layers(spec.layers))
    pieces = sorted({layer.type for layer in layers if is_fused(layer.type, layer.parameters)})
    gains = pieces or any(layer.type == EMBEDDING for layer in layers)
    return [*pieces, ADAM[optimizer.lower()]] if gains and optimizer.lower() in ADAM else pieces


def is_fused(type_: str, given: Mapping[str, Any]) -> bool:
    """Whether a graph runs a layer with these parameters as a fused operation: BatchNormalization that normalizes the
    last axis by the batch alone; a small LSTM with the usual activations and without dropout."""
    if type_ == LSTM:
        usual = given.get("activation", "tanh") == "tanh" and given.get("recurrent_activation", "sigmoid") == "sigmoid"
        small = given["units"] <= MOST_BLOCK_UNITS
        return usual and small and not any(given.get(name) for name in ("dropout", "recurrent_dropout", "unroll"))
    plain = given.get("axis", LAST_AXIS) == LAST_AXIS and not given.get("renorm") and not given.get("synchronized")
    return type_ == NORMALIZATION and plain
