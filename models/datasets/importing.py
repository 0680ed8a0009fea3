"""Imports a dataset: loads the source's rows, splits and describes them, and writes the folder."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor, LeftOut, Note
from models.datasets import bundled, downloaded, generated
from models.datasets.appending import APPEND, column_types, keep_known, read_appended
from models.datasets.describing import describe_target, describe_tensors, find_too_many_classes
from models.datasets.examples import Examples
from models.datasets.grouping import describe_groups
from models.datasets.inline import check_inline, read_inline
from models.datasets.sources import GENERATED, INLINE, SOURCES
from models.datasets.splits import check_split, group_columns, split_rows
from models.datasets.storage import Dataset
from models.datasets.tables.examples import plan_columns
from models.datasets.tables.options import check_table_options
from models.datasets.tables.sequences import CompleteSequences
from models.datasets.target_options import check_target_options, wanted_positive
from models.datasets.uploads import DATA_FILE, MORE_FILES, UPLOAD, check_upload, file_name, read_upload
from models.datasets.writing import write_dataset
from models.errors import MOST_FAULTS, Fault, InvalidData
from models.files.sums import check_files
from models.limits import Limits
from models.progress import Progress
from models.series.window import Window
from models.suggestions import unknown_name
from models.tabular.table import Table, describe_table
from models.values.pointers import pointer_to
from models.values.tensors import name_type

SCRATCH_FOLDER = "scratch"
"""The subfolder for temporary files of an import."""
GENERATORS: dict[str, Callable[..., Examples]] = {
    "line": generated.line,
    "circles": generated.circles,
    "moons": generated.moons,
    "spirals": generated.spirals,
    "xor": generated.xor,
    "blobs": generated.blobs,
    "sine": generated.sine,
    "iris": bundled.iris,
    "wine": bundled.wine,
    "breast-cancer": bundled.breast_cancer,
    "diabetes": bundled.diabetes,
    "digits": bundled.digits,
}
DOWNLOADS: dict[str, Callable[[Path, bool, Progress], Examples]] = {
    "mnist": downloaded.mnist,
    "fashion-mnist": downloaded.fashion_mnist,
    "cifar10": downloaded.cifar10,
    "cat-or-not": downloaded.cat_or_not,
}

COMPUTED = (INLINE, *(source.name for source in GENERATED))
"""The sources whose rows need no file."""
FIELDS = {
    INLINE: ("inputs", "targets", "rows", "target", "types", "ignore", "split", "target_options"),
    UPLOAD: ("file", "target", "csv", "types", "ignore", "split", "window", "picture", "target_options"),
}
"""The fields of a request besides `name` and `source`, by source."""
FIELDS_OF_BUILT_IN = ("parameters", "split", "target_options")


def check_request(request: dict[str, Any]) -> None:
    """Raise InvalidData with the faults that find_request_faults finds."""
    faults = find_request_faults(request)
    if faults:
        raise InvalidData(*faults)


def find_request_faults(request: dict[str, Any]) -> list[Fault]:
    """The faults of a request that can be found without loading any data.

    Checks the name of the source, its parameters, the split, the structure of inline data, and the options of an
    upload; refuses fields that only other sources accept.
    """
    name = request.get("source")
    split = request.get("split")
    if name == INLINE:
        faults = check_inline(request) + check_split(split, columns="rows" in request)
        faults += check_table_options(request) if not faults else []
    elif name == UPLOAD:
        faults = check_upload(request) + check_split(split, columns=True)
    elif name in SOURCES:
        parameters = request.get("parameters")
        if parameters is None or isinstance(parameters, dict):
            faults = SOURCES[name].find_faults(parameters or {})
        else:
            faults = [Fault(f'"parameters" must be an object, not {name_type(parameters)}.', pointer_to("parameters"))]
        faults += check_split(split, SOURCES[name].has_test_rows)
    else:
        return [unknown_name(str(name), (INLINE, *SOURCES), pointer_to("source"), "source")]
    has_table = name == UPLOAD or "rows" in request
    faults += check_target_options(request.get("target_options"), has_table=has_table)
    return faults + _find_unaccepted_fields(request)


def _find_unaccepted_fields(request: dict[str, Any]) -> list[Fault]:
    """The faults of the fields that the request's source doesn't accept."""
    source = request["source"]
    taken = FIELDS.get(source, FIELDS_OF_BUILT_IN)
    known = f"{', '.join(taken[:-1])} and {taken[-1]}"
    own = ("name", "source", MORE_FILES) if source == UPLOAD else ("name", "source")
    others = (name for name, value in request.items() if value is not None and name not in (*own, *taken))
    return [
        Fault(f'The source "{source}" doesn\'t accept "{name}"; it accepts {known}.', pointer_to(name), allowed=taken)
        for name in islice(others, MOST_FAULTS)
    ]


def import_dataset(
    request: dict[str, Any],
    folder: Path,
    *,
    cache: Path,
    downloads: bool,
    limits: Limits,
    progress: Progress,
    upload: Path | None = None,
    base: Path | None = None,
) -> DatasetDescriptor:
    """Write the requested dataset into the empty `folder` and return its descriptor.

    `request` is the posted body: `source` with `parameters`, inline data, or `upload` with its options, and `split`.
    `cache` is Keras's folder, which contains `datasets`; `upload` is the folder with the uploaded file `data`; `base`
    is the folder of the dataset to which the request appends rows.
    `progress` is called with the fraction that is done. Raises InvalidData, SourceUnavailable, DamagedFile.
    """
    from polars.exceptions import PanicException

    if base is None:
        check_request(request)
    scratch = folder / SCRATCH_FOLDER
    scratch.mkdir()
    try:
        reading = _share(progress, 0, 0.5)
        examples, default = _read_rows(request, scratch, cache, downloads, limits, reading, upload, base)
        if examples.earlier is not None:
            request = _without_reading(request, column_types(examples.earlier))
        descriptor = _write(folder, request, examples, default, limits, progress)
    except PanicException as problem:
        # the library doesn't foresee this input; the exception isn't an Exception, and would end the process
        raise InvalidData(Fault("The data is damaged, or in a form that isn't supported.", pointer_to())) from problem
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress(1.0)
    return descriptor


def _read_rows(
    request: dict[str, Any],
    scratch: Path,
    cache: Path,
    downloads: bool,
    limits: Limits,
    progress: Progress,
    upload: Path | None,
    base: Path | None,
) -> tuple[Examples, tuple[float, float]]:
    """The rows of any request, and the default shares of validation and test rows."""
    if base is not None:
        return read_appended(Dataset.open(base), request, scratch), (0, 0)
    if request["source"] != UPLOAD:
        return _load(request, cache, downloads, limits, progress)
    assert upload is not None
    for number in range(1 + len(request.get(MORE_FILES, ()))):
        check_files(upload, file_name(number))
    return read_upload(upload / DATA_FILE, request, scratch, limits, progress)


def compute_rows(request: dict[str, Any], limits: Limits) -> tuple[Examples, dict[str, np.ndarray]]:
    """The rows that a request for a generated source or inline numbers gives, and the row indices of each split.

    Nothing is written. Raises InvalidData, also for other sources.
    """
    if request.get("source") not in COMPUTED or "rows" in request:
        detail = "Only the rows of generated sources and of inline `inputs` can be computed."
        raise InvalidData(Fault(detail, pointer_to("source"), allowed=COMPUTED))
    check_request(request)
    examples, default = _load(request, Path(), False, limits, lambda share: None)
    return examples, split_rows(examples, request.get("split"), default)


def _write(
    folder: Path,
    request: dict[str, Any],
    examples: Examples,
    default: tuple[float, float],
    limits: Limits,
    progress: Progress,
) -> DatasetDescriptor:
    if examples.rows > limits.rows:
        detail = f"The source has {examples.rows:,} rows; the limit is {limits.rows:,}."
        raise InvalidData(Fault(detail, pointer_to("source")))
    splits = split_rows(examples, request.get("split"), default)
    _check_training(examples, len(splits["train"]), request)
    read = _describe_inputs(examples, splits, request, _share(progress, 0.5, 0.75))
    examples, splits, notes = read.examples, read.splits, list(read.notes)
    if examples.groups is not None:
        notes.append(describe_groups(examples.groups, splits, group_columns(request.get("split"))))
    target = describe_target(examples, _wanted_positive(request, examples))
    if read.window is not None:
        target = replace(target, columns=list(read.window.targets), horizons=list(read.window.horizons))
    descriptor = DatasetDescriptor(
        examples.kind,
        examples.rows,
        {name: len(rows) for name, rows in splits.items()},
        tuple(read.inputs),
        target,
        window=read.window,
        left_out=tuple(read.left_out) if read.table is not None or read.left_out else None,
        notes=tuple(notes),
        file=examples.facts,
    )
    if examples.earlier is not None:
        descriptor = keep_known(descriptor, examples.earlier)
    return write_dataset(folder, examples, read.table, splits, descriptor, limits, _share(progress, 0.75, 1))


@dataclass(frozen=True)
class _Described:
    """Examples whose inputs are known: the columns of a table have their types, windows have become sequences."""

    examples: Examples
    splits: dict[str, np.ndarray]
    inputs: Sequence[InputDescriptor]
    left_out: Sequence[LeftOut]
    notes: Sequence[Note]
    table: Table | None = None
    window: Window | None = None


def _describe_inputs(
    examples: Examples, splits: dict[str, np.ndarray], request: dict[str, Any], progress: Progress
) -> _Described:
    notes = examples.notes
    if examples.table is not None:
        plan = plan_columns(examples.target_name, request)
        table = describe_table(examples.table, plan, splits["train"], progress, examples.numbers)
        return _Described(examples, splits, table.inputs, table.left_out, (*notes, *table.notes), table=table)
    if examples.sequences is not None:
        complete = examples.sequences.complete(splits)
        taken, notes = _take(examples, complete), (*notes, *complete.notes)
        return _Described(taken, complete.splits, [complete.entry], examples.left_out, notes, window=complete.window)
    return _Described(examples, splits, describe_tensors(examples), examples.left_out, notes)


def _wanted_positive(request: dict[str, Any], examples: Examples) -> Any:
    """The positive class that the request names, or that the rows to which others are appended had."""
    wanted = wanted_positive(request)
    if wanted is None and examples.earlier is not None and len(examples.classes or ()) == 2:
        return examples.earlier.target.positive_class
    return wanted


def _take(examples: Examples, complete: CompleteSequences) -> Examples:
    """The examples with the sequences and the targets that are in a split."""
    return replace(examples, windows=complete.windows, targets=examples.targets[complete.kept])


def _without_reading(request: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """The options of a request whose rows have been read and split, with the types of all columns."""
    read = (APPEND, "types", "ignore", "split", "csv", "window")
    return {name: value for name, value in request.items() if name not in read} | {"types": types}


def _check_training(examples: Examples, training_rows: int, request: dict[str, Any]) -> None:
    """Raise InvalidData if nothing can be learned: there are no training rows, or nearly as many classes as rows."""
    if not training_rows:
        raise InvalidData(Fault("The split leaves no training rows.", pointer_to("split")))
    problem = find_too_many_classes(examples)
    if problem:
        member = next((member for member in ("targets", "target") if request.get(member) is not None), "file")
        raise InvalidData(Fault(problem, pointer_to(member)))


def _share(progress: Progress, start: float, end: float) -> Progress:
    """Progress scaled to a part of the work."""
    return lambda share: progress(start + (end - start) * share)


def _load(
    request: dict[str, Any], cache: Path, downloads: bool, limits: Limits, progress: Progress
) -> tuple[Examples, tuple[float, float]]:
    """The source's rows, and its default shares of validation and test rows."""
    if request["source"] == INLINE:
        return read_inline(request, limits), (0, 0)
    source = SOURCES[request["source"]]
    if source.name in DOWNLOADS:
        return DOWNLOADS[source.name](cache, downloads, progress), source.split
    return GENERATORS[source.name](**source.complete(request.get("parameters") or {})), source.split
