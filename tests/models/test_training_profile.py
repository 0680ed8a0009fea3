"""The benchmark that says where a training step's time goes."""

from types import SimpleNamespace

import pytest

from benchmarks.training_jobs import JOBS
from benchmarks.training_profile import OTHER, SMALL, own_times, profile, to_operation
from models.training.plan import FLOAT32, GRAPH

OWNERS = {"dense": "dense", "dense_1": "dense_1", "adam": "(optimizer)"}


def test_a_profile_says_how_long_a_step_takes_and_which_operations_and_layers_take_it() -> None:
    head, *tables = profile(JOBS["line"], GRAPH, FLOAT32, steps=3, top=9).split("\n\n")
    assert head.startswith("graph, float32: ")
    assert head.endswith(" ms a step of 32 rows")
    assert "MatMul" in tables[0]
    assert "| dense | " in tables[1]


@pytest.mark.parametrize(
    ("name", "of_xla", "operation"),
    [
        ("while/body/_1/while/network_1/dense_1/MatMul:_MklMatMul", False, ("MatMul", "dense")),
        ("gradient_tape/while/network_1/dense_1_2/MatMul:MatMul", False, ("MatMul", "dense_1")),
        ("while/adam/Sub_2:Sub", False, ("Sub", "(optimizer)")),
        ("while/GatherV2:GatherV2", False, ("GatherV2", OTHER)),
        ("ExecutorState::Process", False, (SMALL, SMALL)),
        ("KernelAndDeviceFunc::Run", False, None),
        ("while:StatelessWhile", False, None),
        ("add_tanh_fusion.12", True, ("add_tanh_fusion", "")),
        ("MatMul_1.33", True, ("MatMul", "")),
        ("while.649", True, None),
    ],
)
def test_names_of_the_profiler_are_types_and_owners(name: str, of_xla: bool, operation: object) -> None:
    assert to_operation(name, of_xla, OWNERS) == operation


def test_time_within_an_event_counts_once() -> None:
    events = [
        SimpleNamespace(offset_ps=offset, duration_ps=duration)
        for offset, duration in ((0, 10), (2, 3), (5, 4), (12, 1))
    ]
    assert [(event.offset_ps, own) for event, own in own_times(events)] == [(2, 3), (5, 4), (0, 3), (12, 1)]
