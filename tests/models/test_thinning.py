"""Which epochs of a training keep their snapshots."""

import pytest

from models.training.thinning import thin


def train(epochs: int, keep: int, *, every: int = 1, total: int | None = None, best: int | None = None) -> list[int]:
    """The epochs that are left after a training in which each epoch is thinned at once. `best` is the best epoch."""
    kept: list[int] = []
    for epoch in range(1, epochs + 1):
        found = None if best is None else min(best, epoch)
        kept = thin([*kept, epoch], keep, every=every, total=total or epochs, best=found)
        assert len(kept) <= keep
        assert {epoch, found or epoch} <= set(kept)
    return kept


def test_all_epochs_stay_as_long_as_they_fit() -> None:
    assert train(50, 100) == list(range(1, 51))
    assert train(100, 100) == list(range(1, 101))


def test_at_the_end_the_epochs_are_those_that_end_equal_parts() -> None:
    assert train(100, 11, best=50) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert train(1000, 5) == [250, 500, 750, 1000]
    assert train(1000, 5, best=37) == [37, 250, 500, 750, 1000]


def test_only_multiples_are_kept_besides_the_latest_and_the_best() -> None:
    assert train(55, 100, every=10, best=7) == [7, 10, 20, 30, 40, 50, 55]
    assert train(1000, 5, every=100, best=37) == [37, 200, 500, 800, 1000]


@pytest.mark.parametrize("epochs", [20, 57, 130, 399])
def test_a_training_that_ends_early_has_as_many_and_no_large_gap(epochs: int) -> None:
    kept = train(epochs, 10, total=400)
    assert len(kept) == 10
    gaps = [after - before for before, after in zip([0, *kept], kept, strict=False)]
    assert max(gaps) <= 1.6 * epochs / 10


def test_two_snapshots_are_the_latest_and_the_best() -> None:
    assert train(30, 2, best=12) == [12, 30]
    assert train(30, 2) == [30]


def test_epochs_that_come_together_are_thinned_as_if_they_came_one_by_one() -> None:
    assert len(thin(range(1, 1501), 1000, every=1, total=100_000, best=3)) == 1000
    assert thin([], 10, every=1, total=10, best=None) == []
