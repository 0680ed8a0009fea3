"""In what a training on several hosts differs from one on one host with the batch of all."""

from collections.abc import Iterator

from models.spec import LayerSpec, NetworkSpec
from models.training.arithmetic import NORMALIZATION, all_layers, is_fused, makes_mask

DIFFERS_FROM_ONE_HOST = "differs_from_one_host"
"""The type of the warning about such a training."""
RANDOM_PREFIXES = ("Rand", "Dropout", "SpatialDropout", "AlphaDropout", "GaussianDropout", "GaussianNoise")
MIXING = ("AugMix", "CutMix", "MixUp")
DROPOUTS = ("dropout", "recurrent_dropout")


def find_differences(spec: NetworkSpec) -> str | None:
    """The layers that compute otherwise on several hosts, in sentences; None if there are none."""
    return " ".join(_explain(spec)) or None


def _explain(spec: NetworkSpec) -> Iterator[str]:
    layers = [layer for layer, _ in all_layers(spec.layers)]
    if random := sorted({layer.type for layer in layers if _is_random(layer)}):
        names = ", ".join(random)
        yield f"{names}: each worker draws random numbers of its own, so the weights aren't those of one host."
    masked = any(makes_mask(layer.type, layer.parameters) for layer in layers)
    normalizations = [layer for layer in layers if layer.type == NORMALIZATION]
    if any(masked or not is_fused(layer.type, layer.parameters | {"trainable": True}) for layer in normalizations):
        yield f"{NORMALIZATION}: each worker normalizes by its own rows of a batch, not by those of all workers."
    if masked:
        yield "A layer makes a mask: each worker's mean of a loss over time steps counts alike, however many it skips."


def _is_random(layer: LayerSpec) -> bool:
    drops = any(layer.parameters.get(name) for name in DROPOUTS)
    return drops or layer.type.startswith(RANDOM_PREFIXES) or layer.type in MIXING
