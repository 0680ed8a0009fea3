"""The task of a training job: it trains a spec's network on a dataset and writes a version's files."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from models.building import rows_at_once
from models.datasets import Dataset
from models.evaluation import evaluate_split, measure_guess
from models.gain import BALANCED_ACCURACY, NO_GAIN, Reached, find_compared, find_no_balanced_gain, find_no_gain
from models.jobs.assignment import Phase, Unfinished
from models.jobs.training import TrainingAssignment, TrainingRequest, TrainingResult
from models.kept import Kept
from models.tasks.channel import Channel
from models.tasks.cross_validation import Trainings, cross_validate
from models.tasks.rows import known_targets
from models.tasks.snapshots import prepare_snapshots
from models.tasks.training_preparation import (
    FITTED_SPLITS,
    TEST,
    build,
    complete_spec,
    find_kept,
    load,
    make_plan,
    read_first_checkpoint,
)
from models.tasks.training_reporting import TrainingReporter
from models.training.arithmetic import NO_BFLOAT16, find_no_bfloat16
from models.training.compiled_code import CompiledCode
from models.training.gangs.differences import DIFFERS_FROM_ONE_HOST, find_differences
from models.training.gangs.gang import ALONE, Gang, MemberLost
from models.training.gangs.links import gathered
from models.training.loop import train
from models.training.plan import COMPILED, Arrays, Checkpoint, Observer, Outcome, Progress, StreamedArrays
from models.training.threads import configure_threads
from models.versions import COMPARED_ROWS, TrainedNetwork, save_version

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
    spec = complete_spec(assignment.spec, request)
    code = CompiledCode(assignment.compiled_code, assignment.compiled_code_bytes)
    threads, anew = assignment.runtime.threads, assignment.compiles_anew
    return code.used_for(spec, request.precision, threads, folder, anew=anew)


def _run(assignment: TrainingAssignment, folder: Path, channel: Channel) -> TrainingResult | Unfinished:
    dataset = Dataset.open(assignment.dataset)
    kept = find_kept(assignment)
    if not assignment.checkpoints:  # a training that resumes has reported them
        _warn(assignment, kept, dataset, channel)
    usable, checkpoint = read_first_checkpoint(assignment.checkpoints, channel.checkpoint_unreadable)
    assignment = dataclasses.replace(assignment, checkpoints=tuple(usable))
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
    trained = build(assignment, kept, dataset, folder)
    rows = load(assignment, trained, dataset, folder)
    channel.baseline(_measure_guess(trained, dataset, rows))
    reason = None
    if assignment.request.only_saves:
        reporter.report(NOTHING_TO_TRAIN)
    else:
        reporter.snapshots = prepare_snapshots(assignment, trained, channel)
        try:
            with _gathered(assignment, channel) as gang:
                channel.phase(Phase.TRAIN)
                outcome = _train(assignment, trained, rows, reporter, checkpoint, gang)
        except MemberLost as error:
            print(error)  # into the job's log
            return Unfinished.MEMBER_LOST
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
    differences = None if assignment.gang is None else find_differences(assignment.spec)
    if differences is not None:
        channel.warning(DIFFERS_FROM_ONE_HOST, differences)


@contextmanager
def _gathered(assignment: TrainingAssignment, channel: Channel) -> Iterator[Gang]:
    """The gang of the job, once its members are connected and know where to begin. Raises MemberLost."""
    if assignment.gang is None:
        yield ALONE
        return
    others = assignment.gang.hosts - 1
    channel.phase(Phase.GATHER, f"The job waits for its {f'{others} other workers' if others > 1 else 'other worker'}.")
    with gathered(assignment.gang) as gang:
        gang.agree(lambda: assignment.checkpoints[0].name if assignment.checkpoints else None)
        yield gang


def _train(
    assignment: TrainingAssignment,
    trained: TrainedNetwork,
    rows: dict[str, Arrays | StreamedArrays],
    reporter: TrainingReporter,
    checkpoint: Checkpoint | None,
    gang: Gang,
) -> Outcome:
    """Train the network whose version the job makes; its epochs leave snapshots if the reporter keeps them."""
    plan = make_plan(trained.spec, assignment.request)
    plan = dataclasses.replace(plan, watches_weights=reporter.snapshots is not None)
    return train(trained.network, rows["train"], rows.get("validation"), plan, reporter, checkpoint, gang)


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
    trained = build(assignment, kept, fold, folder)
    rows = load(assignment, trained, fold, folder)
    plan = make_plan(trained.spec, _monitoring_held_out(assignment.request))
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
