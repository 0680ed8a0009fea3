"""What the README's tour comes to, whoever takes it."""

import json

import pytest


def check_tour(printed: str) -> None:
    """Check the metrics, the weights and the answer that a client printed: the line is 2x - 1."""
    found = json.loads(printed)
    epochs = found["metrics"]["epochs"]
    assert [epochs[0]["epoch"], epochs[-1]["epoch"], len(epochs)] == [1, 500, 10]
    assert epochs[-1]["loss"] < 0.001 < epochs[0]["loss"]
    kernel, bias = found["weights"]["weights"]
    assert kernel["values"][0][0] == pytest.approx(2, abs=0.05)
    assert bias["values"][0] == pytest.approx(-1, abs=0.05)
    (prediction,) = found["answer"]["predictions"]
    assert prediction["value"] == pytest.approx(19, abs=0.1)
