"""What requests get of what was read before, while the database is away, slow or silent."""

import threading
import time
from collections.abc import Iterator

import pytest

from service.errors import DatabaseUnavailable, NotFound
from service.operations import recently_read
from service.operations.recently_read import RecentlyRead
from service.storage import last_write
from tests.running_service import wait_for


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recently_read, "PATIENCE_SECONDS", 0.05)


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """Set when the database answers."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def values() -> RecentlyRead[str, int]:
    found: RecentlyRead[str, int] = RecentlyRead(10)
    assert found.read("a", lambda: 1) == 1
    return found


def be_away() -> int:
    raise DatabaseUnavailable("The database doesn't answer.")


def test_a_silent_database_delays_one_request_and_its_answer_counts_when_it_comes(
    values: RecentlyRead[str, int], silence: threading.Event
) -> None:
    asked = []

    def read() -> int:
        asked.append(time.monotonic())
        silence.wait(60)
        return 2

    for _ in range(5):
        last_write.note()  # so that what was read isn't fresh
        assert values.read("a", read) == 1
    assert len(asked) == 1
    silence.set()
    wait_for(lambda: values.read("a", lambda: 2) == 2)


def test_while_the_database_is_away_the_value_of_before_is_used_without_asking_again(
    values: RecentlyRead[str, int],
) -> None:
    last_write.note()
    assert values.fresh("a") is None
    assert values.read("a", be_away) == 1
    assert values.fresh("a") == 1


def test_what_may_not_be_old_or_was_never_read_waits_for_the_database(
    values: RecentlyRead[str, int], silence: threading.Event
) -> None:
    def read() -> int:
        silence.wait(0.2)
        return 2

    assert values.read("b", read) == 2
    assert values.read("a", read, may_be_old=lambda _: False) == 2
    for key in ("a", "c"):
        with pytest.raises(DatabaseUnavailable):
            values.read(key, be_away, may_be_old=lambda _: False)


def test_what_was_deleted_is_forgotten(values: RecentlyRead[str, int]) -> None:
    def find_nothing() -> int:
        raise NotFound("It was deleted.")

    with pytest.raises(NotFound):
        values.read("a", find_nothing)
    assert "a" not in values
