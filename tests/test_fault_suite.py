"""The fault suite would notice what it looks for."""

import functools
import importlib
from typing import Any

import pytest

from benchmarks.survival.aimed.moments import MOMENTS
from benchmarks.survival.audit import Audit
from benchmarks.survival.clients import BATCHES, DATASETS, EPOCHS, TRAININGS, Accepted

DATASET = Accepted(DATASETS, "k1", "ds_1", "/v1/datasets/k1")
TRAINING = Accepted(TRAININGS, "k2", "tj_1", "/v1/training-jobs/tj_1", seed=1)
EXPECTED: dict[str | int, str] = {DATASETS: "rows", 1: "weights"}


class Service:
    """What a client sees of a service."""

    def __init__(self) -> None:
        self.digests = {"ds_1": "rows", "tj_1": "weights"}
        self.lists: dict[str, list[Any]] = {
            DATASETS: [item("ds_1", "k1", "ready")],
            TRAININGS: [item("tj_1", "k2", "succeeded")],
            BATCHES: [],
            "/v1/models/stateful/versions": [{"training_job": "tj_1"}],
            f"{TRAINING.url}/events": [event(n, "epoch", epoch=n) for n in range(1, EPOCHS + 1)],
        }

    def items(self, path: str) -> list[Any]:
        return self.lists[path]

    def digest(self, made: Accepted, _found: Any) -> str:
        return self.digests[made.id]


def item(id_: str, key: str, status: str) -> dict[str, Any]:
    return {"id": id_, "status": status, "metadata": {"key": key}}


def event(seq: int, type_: str, **data: Any) -> dict[str, Any]:
    return {"seq": seq, "type": type_, "data": data}


@pytest.fixture
def service() -> Service:
    return Service()


def judge(service: Service) -> dict[str, str]:
    audit = Audit(service, [DATASET, TRAINING], EXPECTED)  # type: ignore[arg-type]
    verdict = {
        "lost": audit.lost(),
        "doubled": audit.doubled(),
        "unequal": audit.unequal(),
        "bad logs": audit.bad_logs(),
    }
    return {what: found for what, found in verdict.items() if found}


def test_nothing_is_found_where_nothing_is_wrong(service: Service) -> None:
    assert judge(service) == {}


def test_what_is_missing_or_failed_is_lost(service: Service) -> None:
    service.lists[DATASETS].clear()
    service.lists[TRAININGS][0] |= {"status": "failed", "error": {"type": "/problems/diverged"}}
    assert judge(service) == {"lost": "/v1/datasets/k1 (missing), /v1/training-jobs/tj_1 (failed: diverged)"}


def test_what_nobody_was_promised_and_what_there_is_twice_is_doubled(service: Service) -> None:
    service.lists[TRAININGS].append(item("tj_2", "k2", "succeeded"))
    service.lists["/v1/models/stateful/versions"] *= 2
    assert judge(service) == {"doubled": "k2 × 2, tj_2, versions of tj_1 × 2"}


def test_results_are_compared(service: Service) -> None:
    service.digests["tj_1"] = "other weights"
    assert judge(service) == {"unequal": TRAINING.url}


@pytest.mark.parametrize(
    ("added", "fault"),
    [
        (event(EPOCHS + 2, "progress"), "numbers"),
        (event(EPOCHS + 1, "message", text="a line\na line\n"), "line a line × 2"),
        (event(EPOCHS + 1, "epoch", epoch=1), f"epochs {[*range(1, EPOCHS + 1), 1]}"),
    ],
)
def test_logs_have_no_gaps_and_no_repetitions(service: Service, added: dict[str, Any], fault: str) -> None:
    service.lists[f"{TRAINING.url}/events"].append(added)
    assert judge(service) == {"bad logs": f"{TRAINING.url} {fault}"}


def test_the_next_execution_may_print_the_same_lines(service: Service) -> None:
    again = [event(EPOCHS + 1, "message", text="a line\n"), event(EPOCHS + 2, "transition", status="running")]
    service.lists[f"{TRAINING.url}/events"] += [*again, event(EPOCHS + 3, "message", text="a line\n")]
    assert judge(service) == {}


@pytest.mark.parametrize("name", MOMENTS)
def test_the_moments_at_which_processes_are_killed_exist(name: str) -> None:
    moment = MOMENTS[name]
    assert callable(functools.reduce(getattr, moment.function.split("."), importlib.import_module(moment.module)))
