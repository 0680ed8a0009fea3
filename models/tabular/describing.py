"""Describes a table's columns: their entries in the dataset's descriptor, or why they are left out."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.dataset_descriptor import InputDescriptor, LeftOut, Note
from models.tabular.reading import Reading
from models.values.dates import write_dates
from models.values.statistics import mean_and_deviation
from models.values.wording import count_of

if TYPE_CHECKING:
    import polars

MAX_CATEGORIES = 1000
"""The largest number of distinct texts in a category column."""
FEW_ROWS = 20
"""With fewer rows than this, distinct values don't mean that a column identifies rows."""
SENTENCE_WORDS = 4
"""Texts that rarely repeat are prose if they have at least this many words per row."""
REPEATED = 0.5
"""Texts rarely repeat if the distinct ones are more than this share of the rows."""
TEXT = "text"
"""The type of a column of texts, and the reason why only an input of texts can take it."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 10
COUNTED_ROWS = 3
"""With fewer rows than this, consecutive integers don't mean that a column counts the rows."""
IDENTIFIER_NAME = re.compile(
    r"(?i)(.*[_\W])?(id|uuid|guid|key|index|row_?(no|names?|number))|.*[a-z]I[dD]|unnamed: ?[0-9]+"
)
COUNTER_NAME = re.compile(r"(?i)index|row_?(no|names?|number)|unnamed: ?[0-9]+")


def find_reason(reading: Reading, values: "polars.Series", wanted: str | None, unnamed: bool) -> LeftOut | None:
    """Why a column can't be an input, or TEXT if it can only be an input of texts: it has at most one value, identifies
    its rows, or is prose. None if it can."""
    name, type_ = reading.name, reading.type
    present, missing = len(values) - values.null_count(), values.null_count()
    if wanted == "identifier":
        return LeftOut(name, wanted, wanted, f"The request declares it as {wanted}.")
    if type_ == "unsupported":
        return LeftOut(name, type_, type_, f"It holds {reading.holds}, which are unsupported.")
    if not present:
        return LeftOut(name, type_, "empty", "It has no value in any row.")
    if len(values) > 1 and values.min() == values.max() and not (missing and type_ == "category"):
        return LeftOut(name, type_, "constant", "It has the same value in every row.")
    if wanted == TEXT:
        return LeftOut(name, TEXT, TEXT, f"The request declares it as {TEXT}.")
    if reading.long and (type_ == "number" or values.n_unique() - bool(missing) == present):
        detail = "It holds integers of more digits than a number distinguishes (15), so it identifies rows."
        return LeftOut(name, "identifier", "identifier", detail)
    if wanted is None and _counts_rows(reading, values, unnamed):
        return LeftOut(name, "identifier", "identifier", "It counts the rows.")
    may_identify = wanted is None and present >= FEW_ROWS and _may_identify(reading, values, unnamed)
    if type_ != "category" and not may_identify:
        return None
    different = values.n_unique() - bool(missing)
    if may_identify and different == present:
        kind = "texts" if type_ == "category" else "numbers"
        detail = f"It holds {different:,} distinct {kind} in {present:,} rows, so it identifies rows."
        return LeftOut(name, "identifier", "identifier", detail)
    return _find_text_reason(reading, values, wanted, different, present) if type_ == "category" else None


def note_left_out(column: LeftOut, wanted: str | None) -> tuple[Note, ...]:
    """A note on an identifier that the client didn't declare as one; `left_out` itself gives the reason."""
    if column.reason != "identifier" or wanted == "identifier":
        return ()
    detail = 'It seems to identify rows, so it is left out. To use it, set its type in "types".'
    return (Note("identifier", detail, column.name),)


def note_text(column: LeftOut, wanted: str | None) -> tuple[Note, ...]:
    """A note on a column of texts that the client didn't declare as one: networks don't take it by default."""
    if wanted == TEXT:
        return ()
    use = f'"text": {{"column": "{column.name}", "max_tokens": 10000, "length": 100}}'
    detail = f"{column.detail} Only models whose input has {use} use it."
    return (Note(TEXT, detail, column.name),)


def _counts_rows(reading: Reading, values: "polars.Series", unnamed: bool) -> bool:
    """Whether the integers of a column without a name of its own are 0, 1, 2, … or 1, 2, 3, …"""
    if reading.type != "number" or not values.dtype.is_integer() or values.null_count() or len(values) < COUNTED_ROWS:
        return False
    named = unnamed or COUNTER_NAME.fullmatch(reading.name) is not None
    return named and values[0] in (0, 1) and bool((values.diff().drop_nulls() == 1).all())


def _may_identify(reading: Reading, values: "polars.Series", unnamed: bool) -> bool:
    """Whether a column with distinct values identifies its rows: short texts, or integers in a column that has no name
    or a name that suggests it."""
    if reading.type == "category":
        return reading.odd_row is None and _words(values) < SENTENCE_WORDS
    whole = reading.type == "number" and values.dtype.is_integer()
    return whole and (unnamed or IDENTIFIER_NAME.fullmatch(reading.name) is not None)


def _find_text_reason(
    reading: Reading, values: "polars.Series", wanted: str | None, different: int, present: int
) -> LeftOut | None:
    many = f"It holds {different:,} distinct texts in {present:,} rows"
    prose = _words(values) >= SENTENCE_WORDS and different > max(FEW_ROWS, REPEATED * present)
    if wanted is None and prose:
        return LeftOut(reading.name, TEXT, TEXT, f"{many}, each of several words.")
    if different <= MAX_CATEGORIES:
        return None
    detail = f"{many}; a category has at most {MAX_CATEGORIES:,}."
    if reading.odd_row is not None:
        odd = f'row {reading.odd_row} has "{values[reading.odd_row][:100]}"'
        detail = f'{detail} Most are numbers, but {odd}: correct it, or set the type of the column in "types".'
    return LeftOut(reading.name, "category", "too_many_categories", detail)


def _words(values: "polars.Series") -> float:
    """The average number of words per text."""
    return float(values.drop_nulls().head(1000).str.count_matches(r"\S+").mean() or 0)  # type: ignore[arg-type]


def describe_column(reading: Reading, values: "polars.Series", training: np.ndarray) -> InputDescriptor:
    """A column's entry among the inputs. Its statistics are of all rows; its categories are those of the training rows
    (or of all rows, if there are no training rows)."""
    note = " ".join(note.detail for note in reading.notes) or None
    entry = InputDescriptor(reading.name, reading.type, missing=values.null_count(), note=note)
    present = values.drop_nulls()
    if reading.type == TEXT:
        return replace(entry, tokens=_describe_lengths(present))
    if reading.type == "number":
        return replace(entry, format=reading.format, unit=reading.unit, **describe_numbers(present.to_numpy()))
    if reading.type == "date":
        return replace(entry, format=reading.format, **_describe_dates(present))
    occurring = values.gather(training).drop_nulls() if len(training) else present
    categories = occurring.unique().sort().to_list()
    found = dict(present.value_counts().iter_rows())
    return replace(entry, categories=categories, counts=[found[category] for category in categories])


def note_unseen_categories(entry: InputDescriptor, rows: int) -> tuple[Note, ...]:
    """A note on the rows, of those in a column's description, whose category isn't in the training rows."""
    unseen = rows - entry.missing - sum(entry.counts or ()) if entry.type == "category" else 0
    if not unseen:
        return ()
    other_rows = count_of(unseen, "validation or test row")
    detail = f"The category of {other_rows} isn't in the training rows: a network gets it as unknown."
    return (Note("unseen_categories", detail, entry.name, unseen),)


def describe_numbers(values: np.ndarray) -> dict[str, Any]:
    """Mean, standard deviation, minimum, maximum, quantiles, and a histogram of ten equal bins."""
    mean, deviation = mean_and_deviation(values)
    counts, edges = _histogram(values)
    return {
        "mean": float(mean),
        "std": float(deviation),
        "min": float(values.min()),
        "max": float(values.max()),
        "quantiles": dict(zip(map(str, QUANTILES), np.quantile(values, QUANTILES).tolist(), strict=True)),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _describe_lengths(texts: "polars.Series") -> dict[str, Any]:
    """Mean, maximum and quantiles of the numbers of words."""
    words = texts.str.count_matches(r"\S+").to_numpy()
    quantiles = np.quantile(words, QUANTILES, method="nearest").tolist()
    return {
        "mean": float(words.mean()),
        "max": int(words.max()),
        "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=True)),
    }


def _histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The counts and edges of ten equal bins."""
    try:
        return np.histogram(values, BINS)
    except ValueError:
        # the numbers are so close that their bins' edges coincide as floats
        lowest, highest = values.min(), values.max()
        shares = (values - lowest).astype(np.float64) / float(highest - lowest)
        counts, edges = np.histogram(shares, BINS, (0, 1))
        return counts, float(lowest) + edges * float(highest - lowest)


def _describe_dates(values: "polars.Series") -> dict[str, Any]:
    """As for numbers, in ISO 8601, with the cycles of the dates: `year` and `week`, and `day` if there are times."""
    moments = values.to_numpy().astype("datetime64[us]")
    numbers = moments.astype(np.int64)
    counts, edges = _histogram(numbers)
    quantiles = np.quantile(numbers, QUANTILES, method="nearest").astype("datetime64[us]")
    times = bool((moments != moments.astype("datetime64[D]")).any())
    lowest, highest = write_dates(np.array([moments.min(), moments.max()]))
    return {
        "parts": ["year", "week", "day"] if times else ["year", "week"],
        "min": lowest,
        "max": highest,
        "quantiles": dict(zip(map(str, QUANTILES), write_dates(quantiles), strict=True)),
        "histogram": {"edges": write_dates(edges.astype("datetime64[us]")), "counts": counts.tolist()},
    }
