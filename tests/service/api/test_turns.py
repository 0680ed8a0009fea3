"""Fair turns: in which order the predictions of several callers are computed, and whose are refused."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.api.front import turns
from service.api.front.turns import LoopTurns, PoolTurns, Sharing
from service.config import Settings
from service.errors import Overloaded
from service.operations.inference.admission import Admission, Permit
from tests.service.api.api_client import ApiClient

SMALL = 10


def settings(tmp_path: Path, permits: int = 64) -> Settings:
    return replace(Settings(data_dir=tmp_path), max_concurrent_predictions=permits)


class Process:
    """An event loop's turns, and what was computed in which order."""

    def __init__(self, settings: Settings) -> None:
        self.admission, self.turns = Admission(settings), LoopTurns[None]()
        self.computed: list[str] = []
        self.refused: list[str] = []

    async def predict(self, name: str, seconds: float = 1.0) -> None:
        """A prediction of the caller whose name begins with the same letter."""
        try:
            with self.admission.admit(SMALL, name[0]) as permit:
                await self.turns.run(permit, seconds, lambda: self.computed.append(name))
        except Overloaded:
            self.refused.append(name)

    def begin(self, *predictions: Coroutine[Any, Any, None]) -> "list[asyncio.Task[None]]":
        return [asyncio.get_running_loop().create_task(prediction) for prediction in predictions]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(settings(tmp_path))


def test_a_caller_that_arrives_later_waits_for_one_prediction_of_a_flood(process: Process) -> None:
    async def run() -> None:
        await asyncio.gather(*process.begin(*map(process.predict, ("a1", "a2", "a3", "a4", "b1", "b2"))))

    asyncio.run(run())
    assert process.computed == ["a1", "b1", "a2", "b2", "a3", "a4"]


def test_the_event_loop_goes_on_between_two_predictions(process: Process) -> None:
    """Otherwise what another caller sends would be read only after all that has arrived before."""

    async def run() -> None:
        flood = process.begin(*(process.predict(f"a{number}") for number in range(20)))
        while len(process.computed) < 5:
            await asyncio.sleep(0)
        await process.predict("b")
        await asyncio.gather(*flood)

    asyncio.run(run())
    assert process.computed.index("b") <= 7
    assert len(process.computed) == 21


def test_callers_share_the_time_and_not_the_number_of_predictions(process: Process) -> None:
    async def run() -> None:
        slow = (process.predict(f"a{number}", 3.0) for number in range(3))
        quick = (process.predict(f"b{number}", 1.0) for number in range(6))
        await asyncio.gather(*process.begin(*slow, *quick))

    asyncio.run(run())
    assert "".join(name[0] for name in process.computed) == "abbbabbba"


def test_threads_compute_the_predictions_of_callers_in_turns(tmp_path: Path) -> None:
    began: list[str] = []

    async def run(pool: Executor) -> list[str]:
        pool_turns, admission = PoolTurns[str](pool, 1), Admission(settings(tmp_path))

        async def predict(name: str) -> str:
            def compute() -> str:
                began.append(name)
                return name

            with admission.admit(SMALL, name[0]) as permit:
                return await pool_turns.run(permit, 1.0, compute)

        return await asyncio.gather(*map(predict, ("a1", "a2", "a3", "b1")))

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(run(pool)) == ["a1", "a2", "a3", "b1"]
    assert began == ["a1", "b1", "a2", "a3"]


def test_an_error_of_a_prediction_reaches_its_caller_alone(process: Process) -> None:
    async def run() -> None:
        def fail() -> None:
            raise ValueError("wrong")

        with process.admission.admit(SMALL, "a") as permit, pytest.raises(ValueError, match="wrong"):
            await process.turns.run(permit, 1.0, fail)
        await process.predict("b")

    asyncio.run(run())
    assert process.computed == ["b"]


def test_a_flood_that_has_all_permits_loses_its_newest_prediction_to_another_caller(tmp_path: Path) -> None:
    process = Process(settings(tmp_path, permits=4))

    async def run() -> None:
        names = ("a1", "a2", "a3", "a4", "a5", "b1", "b2", "b3")
        await asyncio.gather(*process.begin(*map(process.predict, names)))

    asyncio.run(run())
    assert sorted(process.refused) == ["a4", "a5", "b3"]
    assert process.computed == ["a1", "b1", "a2", "b2", "a3"]


def test_every_permit_and_place_comes_back_from_clients_that_leave(process: Process) -> None:
    async def run() -> None:
        for steps in range(6):
            tasks = process.begin(*(process.predict(f"a{number}") for number in range(4)))
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in tasks[1:]:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
        process.computed.clear()
        await asyncio.wait_for(process.predict("b"), 5)

    asyncio.run(run())
    assert process.computed == ["b"]
    assert not process.admission._small._held


def test_a_process_is_shared_for_a_while_after_its_callers_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(turns.time, "monotonic", lambda: now)
    sharing = Sharing()
    assert [sharing.note("a"), sharing.note("a"), sharing.note("b"), sharing.note("b")] == [False, False, True, True]
    now += turns.ACTIVE_SECONDS
    assert [sharing.note("b"), sharing.note("a")] == [False, True]


def test_permits_of_large_bodies_are_separate(tmp_path: Path) -> None:
    admission = Admission(settings(tmp_path, permits=1))
    with admission.admit(SMALL, "a"), admission.admit(2**21, "a"):
        permit: Permit = admission.admit(SMALL, "a")
        with pytest.raises(Overloaded), permit:
            pass


def test_predictions_of_several_callers_are_answered_in_turns(trained: ApiClient) -> None:
    for number in range(3):
        for address in ("192.0.2.1", "192.0.2.2"):
            body = {"instances": [[float(number)]]}
            response = trained.http.post(
                "/v1/models/line/predictions", json=body, environ_base={"REMOTE_ADDR": address}
            )
            assert response.status_code == 200, response.text
            assert response.json is not None
            assert response.json["predictions"] == [{"value": pytest.approx(number, abs=1e-4)}]
