"""The task that trains: dataset and spec in, a version's files out."""

import dataclasses
from pathlib import Path
from typing import Any

from models.adaptation import needs_rows
from models.building import build_network, rows_at_once
from models.datasets import Dataset
from models.limits import Limits
from models.preprocessing import Preprocessing
from models.spec import ComponentSpec, NetworkSpec
from models.targets import TargetEncoding
from models.tasks.channel import Channel
from models.training.adaptation import adapt
from models.training.evaluation import evaluate
from models.training.loop import train
from models.training.monitoring import find_mode
from models.training.plan import Arrays, EarlyStopping, EpochResult, Progress, TrainingPlan
from models.training.threads import configure_threads
from models.training.vocabulary import check_vocabulary
from models.versions import TrainedNetwork, save_version

SPLITS = ("train", "validation", "test")


def run(assignment: dict[str, Any], folder: Path, channel: Channel) -> dict[str, Any]:
    """Train the assignment's `document` on its `dataset` as its `request` says.

    The result has `version`, and `status_reason` when training ended before its last epoch; or
    `stopped_before_training` when it was stopped before the first step. Raises Diverged, InvalidData.
    """
    configure_threads(assignment["runtime"]["threads"])
    request = assignment["request"]
    spec = _spec(assignment["document"], request["optimizer"])
    dataset = Dataset.open(Path(assignment["dataset"]))
    preprocessing = Preprocessing.fit(spec, dataset)
    if needs_rows(spec):
        spec = adapt(spec, preprocessing.network_inputs(dataset.split("train")))
    network = build_network(spec, Limits(**assignment["limits"]), seed=request["seed"])
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, network.output_shape[-1])
    arrays = _arrays(dataset, preprocessing, encoding)
    for rows in arrays.values():
        check_vocabulary(spec, rows.inputs)
    outcome = train(network, arrays["train"], arrays.get("validation"), _plan(spec, request), _Reporter(channel))
    if outcome.steps == 0:
        return {"stopped_before_training": True}
    batch = rows_at_once(network)
    metrics = {split: evaluate(network, arrays[split], batch) if split in arrays else None for split in SPLITS}
    sample = arrays.get("test") or arrays["train"]
    trained = TrainedNetwork(network, spec, preprocessing, encoding, metrics)
    return {"status_reason": outcome.reason, "version": save_version(folder, trained, sample.inputs)}


def _spec(document: dict[str, Any], optimizer: str | dict[str, Any] | None) -> NetworkSpec:
    spec = NetworkSpec.from_document(document)
    if optimizer is None:
        return spec
    return dataclasses.replace(spec, optimizer=ComponentSpec.from_document(optimizer))


def _arrays(dataset: Dataset, preprocessing: Preprocessing, encoding: TargetEncoding) -> dict[str, Arrays]:
    """What the network takes, for each split that has rows."""
    splits = (dataset.split(name) for name in SPLITS if dataset.descriptor["splits"][name])
    return {split.name: Arrays(preprocessing.network_inputs(split), encoding.encode(split.targets)) for split in splits}


def _plan(spec: NetworkSpec, request: dict[str, Any]) -> TrainingPlan:
    posted = request["early_stopping"]
    stopping = None if posted is None else EarlyStopping(mode=find_mode(spec, posted["monitor"]), **posted)
    return TrainingPlan(
        epochs=request["epochs"],
        batch_size=request["batch_size"],
        shuffle=request["shuffle"],
        seed=request["seed"],
        execution=request["execution"],
        early_stopping=stopping,
    )


class _Reporter:
    """Watches the training for the task's channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def on_progress(self, progress: Progress) -> None:
        self._channel.progress(dataclasses.asdict(progress))

    def on_epoch(self, result: EpochResult) -> None:
        data = {"epoch": result.epoch, "seconds": result.seconds, **result.metrics}
        self._channel.epoch({**data, "learning_rate": result.learning_rate}, result.best)

    def stop_requested(self) -> bool:
        return self._channel.stop_requested()
