"""Means and deviations are those of the whole array, for any size of the pieces."""

import tracemalloc

import numpy as np
import pytest

from models.preprocessing.tensor_input import TensorInput
from models.spec import InputSpec, Scaling
from models.values import statistics
from models.values.statistics import mean_and_deviation


@pytest.mark.parametrize("piece_bytes", [8, 1000, 100_000])
@pytest.mark.parametrize("axes", [None, (0,), (0, 1), (0, 1, 2)])
def test_pieces_of_any_size_give_the_same(
    axes: tuple[int, ...] | None, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "PIECE_BYTES", piece_bytes)
    for values in (
        np.random.default_rng(0).integers(0, 256, (7, 5, 6, 3), dtype=np.uint8),
        np.random.default_rng(1).normal(1e6, 1, (7, 5, 6, 3)).astype(np.float32),
    ):
        mean, deviation = mean_and_deviation(values, axes)
        assert np.allclose(mean, values.mean(axis=axes, dtype=np.float64), rtol=1e-12)
        assert np.allclose(deviation, values.std(axis=axes, dtype=np.float64), rtol=1e-9)


def test_large_rows_take_no_more_memory_than_small_ones() -> None:
    rows = np.zeros((10, 1500, 1500, 3), np.uint8)
    rows[::2] = 100
    tracemalloc.start()
    mean, deviation = mean_and_deviation(rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    scaled = TensorInput.fit(InputSpec(rows.shape[1:], Scaling.STANDARD), rows, "image")
    _, most_of_fit = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (float(mean), float(deviation)) == (50, 50)
    assert scaled.mean.tolist() == scaled.std.tolist() == [50] * 3
    assert max(most, most_of_fit) < 40_000_000
