"""Networks that were trained with class weights are compared with the naive guess."""

from pathlib import Path

import pytest

from models.gain import NO_GAIN
from models.jobs.assignment import Runtime
from models.jobs.training import TrainingAssignment, TrainingRequest
from models.limits import Limits
from models.spec import NetworkSpec
from models.tasks.training import run
from tests.models.made_datasets import make_dataset
from tests.models.test_tasks_checkpoints import RecordingChannel

pytestmark = pytest.mark.usefixtures("task_in_this_process")

SPEC = NetworkSpec.from_document(
    {
        "task": "binary",
        "input": {"shape": [1]},
        "layers": [{"type": "Dense", "units": 1, "activation": "sigmoid"}],
        "optimizer": {"type": "Adam", "learning_rate": 0.5},
        "loss": "binary_crossentropy",
    }
)
CLASSES = ["paid"] * 36 + ["fraud"] * 4


@pytest.mark.parametrize("says_something", [True, False])
def test_a_network_that_learnt_nothing_but_the_weights_of_the_classes_has_a_warning(
    tmp_path: Path, says_something: bool
) -> None:
    inputs = [[float(label == "fraud") if says_something else 1.0] for label in CLASSES]
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=CLASSES)
    (tmp_path / "trained").mkdir()
    request = TrainingRequest("m", "d", epochs=8, batch_size=20, class_weights="balanced")
    channel = RecordingChannel()
    run(
        TrainingAssignment(spec=SPEC, dataset=dataset.folder, limits=Limits(), runtime=Runtime(), request=request),
        tmp_path / "trained", channel,
    )  # fmt: skip
    warnings = [detail for type_, detail in channel.warnings if type_ == NO_GAIN]
    assert (
        warnings == []
        if says_something
        else warnings
        == [
            "The network is no better than a naive guess: it has balanced_accuracy 0.5 on the training rows; always "
            "guessing the same has 0.5."
        ]
    )
