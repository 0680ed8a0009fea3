"""Events as text: what was printed, and a line for each epoch."""

from typing import Any

from service.event_text import EventText

EPOCH = {"epoch": 3, "seconds": 1.94, "loss": 0.05, "accuracy": 0.98234, "learning_rate": 0.0010000000474974513}


def put(*events: tuple[str, dict[str, Any]], epochs: int = 10) -> str:
    text = EventText(epochs)
    return "".join(text.put(*event) for event in events)


def test_an_epoch_is_a_line_as_keras_prints_it() -> None:
    line = "Epoch 3/10 - 1.9s - loss: 0.05 - accuracy: 0.9823 - learning_rate: 0.001\n"
    assert put(("epoch", EPOCH)) == line
    assert "loss: nan" in put(("epoch", EPOCH | {"loss": None}))


def test_an_epoch_begins_its_own_line_after_what_was_printed() -> None:
    messages = [("message", {"text": text}) for text in ("half", " a line\n", "half")]
    assert put(*messages, ("epoch", EPOCH)).splitlines()[:2] == ["half a line", "half"]


def test_the_number_of_epochs_is_the_one_last_ordered() -> None:
    order = {"text": "From epoch 3 on: epochs 20\n", "order": {"epochs": 20, "learning_rate": None}}
    other = {"text": "From epoch 4 on: learning rate 0.1\n", "order": {"epochs": None, "learning_rate": 0.1}}
    assert "Epoch 3/20" in put(("message", order), ("message", other), ("epoch", EPOCH))
    assert "Epoch 3/30" in put(("progress", {"epochs": 30}), ("epoch", EPOCH))


def test_other_events_have_no_text() -> None:
    assert put(("transition", {"status": "running", "reason": None}), ("checkpoint", {"epoch": 1, "step": 2})) == ""
