"""What a training prepares before its first step: the network, its rows and the plan, from the job's assignment."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from models.adaptation import keep_learned, needs_rows
from models.building import build_network
from models.class_weights import row_weights
from models.datasets import Dataset
from models.errors import BadCheckpoint
from models.jobs.training import KEEP, EarlyStoppingRequest, TrainingAssignment, TrainingRequest
from models.kept import Kept
from models.naive_guess import NaiveGuess
from models.preprocessing.rows import input_rows
from models.pretrained_weights import restore_pretrained
from models.spec import ComponentSpec, NetworkSpec
from models.targets import TargetEncoding
from models.tasks.rows import known_targets, load_rows
from models.training.adaptation import adapt
from models.training.checkpoints import read_checkpoint
from models.training.monitoring import find_mode
from models.training.plan import BFLOAT16, Arrays, Checkpoint, EarlyStopping, StreamedArrays, TrainingPlan
from models.training.precision import find_bfloat16_layers
from models.training.schedules import reduce_on_plateau, with_schedule
from models.training.vocabulary import check_split, check_vocabulary
from models.version_files import ARTIFACTS, WEIGHTS, read_document, read_spec
from models.versions import TrainedNetwork
from models.weights import assign_weights, named_weights, read_weights

FITTED_SPLITS = ("train", "validation")
TEST = "test"


def find_kept(assignment: TrainingAssignment) -> Kept:
    """What the network keeps of the versions that it takes weights from, unless everything is fitted again."""
    if assignment.request.preprocessing != KEEP:
        return Kept()
    for folder in assignment.sources.values():
        return Kept.of_version(folder, assignment.spec)
    return Kept.of_layers(assignment.spec)


def _read_encoding(folder: Path) -> TargetEncoding:
    """The encoding of the targets of the version in a folder. Raises DamagedNetwork, IncompleteVersion."""
    return TargetEncoding.from_document(read_document(folder / ARTIFACTS["preprocessing"])["target"])


def build(assignment: TrainingAssignment, kept: Kept, dataset: Dataset, folder: Path) -> TrainedNetwork:
    """The network before its first step. Its preprocessing and adapted layers are fitted to the training rows, except
    for what is kept."""
    spec = kept.scaled(complete_spec(assignment.spec, assignment.request))
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


def _assign_known_weights(network: keras.Model, assignment: TrainingAssignment) -> None:
    """Assign the weights that come from other versions."""
    if assignment.pretrained is not None:
        restore_pretrained(network, assignment.pretrained)
    for folder in assignment.sources.values():
        assign_weights(named_weights(network), read_weights(folder / WEIGHTS))


def complete_spec(spec: NetworkSpec, request: TrainingRequest) -> NetworkSpec:
    """The spec with the optimizer and the schedule of this training."""
    if request.optimizer is not None:
        spec = dataclasses.replace(spec, optimizer=ComponentSpec.from_document(request.optimizer))
    return with_schedule(spec, request.learning_rate_schedule)


def load(
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


def make_plan(spec: NetworkSpec, request: TrainingRequest) -> TrainingPlan:
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


def read_first_checkpoint(
    folders: Sequence[Path], report: Callable[[BadCheckpoint], None]
) -> tuple[Sequence[Path], Checkpoint | None]:
    """The first checkpoint that can be read, and the folders from its own on; None and no folders if the training must
    begin again. The result is always the same. Calls `report` for those that can't be read."""
    for number, folder in enumerate(folders):
        try:
            return folders[number:], read_checkpoint(folder)
        except BadCheckpoint as error:
            report(error)
    return (), None
