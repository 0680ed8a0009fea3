"""Converts a column's cells into values of a type, which is inferred from the cells or given by the client."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from models.dataset_descriptor import Note
from models.errors import InvalidData
from models.tabular.amounts import Amounts, UnclearUnits, find_amounts, may_be_amounts
from models.tabular.expressions import to_moment, to_number
from models.tabular.raw_table import RawTable
from models.values.dates import (
    FORMATS,
    ISO,
    ISO_FORMATS,
    ZONED_FORMATS,
    find_unsupported_dates,
    format_title,
)
from models.values.numbers import (
    PLAIN,
    WITH_APOSTROPHE,
    WITH_COMMA,
    WITH_POINT,
    WITH_SPACE_AND_COMMA,
    WITH_SPACE_AND_POINT,
    NumberFormat,
    read_number,
)
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS
from models.values.words import BOOLEANS, LOOSE, TRUE_FALSE, YES_NO

if TYPE_CHECKING:
    import polars

TYPES = ("number", "category", "boolean", "date", "text", "identifier")
"""The types that a client may give a column."""
SAMPLE_ROWS = 1000
EXACT = 2**53
"""Numbers distinguish all integers up to this one."""
CODE_DIGITS = 17
"""Integers of this many digits aren't quantities: a number can't distinguish them."""
LONGEST_LOOSE = max(map(len, LOOSE))
CHECKED_VALUES = 100
MOSTLY = 0.9
"""The share of a column's values that must be numbers for the others to be reported as exceptions."""
NOTED = 0.5
"""The share from which a note reports them."""
DATE_DIGITS = 3
"""The fewest digits of a date, as in 1.2.3."""
HOLDS = {
    "List": "lists", "Array": "lists", "Struct": "objects", "Binary": "bytes", "Duration": "durations",
    "Time": "times of day",
}  # fmt: skip
"""What columns of unsupported types hold, by Polars's names for the types."""
AMBIGUOUS = ("%m/%d", "%d/%m", "%m-%d", "%d-%m")
DAY_FOR_MONTH = str.maketrans("dm", "md")
NAMED_WORDS = 3
SEPARATORS = {".": "point", ",": "comma"}
PROBLEMS = {"number": "isn't a number", "boolean": "is neither true nor false", "date": "isn't a date"}


@dataclass(frozen=True)
class Reading:
    """How a column's cells become values: Int64 or Float64, Boolean, Datetime in µs, or String.

    `type` is `number`, `boolean`, `date`, `category` (any text), or `unsupported`.
    """

    name: str
    type: str
    expression: "polars.Expr"
    format: str | None = None
    """The format of dates, and of numbers that are read from text, as in the descriptor."""
    holds: str | None = None
    """What an unsupported column holds, for use in a sentence."""
    odd_row: int | None = None
    """The first row of texts that isn't a number, if nearly all others are."""
    unit: str | None = None
    """The unit of the numbers, if it is written with them."""
    long: bool = False
    """Whether it holds integers of more digits than a number distinguishes."""
    notes: tuple[Note, ...] = ()
    """What was assumed, for the dataset's notes."""


def read_column(
    raw: RawTable, name: str, wanted: str | None = None, *, target: bool = False
) -> tuple[Reading, "polars.Series"]:
    """How a column is read, and its values; null is missing. Raises InvalidData, naming rows and the column.

    `wanted` is one of TYPES, or None to infer the type. In a target, words such as yes and no are classes.
    """
    cells = raw.cells(name)
    _refuse_unsupported_dates(raw, name, cells)
    reading = _find_reading(raw, name, cells, wanted, target)
    if reading.type == "number" and wanted is None and name in raw.rounded:
        reading = replace(reading, long=True)
    values = cells.to_frame().select(reading.expression).to_series()
    _refuse_lost(raw, cells, values, reading)
    if reading.type == "number":
        _refuse_infinite(raw, name, values)
    return reading, values


def _find_reading(raw: RawTable, name: str, cells: "polars.Series", wanted: str | None, target: bool) -> Reading:
    import polars

    if name in raw.nested:
        return Reading(name, "unsupported", polars.col(cells.name), holds=raw.nested[name])
    if cells.dtype != polars.String:
        return _read_typed(name, cells, wanted)
    column = polars.col(cells.name)
    found = _read_texts(raw, name, cells, column, wanted, target)
    if not raw.textual or wanted not in (None, *PROBLEMS) or (found.type in PROBLEMS and _fits(cells, found)):
        return found
    loose = (
        polars.when((column.str.len_bytes() <= LONGEST_LOOSE) & column.is_in(LOOSE))
        .then(None)
        .otherwise(column)
        .alias(cells.name)
    )
    present = cells.to_frame().select(loose).to_series()
    if present.null_count() == cells.null_count():
        return found
    again = _read_texts(raw, name, present, loose, wanted, target)
    if again.type not in PROBLEMS or present.null_count() == len(cells):
        return found
    dropped = cells.filter(present.is_null() & cells.is_not_null())
    words = " and ".join(f'"{word}"' for word in dropped.unique().sort().head(NAMED_WORDS))
    note = Note("missing_words", f"{words} count{'s' * (dropped.n_unique() == 1)} as missing.", name, len(dropped))
    return replace(again, notes=(*again.notes, note))


def _read_texts(
    raw: RawTable, name: str, cells: "polars.Series", column: "polars.Expr", wanted: str | None, target: bool
) -> Reading:
    if wanted in ("number", "boolean", "date"):
        candidates = list(_candidates(name, column, wanted, raw.decimal))
        if wanted == "number" and not any(_fits(cells, one) for one in candidates):
            candidates += _unusual_numbers(raw, name, column, cells.drop_nulls().head(SAMPLE_ROWS), declared=True)
        # if none fits, the best one finds the invalid rows
        return next((one for one in candidates if _fits(cells, one)), max(candidates, key=lambda one: _fit(cells, one)))
    texts = Reading(name, "category", column)
    if wanted or cells.null_count() == len(cells):
        return texts
    sample = cells.drop_nulls().head(SAMPLE_ROWS)
    numbers = list(_candidates(name, column, "number", raw.decimal)) if raw.textual else []
    if numbers and not _are_codes(sample):
        for candidate in numbers:
            if _fits(sample, candidate) and _fits(cells, candidate) and not _are_codes(cells):
                return candidate
    # most columns of texts have too few digits for any of the many formats of dates
    types = [*["boolean"] * raw.textual, *["date"] * bool((sample.str.count_matches("[0-9]") >= DATE_DIGITS).all())]
    for type_ in types:
        for candidate in _candidates(name, column, type_, raw.decimal, strict=True):
            if _fits(sample, candidate) and _fits(cells, candidate):
                return _with_ambiguity(candidate, cells, column)
    if raw.textual and not target and set(sample.head(CHECKED_VALUES).str.to_lowercase()) <= YES_NO.keys():
        (answers,) = _candidates(name, column, "boolean", raw.decimal)
        if (
            _fits(cells, answers)
            and cells.to_frame().select(answers.expression).to_series().drop_nulls().n_unique() == 2
        ):
            return answers
    if _are_codes(cells):
        longest: Any = cells.str.len_bytes().max()
        return replace(texts, long=longest >= CODE_DIGITS)
    try:
        unusual = _unusual_numbers(raw, name, column, sample)
    except UnclearUnits as unclear:
        return replace(texts, notes=(Note(unclear.type, str(unclear), name),))
    for candidate in unusual:
        if _fits(sample, candidate) and _fits(cells, candidate):
            return candidate
    return _with_odd_row(texts, [*numbers, *unusual], cells, sample)


def _unusual_numbers(
    raw: RawTable, name: str, column: "polars.Expr", sample: "polars.Series", declared: bool = False
) -> list[Reading]:
    """Ways to read texts as numbers that need a note: in another format than the file's, or as amounts.

    Raises UnclearUnits, unless the client `declared` the column as one of numbers.
    """
    texts = sample.to_list()
    if not (declared or may_be_amounts(texts)):
        return []
    readings = []
    if raw.textual or declared:
        for written in (WITH_SPACE_AND_POINT, WITH_SPACE_AND_COMMA, WITH_APOSTROPHE, WITH_COMMA, WITH_POINT):
            if written.decimal == raw.decimal or not raw.fixed_decimal:
                note = _note_decimal(name, written, raw.decimal)
                readings.append(Reading(name, "number", to_number(column, written), written.title, notes=note))
    amounts = find_amounts(texts, raw.decimal, fixed=raw.fixed_decimal, declared=declared)
    if amounts is not None:
        written = amounts.written
        notes = (_note_amounts(name, amounts, texts), *_note_decimal(name, written, raw.decimal))
        expression = to_number(column, written)
        readings.append(Reading(name, "number", expression, written.title, unit=written.unit, notes=notes))
    return readings


def _note_amounts(name: str, amounts: Amounts, texts: Iterable[str]) -> Note:
    read = ((text, read_number(text, amounts.written.title)) for text in texts)
    text, number = next(((text, number) for text, number in read if number is not None), ("", 0))
    unit = "" if amounts.written.unit is None else f' in "{amounts.written.unit}"'
    return Note(amounts.kind, f'The texts are read as numbers{unit}: "{text}" is {number:.15g}.', name)


def _note_decimal(name: str, written: NumberFormat, decimal: str) -> tuple[Note, ...]:
    if written.decimal == decimal:
        return ()
    detail = f"Its numbers are read as {written.title}, with a decimal {SEPARATORS[written.decimal]}"
    return (Note("decimal", f"{detail}, unlike the rest of the file.", name),)


def _candidates(name: str, texts: "polars.Expr", type_: str, decimal: str, strict: bool = False) -> Iterator[Reading]:
    """The ways to read texts as a type, the most specific first; a text that isn't of the type becomes null."""
    import polars

    if type_ == "boolean":
        words = TRUE_FALSE if strict else BOOLEANS
        places = {word: "1" if value else "0" for word, value in words.items()}
        lowered = texts.str.to_lowercase().replace_strict(places, default=None, return_dtype=polars.String)
        yield Reading(name, type_, lowered == "1")
    elif type_ == "date":
        for format_ in FORMATS:
            yield Reading(name, type_, to_moment(texts, format_), format_title(format_))
        mixed = [to_moment(texts, format_) for format_ in (*ISO_FORMATS, *ZONED_FORMATS)]
        yield Reading(name, type_, polars.coalesce(mixed), ISO)
    else:
        written = WITH_POINT if decimal == "." else WITH_COMMA
        yield Reading(name, type_, texts.cast(polars.Int64, strict=False), written.title)
        if written is WITH_POINT:
            yield Reading(name, type_, texts.cast(polars.Float64, strict=False), written.title)
        yield Reading(name, type_, to_number(texts, written), written.title)
        if written is WITH_COMMA:
            yield Reading(name, type_, texts.cast(polars.Float64, strict=False), PLAIN.title)


def _fit(cells: "polars.Series", reading: Reading) -> float:
    """The share of the cells that the reading fits; dates are detected only with four-digit years."""
    values = cells.to_frame().select(reading.expression).to_series()
    present = len(cells) - cells.null_count()
    if reading.type == "date" and not values.dt.year().drop_nulls().is_between(1000, 9999).all():
        return 0
    return (len(values) - values.null_count()) / present if present else 1


def _fits(cells: "polars.Series", reading: Reading) -> bool:
    return _fit(cells, reading) == 1


def _with_ambiguity(dates: Reading, cells: "polars.Series", column: "polars.Expr") -> Reading:
    """The reading, with a note if day and month could be swapped in every row."""
    format_ = dates.format or ""
    if not format_.startswith(AMBIGUOUS):
        return dates
    swapped = format_.translate(DAY_FOR_MONTH)
    if not _fits(cells, replace(dates, expression=to_moment(column, swapped))):
        return dates
    first, other = ("month", "day") if swapped.startswith("%d") else ("day", "month")
    detail = f"The {first} is assumed to come first; in every row the {other} could come first too."
    return replace(dates, notes=(Note("ambiguous_dates", detail, dates.name),))


def _are_codes(cells: "polars.Series") -> bool:
    """Whether some texts of digits begin with a 0 that a number would lose, as in postal codes, or are too long for a
    number to distinguish."""
    longest: Any = cells.str.len_bytes().max() or 0
    too_long = longest >= CODE_DIGITS and cells.str.contains(rf"^[+-]?\d{{{CODE_DIGITS},}}$").any()
    return bool(too_long or cells.str.contains(r"^[+-]?0\d").any())


def _are_long(cells: "polars.Series") -> bool:
    """Whether some integers have more digits than a number distinguishes."""
    extremes: Any = (cells.min(), cells.max())
    return any(extreme is not None and abs(extreme) > EXACT for extreme in extremes)


def _with_odd_row(texts: Reading, numbers: list[Reading], cells: "polars.Series", sample: "polars.Series") -> Reading:
    best = max(numbers, key=lambda one: _fit(sample, one), default=None)
    if best is None or _fit(sample, best) < NOTED or _are_codes(cells) or (share := _fit(cells, best)) < NOTED:
        return texts
    values = cells.to_frame().select(best.expression).to_series()
    odd = int((values.is_null() & cells.is_not_null()).arg_true()[0])
    numbers_of = f"{len(values) - values.null_count():,} of {len(cells) - cells.null_count():,}"
    detail = f'{numbers_of} are numbers; row {odd} is "{cells[odd][:100]}".'
    note = Note("mixed_types", detail, texts.name, values.null_count() - cells.null_count())
    return replace(texts, odd_row=odd if share >= MOSTLY else None, notes=(note,))


def _read_typed(name: str, cells: "polars.Series", wanted: str | None) -> Reading:
    """The reading of a column that isn't text in the file."""
    import polars

    values, kind = polars.col(cells.name), cells.dtype
    unsupported = Reading(name, "unsupported", values, holds=HOLDS.get(str(kind.base_type()), str(kind)))
    if kind == polars.Null:
        return Reading(name, "category", values.cast(polars.String))
    if kind.is_numeric() and wanted == "boolean":
        return Reading(name, wanted, polars.when(values.is_in((0, 1))).then(values == 1))
    if kind == polars.Boolean and wanted == "number":
        return Reading(name, wanted, values.cast(polars.Int64))
    if kind == polars.Date or kind == polars.Datetime:
        if getattr(kind, "time_zone", None):
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        if wanted in (None, "date"):
            return Reading(name, "date", values.cast(polars.Datetime("us")), format_title("%Y-%m-%d"))
    if not (kind.is_numeric() or kind.is_temporal() or kind == polars.Boolean):
        return unsupported
    if wanted in ("category", "text", "identifier"):
        # Polars can't write a duration as text
        return unsupported if kind == polars.Duration else Reading(name, "category", values.cast(polars.String))
    if kind == polars.Boolean and wanted in (None, "boolean"):
        return Reading(name, "boolean", values)
    if kind.is_integer() and wanted is None and _are_long(cells):
        return Reading(name, "category", values.cast(polars.String), long=True)
    if kind.is_numeric() and wanted in (None, "number"):
        if kind.is_integer() and kind != polars.UInt64:
            return Reading(name, "number", values.cast(polars.Int64))
        return Reading(name, "number", values.cast(polars.Float64).fill_nan(None))
    # if the type can't be converted to the requested one, every cell is invalid
    return unsupported if wanted is None else Reading(name, wanted, polars.lit(None))


def _refuse_unsupported_dates(raw: RawTable, name: str, cells: "polars.Series") -> None:
    import polars

    if cells.dtype not in (polars.Date, polars.Datetime):
        return
    rows = find_unsupported_dates(cells)
    if rows:
        detail = f'the date in the column "{name}" is beyond the years 1 to 9999.'
        raise InvalidData(*(raw.fault(f"Row {row}: {detail}", row, name) for row in rows))


def _refuse_lost(raw: RawTable, cells: "polars.Series", values: "polars.Series", reading: Reading) -> None:
    """Raise InvalidData if a cell isn't of the type that the client gave the column."""
    if reading.type not in PROBLEMS or values.null_count() == cells.null_count():
        return
    lost = values.is_null() & cells.is_not_null()
    if raw.textual:
        lost &= ~cells.is_in(LOOSE)
    if cells.dtype.is_float():
        lost &= cells.is_not_nan()
    rows = lost.arg_true().head(MAX_FAULTS).to_list()
    like = f", such as {reading.format}" if reading.unit else ""
    what = f'in the column "{reading.name}" {PROBLEMS[reading.type]}{like}'
    if rows:
        raise InvalidData(
            *(raw.fault(f'Row {row}: "{str(cells[row])[:100]}" {what}.', row, reading.name) for row in rows)
        )


def _refuse_infinite(raw: RawTable, name: str, values: "polars.Series") -> None:
    if not values.dtype.is_float():
        return
    rows = (values.abs() > FLOAT32_MAX).arg_true().head(MAX_FAULTS).to_list()
    limit = "numbers must be finite and at most 3.4e38 in magnitude"
    faults = [raw.fault(f'Row {row}: "{name}" is {values[row]:g}; {limit}.', row, name) for row in rows]
    if faults:
        raise InvalidData(*faults)
