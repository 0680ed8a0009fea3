"""A gang of three processes trains as one host with three times the batch."""

import math
import socket
import threading
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from models.training.gangs.gang import MemberLost
from models.training.gangs.links import gathered
from tests.models.gang_members import BATCH, CASES, HOSTS, STOPPED, Case, membership, start_followers
from tests.models.training_networks import Recorder
from tests.running_service import free_port


@pytest.fixture(scope="module")
def done() -> Iterator[dict[str, tuple[keras.Model, Recorder]]]:
    """What the gang's leader has of each case, and of the training that is stopped in its third epoch."""
    port = free_port()
    followers = start_followers(port)
    try:
        with gathered(membership(0, port)) as gang:
            found = {name: case.train(BATCH, gang) for name, case in CASES.items()}
            stopping = Recorder(stop=lambda recorder: len(recorder.epochs) > 2)
            found["stopped"] = STOPPED.train(BATCH, gang, stopping)
        assert followers.wait(30) == 0
        yield found
    finally:
        followers.kill()
        followers.wait()


@pytest.mark.parametrize("name", CASES)
def test_the_weights_are_those_of_one_host_with_the_batch_of_all(
    name: str, done: dict[str, tuple[keras.Model, Recorder]]
) -> None:
    case: Case = CASES[name]
    network, recorder = done[name]
    expected, alone = case.train(BATCH * HOSTS)
    for ours, theirs in zip(network.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=1e-5)
    assert len(recorder.epochs) == len(alone.epochs) == 3
    for result, other in zip(recorder.epochs, alone.epochs, strict=True):
        assert result.metrics == pytest.approx(other.metrics, abs=1e-5)


def test_the_leader_ends_the_training_of_all(done: dict[str, tuple[keras.Model, Recorder]]) -> None:
    _, recorder = done["stopped"]
    assert 3 <= len(recorder.epochs) < 1000
    assert all(math.isfinite(value) for value in recorder.history("loss"))


def test_only_those_who_know_the_secret_become_members() -> None:
    port, found = free_port(), {}

    def lead() -> None:
        with gathered(membership(0, port)) as gang:
            found["agreed"] = gang.agree(lambda: "go")

    leader = threading.Thread(target=lead)
    leader.start()
    follow_wrongly(port)
    with gathered(membership(1, port)) as first, gathered(membership(2, port)) as second:
        assert [gang.agree(lambda: None) for gang in (first, second)] == ["go", "go"]
    leader.join(30)
    assert found == {"agreed": "go"}


def follow_wrongly(port: int) -> None:
    """Connect with the wrong secret, and once without any, until the leader ends both connections."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.settimeout(30)
                connection.sendall(bytes(65))
                assert len(connection.recv(32)) == 32
                assert connection.recv(32) == b""
                return
        except ConnectionRefusedError:
            continue


def test_members_that_do_not_come_are_named() -> None:
    with pytest.raises(MemberLost, match=r"Of 2 other workers, 0 connected to 127\.0\.0\.1:\d+ within 0\.1 s"):
        join(0)
    with pytest.raises(MemberLost, match=r"The leader can't be reached at 127\.0\.0\.1:\d+ within 0\.1 s"):
        join(1)


def join(rank: int) -> None:
    with gathered(membership(rank, free_port(), seconds=0.1)):
        raise AssertionError


def test_a_member_that_ends_is_noticed_at_once() -> None:
    port = free_port()

    def follow(rank: int) -> None:
        with gathered(membership(rank, port)):
            pass

    threads = [threading.Thread(target=follow, args=(rank,)) for rank in (1, 2)]
    for thread in threads:
        thread.start()

    def lead() -> np.ndarray:
        with gathered(membership(0, port)) as gang:
            for thread in threads:
                thread.join()
            return gang.add(np.zeros(10))

    with pytest.raises(MemberLost, match="has ended"):
        lead()
