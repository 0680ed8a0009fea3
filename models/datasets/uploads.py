"""Reads uploaded files: detects the format and calls its reader."""

from pathlib import Path
from typing import Any

from models.datasets.arrays import read_arrays
from models.datasets.examples import Examples
from models.datasets.pictures import check_picture, read_pictures
from models.datasets.several_files import open_files, read_tables
from models.datasets.splits import TABLE_OPTIONS, asks
from models.datasets.tables.examples import read_examples
from models.datasets.tables.options import check_table_options
from models.datasets.tables.window_options import has_targets
from models.datasets.tables.windows import read_windows
from models.datasets.target_options import drops_missing
from models.errors import Fault, InvalidData
from models.files.compressed import inner_name
from models.files.formats import TABLES, TITLES, name_format
from models.limits import Limits
from models.progress import Progress
from models.values.pointers import pointer_to

UPLOAD = "upload"
"""The source of uploaded files."""
DATA_FILE = "data"
MORE_FILES = "more_files"
"""The member of a request that has the files after the first; clients send them as further fields `file`."""
DEFAULT_SPLIT = (0.2, 0.2)
OPTIONS = {
    "csv": ("CSV", frozenset({"csv"})),
    **dict.fromkeys(("types", "ignore", "target", "window"), ("tables", TABLES)),
    "picture": ("ZIPs of images", frozenset({"zip"})),
}
"""What each option is for, in words and as formats."""


def file_name(number: int) -> str:
    """The name of an uploaded file in its folder, by its place in the upload."""
    return DATA_FILE if number == 0 else f"{DATA_FILE}.{number}"


def check_upload(request: dict[str, Any]) -> list[Fault]:
    """The faults of an upload's options that can be found without the file."""
    faults = check_table_options(request) + check_picture(request.get("picture"))
    target = request.get("target")
    if target is not None and not isinstance(target, str):
        faults.append(Fault('"target" must be the name of a column.', pointer_to("target")))
    promised = name_format(inner_name(request["file"]["name"]))
    empty = [file["name"] for file in (request["file"], *request.get(MORE_FILES, ())) if file.get("bytes") == 0]
    if empty:
        faults += [Fault(f'The file "{name}" is empty.', file=name) for name in empty]
    elif promised in TABLES and target is None and not has_targets(request.get("window")):
        faults.append(Fault('A table requires "target": the column to predict.', pointer_to("target")))
    split = request.get("split")
    if request.get("window") and isinstance(split, dict):
        faults += [
            Fault("Windows are always split in time order.", pointer_to("split", name))
            for name in ("column", "time_column", "group", "seed", "stratify")
            if asks(split, name)
        ]
    return faults


def read_upload(
    path: Path, request: dict[str, Any], scratch: Path, limits: Limits, progress: Progress
) -> tuple[Examples, tuple[float, float]]:
    """The rows of an uploaded file, and their default shares of validation and test rows.

    Raises InvalidData, naming the file and the invalid row or column.
    """
    uploaded = [request["file"], *request.get(MORE_FILES, ())]
    paths = [path.with_name(file_name(number)) for number in range(len(uploaded))]
    files = open_files(paths, [file["name"] for file in uploaded], scratch, limits)
    path, format_ = files[0].path, files[0].format
    _refuse_other_options(request, format_)
    if format_ in TABLES:
        raw = read_tables(files, request.get("csv") or {}, scratch, limits, progress)
        return (
            read_windows(raw, request, limits) if request.get("window") else read_examples(raw, request)
        ), DEFAULT_SPLIT
    if format_ == "npz":
        examples = read_arrays(path, request, limits, progress)
    else:
        examples = read_pictures(path, request, limits, progress)
    _refuse_new_splits(examples, request.get("split") or {})
    return examples, (0, 0) if examples.test_rows else DEFAULT_SPLIT


def _refuse_new_splits(examples: Examples, split: dict[str, Any]) -> None:
    """Raise InvalidData if the request splits a file that has its own validation or test rows."""
    asked = [name for name in ("validation", "test", "seed", "stratify") if asks(split, name)]
    if examples.guide is not None and asked:
        detail = "The file has its own validation rows: its splits can't be changed."
        raise InvalidData(*(Fault(detail, pointer_to("split", name)) for name in asked))
    if examples.test_rows and "test" in asked:
        detail = "The file has its own test rows: only validation rows can be split from the others."
        raise InvalidData(Fault(detail, pointer_to("split", "test")))


def _refuse_other_options(request: dict[str, Any], format_: str) -> None:
    """Raise InvalidData for options that apply only to files of other formats."""
    misplaced: list[tuple[str, tuple[str, ...]]] = [
        (purpose, (option,))
        for option, (purpose, formats) in OPTIONS.items()
        if request.get(option) is not None and format_ not in formats
    ]
    if format_ not in TABLES:
        split = request.get("split") or {}
        columns = (name for name in TABLE_OPTIONS if split.get(name) is not None)
        misplaced += [("tables", ("split", name)) for name in columns]
        if drops_missing(request):
            misplaced.append(("tables", ("target_options", "missing")))
    if misplaced:
        detail = "This option is for {}, but the file is {}."
        raise InvalidData(
            *(Fault(detail.format(purpose, TITLES[format_]), pointer_to(*place)) for purpose, place in misplaced)
        )
