"""How a training computes beside its execution, as sentences for clients: fused layers, and layers in bfloat16."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from models.pretrained import PRETRAINED, inner_layers
from models.spec import ComponentSpec, LayerSpec, NetworkSpec
from models.training.plan import BFLOAT16, COMPILED
from models.training.precision import find_bfloat16_layers

NORMALIZATION, LSTM, EMBEDDING, MASKING = "BatchNormalization", "LSTM", "Embedding", "Masking"
ADAM = {"adam": "Adam", "adamw": "AdamW"}
"""The optimizers that run fused if a layer does, or has sparse gradients, by their names in lower case."""
LAST_AXIS = -1
NO_BFLOAT16 = "no_bfloat16"
"""The type of the warning about a job that asked for bfloat16 and trains in float32."""
MOST_BLOCK_UNITS = 96
"""With 128 units and 64 rows a batch, BlockLSTM was slower than Keras's loop: its products are slower than oneDNN's."""
LSTM_ACTIVATIONS = {"activation": "tanh", "recurrent_activation": "sigmoid"}
"""The usual activations of an LSTM, by parameter."""
WRAPPED = ("layer", "backward_layer")
"""The parameters of layers that apply others, such as TimeDistributed and Bidirectional."""


def explain_arithmetic(
    spec: NetworkSpec, optimizer: str, execution: str, precision: str, hosts: int = 1
) -> Iterator[str]:
    """What a job's `execution_reason` says beside the choice of the execution, in sentences. `optimizer` is a name."""
    pieces = find_fused(spec, optimizer) if execution != COMPILED else []
    if hosts > 1:  # it normalizes by the rows of all workers, which no fused operation does
        pieces = [piece for piece in pieces if piece != NORMALIZATION]
    if pieces:
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
        "only convolutions, dense layers, attention and the layers after them can, and the last layer stays in float32"
    )
    if not lowered:
        return f"No layer computes in bfloat16: {rule}."
    return f"{lowered} of {layers} layers compute in bfloat16: {rule}."


def all_layers(layers: Iterable[LayerSpec], frozen: bool = False) -> Iterator[tuple[LayerSpec, bool]]:
    """Each layer and whether it is frozen, with those that it wraps or that a Pretrained layer stands for, which are
    frozen with it."""
    for layer in layers:
        stays = frozen or not layer.parameters.get("trainable", True)
        yield layer, stays
        yield from all_layers(_layers_within(layer), stays)


def _layers_within(layer: LayerSpec) -> tuple[LayerSpec, ...]:
    if layer.type == PRETRAINED:
        return inner_layers(layer)
    return tuple(LayerSpec.from_document(layer.parameters[name]) for name in WRAPPED if layer.parameters.get(name))


def count_layers(layers: Iterable[LayerSpec]) -> int:
    """The number of layers, counting those that a Pretrained layer stands for instead of it."""
    return sum(count_layers(inner_layers(layer)) if layer.type == PRETRAINED else 1 for layer in layers)


def find_fused(spec: NetworkSpec, optimizer: str) -> list[str]:
    """The types of what a graph runs as fused operations while it trains (models/training/fused.py)."""
    layers = [(layer.type, {**layer.parameters, "trainable": not frozen}) for layer, frozen in all_layers(spec.layers)]
    masked = any(makes_mask(*layer) for layer in layers)
    pieces = sorted({type_ for type_, given in layers if is_fused(type_, given, masked)})
    gains = pieces or any(type_ == EMBEDDING for type_, _ in layers)
    return [*pieces, ADAM[optimizer.lower()]] if gains and optimizer.lower() in ADAM else pieces


def makes_mask(type_: str, given: Mapping[str, Any]) -> bool:
    """Whether a layer with these parameters may tell the layers behind it to skip time steps."""
    return type_ == MASKING or bool(given.get("mask_zero"))


def is_fused(type_: str, given: Mapping[str, Any], masked: bool = False) -> bool:
    """Whether a graph runs a layer with these parameters as a fused operation: BatchNormalization that learns and
    normalizes the last axis by the batch alone; an LSTM that isn't wide, with the usual activations, without dropout,
    and not in a network in which a layer makes a mask (`masked`)."""
    if type_ == LSTM:
        usual = all(_activation(given.get(name, own)) == own for name, own in LSTM_ACTIVATIONS.items())
        narrow = given["units"] <= MOST_BLOCK_UNITS
        return (
            usual
            and narrow
            and not masked
            and not any(given.get(name) for name in ("dropout", "recurrent_dropout", "unroll"))
        )
    plain = given.get("axis", LAST_AXIS) == LAST_AXIS and not given.get("renorm") and not given.get("synchronized")
    return type_ == NORMALIZATION and plain and bool(given.get("trainable", True))


def _activation(posted: str | dict[str, Any] | None) -> str | None:
    """The name of an activation that is posted by its name or as an object; None stands for none."""
    return None if posted is None else ComponentSpec.from_document(posted).type
