"""Which epochs of a training keep their snapshots."""

from collections.abc import Collection

import numpy as np


def thin(epochs: Collection[int], keep: int, *, every: int, total: int, best: int | None) -> list[int]:
    """The epochs to keep of those that have a snapshot, in order: at most `keep` (at least 2).

    They are the latest, the best, and multiples of `every`, evenly spaced: at the end of a training of `total` epochs,
    every one that ends an equal part of it. Until then, others fill the gaps: those go first that lie closest to their
    neighbours, the oldest of them first.
    """
    latest = max(epochs, default=0)
    kept = np.array(sorted(epoch for epoch in epochs if epoch % every == 0 or epoch in (latest, best)), int)
    if len(kept) <= keep:
        return kept.tolist()
    fixed = np.isin(kept, [latest, best if best is not None else latest])
    parts = np.isin(kept, _ends_of_parts(keep - 1, every, total))
    while len(kept) > keep:
        gaps = (np.append(kept[1:], latest) - np.insert(kept[:-1], 0, 0)).astype(float)
        loose = ~(fixed | parts)
        gaps[~loose if loose.any() else fixed] = np.inf
        place = int(np.argmin(gaps))
        kept, fixed, parts = (np.delete(array, place) for array in (kept, fixed, parts))
    if latest >= total:  # nothing is left to fill a gap for
        kept = kept[fixed | parts]
    return kept.tolist()


def _ends_of_parts(parts: int, every: int, total: int) -> np.ndarray:
    """The multiples of `every` at which the equal parts of `total` epochs end."""
    ends = total * np.arange(1, parts + 1) / parts
    return np.unique(np.maximum(1, np.round(ends / every)).astype(int) * every)
