"""Loaded versions are bounded by number and by bytes, and each is loaded once."""

import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import DamagedNetwork
from service.operations.inference.loaded_versions import LoadedVersions


class Loader:
    """Makes something for each folder, `size` bytes large, and counts."""

    def __init__(self, size: int = 1) -> None:
        self.loads: Counter[str] = Counter()
        self.size = size

    def __call__(self, folder: str) -> Any:
        self.loads[folder] += 1
        return SimpleNamespace(folder=folder, network=SimpleNamespace(bytes=self.size))


def test_the_least_recently_used_leave_beyond_the_number() -> None:
    load = Loader()
    versions = LoadedVersions(2, 100, load)
    for folder in ("a", "b", "a", "c", "a", "b"):
        assert versions.get(folder).folder == folder  # type: ignore[attr-defined]
    assert load.loads == {"a": 1, "b": 2, "c": 1}


def test_the_least_recently_used_leave_beyond_the_bytes_but_never_the_last() -> None:
    load = Loader(40)
    versions = LoadedVersions(10, 100, load)
    for folder in ("a", "b", "c", "b", "c", "a"):
        versions.get(folder)
    assert load.loads == {"a": 2, "b": 1, "c": 1}
    huge = Loader(1000)
    versions = LoadedVersions(10, 100, huge)
    for folder in ("a", "a", "b", "b", "a"):
        versions.get(folder)
    assert huge.loads == {"a": 2, "b": 1}


def test_many_that_ask_at_once_share_one_load_and_hold_up_nobody_else() -> None:
    asked, go_on = threading.Semaphore(0), threading.Event()
    loads: Counter[str] = Counter()

    def load(folder: str) -> Any:
        loads[folder] += 1
        if folder == "slow":
            asked.release()
            assert go_on.wait(20)
        return SimpleNamespace(network=SimpleNamespace(bytes=1))

    versions = LoadedVersions(1, 100, load)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(versions.get("slow"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert asked.acquire(timeout=20)
    versions.get("other")
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert loads == {"slow": 1, "other": 1}
    assert len(set(map(id, found))) == 1
    assert len(found) == 8


def test_a_failed_load_is_told_to_all_and_tried_again() -> None:
    load = Loader()
    failing = [True]

    def sometimes(folder: str) -> Any:
        if failing[0]:
            raise DamagedNetwork("damaged")
        return load(folder)

    versions = LoadedVersions(2, 100, sometimes)
    with pytest.raises(DamagedNetwork):
        versions.get("a")
    failing[0] = False
    assert versions.get("a").folder == "a"  # type: ignore[attr-defined]
