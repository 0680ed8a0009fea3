"""Assigns rows to the training, validation and test splits."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from models.datasets.describing import has_classes
from models.datasets.examples import Examples
from models.datasets.grouping import split_groups
from models.errors import MOST_FAULTS, Fault, InvalidData
from models.suggestions import unknown_name
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.tensors import name_type

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {name: name for name in SPLITS} | {
    "training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test",
}  # fmt: skip
"""The names of splits that files may use, in upper or lower case."""
OPTIONS = ("validation", "test", "seed", "stratify", "column", "time_column", "group")
TABLE_OPTIONS = ("column", "time_column", "group")
MOST_GROUP_COLUMNS = 20
MAX_SEED = 2**32 - 1


def check_split(split: object, has_test_rows: bool = False, columns: bool = False) -> list[Fault]:
    """The faults of a posted `split`. `has_test_rows` says whether the source has its own test rows, `columns` whether
    it may be a table, which can be split by a column."""
    if split is None:
        return []
    if not isinstance(split, dict):
        return [Fault(f'"split" must be an object, not {name_type(split)}.', pointer_to("split"))]
    faults = [
        unknown_name(name, OPTIONS, pointer_to("split", name), "option of a split")
        for name in islice((name for name in split if name not in OPTIONS), MOST_FAULTS)
    ]
    shares = {name: split[name] for name in ("validation", "test") if split.get(name) is not None}
    wrong = [name for name, share in shares.items() if not _is_share(share)]
    faults += [Fault(f'"{name}" must be a share of the rows from 0 to 1.', pointer_to("split", name)) for name in wrong]
    if not wrong and sum(shares.values()) > 1 - 1e-9:
        what = "more than 1 in total" if sum(shares.values()) > 1 + 1e-9 else "1 in total: no training rows are left"
        faults.append(Fault(f"The shares of validation and test rows are {what}.", pointer_to("split")))
    if has_test_rows and "test" in shares:
        detail = "The source has its own test rows: only validation rows can be split from the others."
        faults.append(Fault(detail, pointer_to("split", "test")))
    seed = split.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED):
        faults.append(Fault(f'"seed" must be an integer from 0 to {MAX_SEED:,}.', pointer_to("split", "seed")))
    if not isinstance(split.get("stratify"), bool | None):
        faults.append(Fault('"stratify" must be true or false.', pointer_to("split", "stratify")))
    return [*faults, *_check_columns(split, columns)]


def _check_columns(split: dict[str, Any], allowed: bool) -> Iterator[Fault]:
    named = [name for name in TABLE_OPTIONS if split.get(name) is not None]
    for name in named:
        if not allowed:
            yield Fault("Only a table can be split by a column.", pointer_to("split", name))
        elif name == "group":
            yield from _check_group(split[name])
        elif not isinstance(split[name], str):
            yield Fault(f'"{name}" must be the name of a column.', pointer_to("split", name))
    excluded = {
        "column": ("validation", "test", "seed", "stratify", "time_column", "group"),
        "time_column": ("seed", "stratify", "group"),
        "group": (),
    }
    for name in named:
        for other in excluded[name]:
            if asks(split, other):
                yield Fault(f'"{other}" can\'t be combined with "{name}".', pointer_to("split", other))


def _check_group(group: Any) -> Iterator[Fault]:
    columns = group if isinstance(group, list) else [group]
    if not 1 <= len(columns) <= MOST_GROUP_COLUMNS or not all(isinstance(column, str) for column in columns):
        detail = f'"group" must be the name of a column, or a list of 1 to {MOST_GROUP_COLUMNS} names.'
        yield Fault(detail, pointer_to("split", "group"))
    elif len(set(columns)) < len(columns):
        yield Fault('"group" names a column twice.', pointer_to("split", "group"))


def asks(split: dict[str, Any] | None, name: str) -> bool:
    """Whether a request asks for an option of the split; `"stratify": false` asks for nothing."""
    value = (split or {}).get(name)
    return value is not None and value is not False


def group_columns(split: dict[str, Any] | None) -> list[str]:
    """The columns whose values, together, are the group of a row."""
    group = (split or {}).get("group") or []
    return [group] if isinstance(group, str) else group


def _is_share(share: object) -> bool:
    return not isinstance(share, bool) and isinstance(share, int | float) and 0 <= share <= 1


def split_rows(examples: Examples, split: dict[str, Any] | None, default: tuple[float, float]) -> dict[str, np.ndarray]:
    """The sorted row indices of each split: random, but the same for the same seed (0 by default).

    `default` holds the shares of validation and test rows if the request gives neither. If the targets are classes,
    the split is stratified, unless the request turns it off. Groups stay together (split_groups). With a guide nothing
    is random: it names the rows' splits, or the last rows in time become the test rows and those before them the
    validation rows. Raises InvalidData if targets that aren't classes are to be stratified, or if there are too few
    groups.
    """
    if isinstance(examples.guide, Texts):
        places = examples.guide.codes_among(SPLITS)
        return {name: np.flatnonzero(places == number) for number, name in enumerate(SPLITS)}
    options = {name: value for name, value in (split or {}).items() if value is not None}
    validation, test = default
    if "validation" in options or "test" in options:
        validation, test = options.get("validation", 0), options.get("test", 0)
    if examples.sequences is not None:
        count = _share_of(examples.rows, test)
        return examples.sequences.spans.cut(min(_share_of(examples.rows, validation), examples.rows - count), count)
    if examples.guide is not None:
        return _cut_in_time(examples.guide, validation, test)
    classes = _number_classes(examples, options.get("stratify"))
    rng = np.random.default_rng(options.get("seed", 0))
    if examples.groups is not None:
        places = split_groups(examples.groups, classes, (validation, test), rng)
        return {name: np.flatnonzero(places == number) for number, name in enumerate(SPLITS)}
    own_test = np.arange(examples.rows - examples.test_rows, examples.rows)
    rest = np.arange(examples.rows - examples.test_rows)
    count = _share_of(len(rest), validation)
    tested, rest = _draw(rest, classes, _share_of(len(rest), test), rng)
    validated, rest = _draw(rest, classes, min(count, len(rest)), rng)
    return {"train": rest, "validation": validated, "test": own_test if examples.test_rows else tested}


def _cut_in_time(places: np.ndarray, validation: float, test: float) -> dict[str, np.ndarray]:
    tested = _share_of(len(places), test)
    validated = min(_share_of(len(places), validation), len(places) - tested)
    limits = len(places) - tested - validated, len(places) - tested
    return dict(zip(SPLITS, (np.flatnonzero(np.digitize(places, limits) == part) for part in range(3)), strict=True))


def _share_of(rows: int, share: float) -> int:
    return math.floor(rows * share + 0.5)


def _draw(rows: np.ndarray, classes: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` of the rows, in proportion to the classes, and the other rows."""
    if count == 0:
        return rows[:0], rows
    _, numbers = np.unique(classes[rows], return_inverse=True)
    alike = [rows[numbers == number] for number in range(numbers.max() + 1)]
    takes = _apportion(np.array([len(some) for some in alike]), count)
    drawn = [rng.permutation(some)[:take] for some, take in zip(alike, takes, strict=True)]
    chosen = np.sort(np.concatenate(drawn))
    return chosen, np.setdiff1d(rows, chosen, assume_unique=True)


def _number_classes(examples: Examples, stratify: bool | None) -> np.ndarray:
    """The class of each row (rows,), numbered from 0, for a split in proportion to the classes; all 0 if the targets
    aren't classes, or if the split isn't to be stratified. Raises InvalidData if it is to be, but can't."""
    targets = examples.targets
    if stratify is not False and has_classes(examples):
        codes = targets.codes_among(sorted(targets.names)) if isinstance(targets, Texts) else targets
        return np.unique(codes, return_inverse=True)[1]
    if stratify:
        is_lists = not isinstance(targets, Texts) and targets.ndim > 1
        what = "has several numbers or labels per row" if is_lists else "holds numbers that aren't classes"
        detail = f'The target "{examples.target_name}" {what}, so the split can\'t be stratified.'
        raise InvalidData(Fault(detail, pointer_to("split", "stratify")))
    return np.zeros(len(targets), np.int64)


def _apportion(sizes: np.ndarray, count: int) -> np.ndarray:
    """How many rows to take of each group, `count` in total, in proportion to its size (largest remainder method)."""
    quotas = sizes * count / sizes.sum()
    takes = np.floor(quotas).astype(np.int64)
    largest = np.argsort(takes - quotas, kind="stable")[: count - takes.sum()]
    takes[largest] += 1
    return takes
