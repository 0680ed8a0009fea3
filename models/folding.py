"""Finds blocks of layers that a network repeats, so that a long network can be drawn short."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_BLOCK = 24
"""The layers of a block that is found at most."""


@dataclass(frozen=True)
class Fold:
    """A block of layers that stands for several equal ones, one after the other."""

    layers: list[str]
    """The names of its layers."""
    times: int

    @property
    def length(self) -> int:
        return len(self.layers)


def fold_repeats(layers: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Fold]]:
    """The layers without the repetitions of blocks, and the blocks.

    Layers are in topological order, with `name`, `inputs` (names), and what must be equal: `type`, `detail`,
    `output_shape`, `trainable`. Blocks are equal if their layers are, and if those take layers at the same distances
    before them. What takes a layer of a repetition takes the same one of the block that remains.
    """
    places = {layer["name"]: place for place, layer in enumerate(layers)}
    signatures = [_signature(layer, place, places) for place, layer in enumerate(layers)]
    kept: list[dict[str, Any]] = []
    folds: list[Fold] = []
    renamed: dict[str, str] = {}
    start = 0
    while start < len(layers):
        length, times = _longest_repeat(signatures, start)
        block = layers[start : start + length]
        if times > 1:
            folds.append(Fold([layer["name"] for layer in block], times))
            repeated = layers[start + length : start + times * length]
            renamed |= {layer["name"]: block[place % length]["name"] for place, layer in enumerate(repeated)}
        kept += [
            {**layer, "inputs": list(dict.fromkeys(renamed.get(name, name) for name in layer["inputs"]))}
            for layer in block
        ]
        start += length * times
    return kept, folds


def _signature(layer: dict[str, Any], place: int, places: dict[str, int]) -> tuple[Any, ...]:
    distances = tuple(place - places[name] if name in places else name for name in layer["inputs"])
    return layer["type"], layer["detail"], tuple(layer["output_shape"]), layer["trainable"], distances


def _longest_repeat(signatures: Sequence[Any], start: int) -> tuple[int, int]:
    """The length and the number of the equal blocks from `start` on that leave out the most layers; (1, 1) if none
    repeats."""
    best = 1, 1
    for length in range(1, min(LONGEST_BLOCK, (len(signatures) - start) // 2) + 1):
        block = signatures[start : start + length]
        times = 1
        while signatures[start + times * length : start + (times + 1) * length] == block:
            times += 1
        if length * (times - 1) > best[0] * (best[1] - 1):
            best = length, times
    return best
