"""Small predictions take turns; one that is slow doesn't stop the others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.operations.inference import admission
from service.operations.inference.admission import Turns


def test_a_slow_prediction_holds_up_the_next_one_briefly_and_those_after_it_not_at_all() -> None:
    turns, slow_began, leave = Turns(cores=1), threading.Event(), threading.Event()

    def be_slow() -> None:
        with turns.take() as taken:
            assert taken
            slow_began.set()
            leave.wait(20)

    slow = threading.Thread(target=be_slow)
    slow.start()
    assert slow_began.wait(20)
    for _ in range(2):
        with turns.take() as taken:
            assert not taken
    leave.set()
    slow.join()
    for _ in range(2):
        with turns.take() as taken:
            assert taken, "what went on without a turn gives none back"


def test_in_a_long_queue_whose_turns_go_round_all_wait_for_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LONGEST_TURN_SECONDS", 1)
    turns, begun = Turns(cores=1), threading.Barrier(6)

    def compute() -> bool:
        begun.wait()
        with turns.take() as taken:
            threading.Event().wait(0.3)
        return taken

    with ThreadPoolExecutor(6) as threads:
        assert all(queued.result() for queued in [threads.submit(compute) for _ in range(6)])


def test_as_many_compute_at_once_as_there_are_cores() -> None:
    turns = Turns(cores=2)
    with turns.take() as first, turns.take() as second, turns.take() as third:
        assert (first, second, third) == (True, True, False)
