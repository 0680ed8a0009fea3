"""Lets layers compute in bfloat16 while a network trains; their weights stay float32."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import keras

from models.training.precision import POLICY, SEPARATOR


@contextmanager
def computing_in_bfloat16(network: keras.Model, names: Collection[str]) -> Iterator[None]:
    """Within the context, the named layers, and all layers within them, compute in bfloat16."""
    lowered = [each for name, layer in _walk(network, "") if name in names for each in layer._flatten_layers()]
    policies = [layer.dtype_policy for layer in lowered]
    for layer in lowered:
        layer.dtype_policy = POLICY
    try:
        yield
    finally:
        for layer, policy in zip(lowered, policies, strict=True):
            layer.dtype_policy = policy


def _walk(network: keras.Model, prefix: str) -> Iterator[tuple[str, keras.Layer]]:
    """The layers of a network and of the networks within it, with their paths."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _walk(layer, f"{prefix}{layer.name}{SEPARATOR}")
        else:
            yield prefix + layer.name, layer
