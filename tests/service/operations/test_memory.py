"""The memory that the requests of a process share."""

import pytest

from models.errors import Excessive
from service.errors import Overloaded
from service.operations.memory import LARGE, Memory, RequestMemory


def test_requests_share_the_memory_and_return_it() -> None:
    memory = Memory(8 * LARGE)
    first, second = RequestMemory(memory), RequestMemory(memory)
    first.reserve(4 * LARGE)
    with pytest.raises(Overloaded):
        second.reserve(4 * LARGE)
    second.reserve(3 * LARGE)
    first.keep(2 * LARGE)
    second.reserve(2 * LARGE)
    first.release()
    second.release()
    first.reserve(7 * LARGE)


def test_large_requests_leave_memory_for_small_ones() -> None:
    memory = Memory(8 * LARGE)
    large, small = RequestMemory(memory), RequestMemory(memory)
    large.reserve(7 * LARGE)
    small.reserve(LARGE - 1)
    with pytest.raises(Overloaded):
        small.reserve(1)


def test_a_request_that_can_never_have_its_memory_is_told_so() -> None:
    request = RequestMemory(Memory(8 * LARGE))
    request.reserve(4 * LARGE)
    with pytest.raises(Excessive, match="7,340,032 bytes"):
        request.reserve(3 * LARGE + 1)
