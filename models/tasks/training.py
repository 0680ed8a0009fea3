"""The task of a training job: it trains a spec's network on a dataset and writes a version's files."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import keras
import numpy as np

from models.adaptation import keep_learned, needs_rows
from models.building import build_network, rows_at_once
from models.class_weights import row_weights
from models.datasets import Dataset
from models.errors import BadCheckpoint
from models.evaluation import evaluate_split, measure_guess
from models.gain import BALANCED_ACCURACY, NO_GAIN, Reached, find_compared, find_no_balanced_gain, find_no_gain
from models.jobs.assignment import Phase, Unfinished
from models.jobs.training import KEEP, EarlyStoppingRequest, TrainingAssignment, TrainingRequest, TrainingResult
from models.kept import Kept
from models.naive_guess import NaiveGuess
from models.preprocessing.rows import input_rows
from models.pretrained_weights import restore_pretrained
from models.spec import ComponentSpec, NetworkSpec
from models.targets import TargetEncoding
from models.tasks.channel import Channel
from models.tasks.cross_validation import Trainings, cross_validate
from models.tasks.rows import known_targets, load_rows
from models.tasks.snapshots import prepare_snapshots
from models.tasks.training_reporting import TrainingReporter
from models.training.adaptation import adapt
from models.training.arithmetic import NO_BFLOAT16, find_no_bfloat16
from models.training.checkpoints import read_checkpoint
from models.training.compiled_code import CompiledCode
from models.training.loop import train
from models.training.monitoring import find_mode
from models.training.plan import (
    BFLOAT16,
    COMPILED,
    Arrays,
    Checkpoint,
    EarlyStopping,
    Observer,
    Outcome,
    Progress,
    StreamedArrays,
    TrainingPlan,
)
from models.training.precision import find_bfloat16_layers
from models.training.schedules import reduce_on_plateau, with_schedule
from models.training.threads import configure_threads
from models.training.vocabulary import check_split, check_vocabulary
from models.version_files import ARTIFACTS, WEIGHTS, read_document, read_spec
from models.versions import COMPARED_ROWS, TrainedNetwork, save_version
from models.weights import assign_weights, named_weights, read_weights

FITTED_SPLITS = ("train", "validation")
TEST = "test"
NOTHING_TO_TRAIN = Progress(epoch=0, epochs=0, step=0, steps=0, fraction=1.0, eta_seconds=None)
"""The progress of a job that only makes a version."""


def run(assignment: TrainingAssignment, folder: Path, channel: Channel) -> TrainingResult | Unfinished:
    """Train the assignment's network on its dataset, as described by its request.

    Raises Diverged, InvalidData.
    """
    channel.phase(Phase.BUILD)
    configure_threads(assignment.runtime.threads)
    with _using_compiled_code(assignment, folder):
        return _run(assignment, folder, channel)


def _using_compiled_code(assignment: TrainingAssignment, folder: Path) -> AbstractContextManager[None]:
    """A context in which the network need not be compiled if it has been compiled before."""
    request = assignment.request
    if assignment.compiled_code is None or request.execution != COMPILED:
        return nullcontext()
    spec = _complete_spec(assignment.spec, request)
    code = CompiledCode(assignment.compiled_code, assignment.compiled_code_bytes)
    threads, anew = assignment.runtime.threads, assignment.compiles_anew
    return code.used_for(spec, request.precision, threads, folder, anew=anew)


def _run(assignment: TrainingAssignment, folder: Path, channel: Channel) -> TrainingResult | Unfinished:
    dataset = Dataset.open(assignment.dataset)
    kept = _find_kept(assignment)
    if not assignment.checkpoints:  # a training that resumes has reported them
        _warn(assignment, kept, dataset, channel)
    checkpoint = _read_checkpoint(assignment.checkpoints, channel)
    trainings = Trainings(assignment.request.folds or 0, [] if checkpoint is None else checkpoint.state.folds)
    reporter = TrainingReporter(channel, folder, assignment.orders, trainings)
    if checkpoint is not None and not checkpoint.arrays:  # it is at the end of a fold
        checkpoint = None
    if len(trainings.finished) < trainings.folds:
        channel.phase(Phase.CROSS_VALIDATE)
        train_fold = partial(_train_fold, assignment, kept, folder, reporter)
        unfinished = cross_validate(dataset, assignment.request, trainings, train_fold, reporter, folder, checkpoint)
        if unfinished is not None:
            return unfinished
        checkpoint = None
        channel.phase(Phase.BUILD)
    return _make_version(assignment, kept, dataset, folder, channel, reporter, checkpoint)


def _make_version(
    assignment: TrainingAssignment,
    kept: Kept,
    dataset: Dataset,
    folder: Path,
    channel: Channel,
    reporter: TrainingReporter,
    checkpoint: Checkpoint | None,
) -> TrainingResult | Unfinished:
    """Train on all training rows, evaluate the network and save it."""
    trained = _build(assignment, kept, dataset, folder)
    rows = _load(assignment, trained, dataset, folder)
    channel.baseline(_measure_guess(trained, dataset, rows))
    reason = None
    if assignment.request.only_saves:
        reporter.report(NOTHING_TO_TRAIN)
    else:
        reporter.snapshots = prepare_snapshots(assignment, trained, channel)
        channel.phase(Phase.TRAIN)
        outcome = _train(assignment, trained, rows, reporter, checkpoint)
        if outcome.reason == "paused":
            return Unfinished.PAUSED
        if outcome.steps == 0:
            return Unfinished.STOPPED_BEFORE_TRAINING
        reason = outcome.reason
        channel.phase(Phase.EVALUATE, "The training has ended. The network is being evaluated.")
    result = _save(trained, dataset, rows, folder, channel, reporter.keep_alive)
    if assignment.request.class_weights is None:
        problem = _find_no_gain(trained, dataset)
    else:
        problem = _find_no_balanced_gain(trained, dataset, folder, reporter.keep_alive)
    if problem is not None:
        channel.warning(NO_GAIN, problem)
    return dataclasses.replace(result, status_reason=reason)


def _warn(assignment: TrainingAssignment, kept: Kept, dataset: Dataset, channel: Channel) -> None:
    """Report what a client should know before the training begins."""
    for type_, detail in kept.find_unfamiliar(assignment.spec, dataset):
        channel.warning(type_, detail)
    float32_only = find_no_bfloat16(assignment.spec, assignment.request.precision)
    if float32_only is not None:
        channel.warning(NO_BFLOAT16, float32_only)


def _train(
    assignment: TrainingAssignment,
    trained: TrainedNetwork,
    rows: dict[str, Arrays | StreamedArrays],
    reporter: TrainingReporter,
    checkpoint: Checkpoint | None,
) -> Outcome:
    """Train the network whose version the job makes; its epochs leave snapshots if the reporter keeps them."""
    plan = _plan(trained.spec, assignment.request)
    plan = dataclasses.replace(plan, watches_weights=reporter.snapshots is not None)
    return train(trained.network, rows["train"], rows.get("validation"), plan, reporter, checkpoint)


def _train_fold(
    assignment: TrainingAssignment,
    kept: Kept,
    folder: Path,
    reporter: TrainingReporter,
    fold: Dataset,
    observer: Observer,
    checkpoint: Checkpoint | None,
) -> tuple[Outcome, dict[str, float] | None]:
    """Train on a fold's training rows and evaluate on its held-out ones, unless the training is paused or stopped."""
    trained = _build(assignment, kept, fold, folder)
    rows = _load(assignment, trained, fold, folder)
    plan = _plan(trained.spec, _monitoring_held_out(assignment.request))
    outcome = train(trained.network, rows["train"], rows["validation"], plan, observer, checkpoint)
    if outcome.reason in ("paused", "stopped"):
        return outcome, None
    batch = rows_at_once(trained.network)
    return outcome, trained.evaluation.evaluate(rows["validation"], batch, reporter.keep_alive)


def _monitoring_held_out(request: TrainingRequest) -> TrainingRequest:
    """The request for a fold, in which early stopping and the schedule monitor the metrics of the held-out rows."""
    stopping, schedule = request.early_stopping, request.learning_rate_schedule
    if stopping is not None and stopping.monitor is not None:
        stopping = dataclasses.replace(stopping, monitor=_held_out(stopping.monitor))
    if schedule is not None and schedule.get("monitor") is not None:
        schedule = schedule | {"monitor": _held_out(schedule["monitor"])}
    return dataclasses.replace(request, early_stopping=stopping, learning_rate_schedule=schedule)


def _held_out(metric: str) -> str:
    return metric if metric.startswith("val_") else f"val_{metric}"


def _read_checkpoint(folders: Sequence[Path], channel: Channel) -> Checkpoint | None:
    """The first checkpoint that can be read; None if the training must begin again. The result is always the same."""
    for folder in folders:
        try:
            return read_checkpoint(folder)
        except BadCheckpoint as error:
            channel.checkpoint_unreadable(error)
    return None


def _find_kept(assignment: TrainingAssignment) -> Kept:
    """What the network keeps of the versions that it takes weights from, unless everything is fitted again."""
    if assignment.request.preprocessing != KEEP:
        return Kept()
    for folder in assignment.sources.values():
        return Kept.of_version(folder, assignment.spec)
    return Kept.of_layers(assignment.spec)


def _read_encoding(folder: Path) -> TargetEncoding:
    """The encoding of the targets of the version in a folder. Raises DamagedNetwork, IncompleteVersion."""
    return TargetEncoding.from_document(read_document(folder / ARTIFACTS["preprocessing"])["target"])


def _build(assignment: TrainingAssignment, kept: Kept, dataset: Dataset, folder: Path) -> TrainedNetwork:
    """The network before its first step. Its preprocessing and adapted layers are fitted to the training rows, except
    for what is kept."""
    spec = kept.scaled(_complete_spec(assignment.spec, assignment.request))
    preprocessing = kept.preprocess(spec, dataset)
    spec = preprocessing.complete(spec)
    if kept.encoding is not None and needs_rows(spec):
        spec = keep_learned(spec, read_spec(assignment.sources[0]))
    if needs_rows(spec):
        spec = adapt(spec, input_rows(preprocessing, dataset.split("train"), folder))
    scale = kept.scale(spec, dataset)
    network = build_network(spec, assignment.limits, seed=assignment.request.seed, scale=scale)
    _assign_known_weights(network, assignment)
    encoding = kept.encode(spec, dataset, network.output_shape[-1], scale)
    for source in assignment.sources.values():
        encoding = encoding.ordered_like(_read_encoding(source))
    return TrainedNetwork(network, spec, preprocessing, encoding, {}, NaiveGuess.fit(dataset, encoding))


def _load(
    assignment: TrainingAssignment, trained: TrainedNetwork, dataset: Dataset, folder: Path
) -> dict[str, Arrays | StreamedArrays]:
    """The training and validation rows by split, with their weights."""
    most_bytes, posted = assignment.runtime.resident_bytes, assignment.request.class_weights
    loaded = load_rows(dataset, trained.preprocessing, trained.encoding, FITTED_SPLITS, most_bytes, folder)
    for rows in loaded.values():
        check_vocabulary(trained.spec, rows.inputs)
    if dataset.descriptor.splits[TEST]:
        check_split(trained.spec, trained.preprocessing, dataset.split(TEST), folder)
    if posted is not None:
        indices = trained.encoding.class_indices(known_targets(dataset, trained.encoding, "train").targets)
        weights = row_weights(posted, indices, trained.encoding.classes or [])
        loaded["train"] = dataclasses.replace(loaded["train"], weights=weights)
    return loaded


def _measure_guess(
    trained: TrainedNetwork, dataset: Dataset, rows: dict[str, Arrays | StreamedArrays]
) -> dict[str, float]:
    """The metrics of the naive guess by the names of an epoch's metrics. Notes those of each split without weights."""
    assert trained.guess is not None
    measured: dict[str, float] = {}
    for split in FITTED_SPLITS:
        trained.baseline[split] = None
        if split in rows:
            weights = rows[split].weights
            known = known_targets(dataset, trained.encoding, split)
            found = plain = measure_guess(trained, trained.guess, known)
            if weights is not None:
                found = measure_guess(trained, trained.guess, known, weights)
            trained.baseline[split] = plain
            measured |= {f"val_{name}" if split == "validation" else name: value for name, value in found.items()}
    return measured


def _save(
    trained: TrainedNetwork,
    dataset: Dataset,
    rows: dict[str, Arrays | StreamedArrays],
    folder: Path,
    channel: Channel,
    keep_alive: Callable[[], None],
) -> TrainingResult:
    """Evaluate the network on every split and write the version's files. Calls `keep_alive` repeatedly."""
    batch = rows_at_once(trained.network)
    for split in FITTED_SPLITS:
        found = trained.evaluation.evaluate(rows[split], batch, keep_alive) if split in rows else None
        trained.metrics[split] = found
    evaluation = None
    if dataset.descriptor.splits[TEST]:
        evaluation = evaluate_split(trained, dataset, TEST, folder, lambda step, steps: keep_alive())
    trained.metrics[TEST] = None if evaluation is None else evaluation.own
    naive = None if evaluation is None else evaluation.naive
    trained.baseline[TEST] = None if naive is None else naive.own
    channel.phase(Phase.EXPORT, "The network is being exported and saved.")
    version = save_version(folder, trained, _sample(trained, dataset))
    return TrainingResult(version, None if evaluation is None else evaluation.to_result())


def _find_no_gain(trained: TrainedNetwork, dataset: Dataset) -> str | None:
    """Why the network is no better than the naive guess; None if it is better."""
    assert trained.guess is not None
    splits = {
        name: Reached(rows, trained.metrics[name] or {}, trained.baseline[name] or {}) if rows else None
        for name, rows in dataset.descriptor.splits.items()
    }
    return find_no_gain(trained.spec, trained.guess.describe(trained.encoding), splits)


def _find_no_balanced_gain(
    trained: TrainedNetwork, dataset: Dataset, folder: Path, keep_alive: Callable[[], None]
) -> str | None:
    """As `_find_no_gain`, for a network that was trained with class weights. Evaluates a split without weights."""
    split = find_compared(dataset.descriptor.splits)
    if split is None:
        return None
    found = evaluate_split(trained, dataset, split, folder, lambda step, steps: keep_alive())
    if found.naive is None or found.naive.figures.get(BALANCED_ACCURACY) is None:
        return None  # there are too many classes for the figures of a guess
    network, guess = (
        {"loss": each.own["loss"], BALANCED_ACCURACY: each.figures[BALANCED_ACCURACY] or 0.0}
        for each in (found, found.naive)
    )
    support = [entry["support"] for entry in found.details["per_class"]]
    return find_no_balanced_gain(split, Reached(sum(support), network, guess), support)


def _sample(trained: TrainedNetwork, dataset: Dataset) -> dict[str, np.ndarray]:
    """Preprocessed rows for comparing the exported network with Keras's, from the test split if it has rows."""
    split = dataset.split(TEST if dataset.descriptor.splits[TEST] else "train")
    return trained.preprocessing.network_inputs(split.page(slice(0, COMPARED_ROWS)))


def _assign_known_weights(network: keras.Model, assignment: TrainingAssignment) -> None:
    """Assign the weights that come from other versions."""
    if assignment.pretrained is not None:
        restore_pretrained(network, assignment.pretrained)
    for folder in assignment.sources.values():
        assign_weights(named_weights(network), read_weights(folder / WEIGHTS))


def _complete_spec(spec: NetworkSpec, request: TrainingRequest) -> NetworkSpec:
    """The spec with the optimizer and the schedule of this training."""
    if request.optimizer is not None:
        spec = dataclasses.replace(spec, optimizer=ComponentSpec.from_document(request.optimizer))
    return with_schedule(spec, request.learning_rate_schedule)


def _plan(spec: NetworkSpec, request: TrainingRequest) -> TrainingPlan:
    return TrainingPlan(
        epochs=request.epochs,
        batch_size=request.batch_size,
        shuffle=request.shuffle,
        seed=request.seed,
        execution=request.execution,
        fused=request.fused,
        bfloat16_layers=find_bfloat16_layers(spec) if request.precision == BFLOAT16 else (),
        early_stopping=_stopping(spec, request.early_stopping),
        reduce_on_plateau=reduce_on_plateau(spec, request.learning_rate_schedule),
        checkpoint_seconds=request.checkpoint_seconds,
        time_limit_seconds=request.time_limit_seconds,
    )


def _stopping(spec: NetworkSpec, request: EarlyStoppingRequest | None) -> EarlyStopping | None:
    if request is None or request.monitor is None:
        return None
    mode = find_mode(spec, request.monitor)
    return EarlyStopping(request.monitor, mode, request.patience, request.min_delta, request.restore_best)
