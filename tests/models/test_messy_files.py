"""Tables as people save them: each column gets the type that a person would give it, or a note says why not."""

from pathlib import Path
from typing import Any

import pytest

from models.datasets import Dataset
from tests.models.made_uploads import NO_SPLIT, import_upload

SPECIES = ["Adelie", "Gentoo", "Chinstrap", "Adelie", "Gentoo", "Adelie"]
MASSES = ["3750", "5000", "3800", "3250", "4500", "3450"]


def column(cells: list[str], name: str = "x", *, delimiter: str = ",", quoted: bool = False) -> str:
    """A CSV with these cells beside the masses of penguins and their species, the target."""
    cells = [f'"{cell}"' for cell in cells] if quoted else cells
    rows = zip(cells, MASSES, SPECIES, strict=True)
    return "\n".join(map(delimiter.join, [(name, "body_mass_g", "y"), *rows])) + "\n"


def money(*cells: str) -> str:
    return column([*cells], "price", quoted=True)


DATES = {
    "iso": "2007-11-{:02}", "german": "{:02}.11.2007", "american": "11/{:02}/2007", "british": "{:02}/11/2007",
    "named": "{:02} Nov 2007", "american, named": "Nov {:02}, 2007", "with a time": "2007-11-{:02} 08:30",
    "of two digits": "{:02}.11.07",
}  # fmt: skip

Messy = tuple[str | bytes, dict[str, tuple[Any, ...]], set[str]]
"""A file; the type (or why it is left out), unit and values of columns, as far as they matter; the types of notes."""

FILES: dict[str, Messy] = {
    "dollars": (
        money("$10,008.90", "$9.00", "$1,200", "$0.50", "$12", "-$3.10"),
        {"price": ("number", "$", [10008.9, 9, 1200, 0.5, 12, -3.1])},
        {"money"},
    ),
    "euros with thousands": (
        money("€ 1.707", "€ 2.300", "€ 980", "€ 12.000", "€ 1.250", "€ 1.100"),
        {"price": ("number", "€", [1707, 2300, 980, 12000, 1250, 1100])},
        {"money", "decimal"},
    ),
    "euros after the number": (
        column(["1.707,50 €", "980,00 €", "12 €", "3,50 €", "1.000 €", "7,25 €"], "price", delimiter=";"),
        {"price": ("number", "€", [1707.5, 980, 12, 3.5, 1000, 7.25])},
        {"money", "decimal"},
    ),
    "francs": (
        column(["CHF 1'200.50", "CHF 980.00", "CHF 12", "CHF 3.50", "CHF 1'000", "CHF 7.25"], "price"),
        {"price": ("number", "CHF", [1200.5, 980, 12, 3.5, 1000, 7.25])},
        {"money"},
    ),
    "money with a missing value": (
        money("$10", "$9", "n/a", "$0.50", "-", "$3"),
        {"price": ("number", "$", [10, 9, None, 0.5, None, 3])},
        {"money", "missing_words"},
    ),
    "millions of dollars": (
        money("$1.5M", "$300k", "$2B", "$12.25m", "$950", "$1M"),
        {"price": ("number", "$", [1.5e6, 3e5, 2e9, 12.25e6, 950, 1e6])},
        {"money"},
    ),
    "several currencies": (money("$10", "€9", "$12", "€3", "$5", "$6"), {"price": ("category",)}, {"mixed_units"}),
    "percent": (
        column(["5.8%", "12%", "0.5%", "100%", "-3.2%", "7%"]),
        {"x": ("number", "%", [5.8, 12, 0.5, 100, -3.2, 7])},
        {"percent"},
    ),
    "percent with spaces and decimal commas": (
        column(["5,8 %", "12 %", "0,5 %", "100 %", "3,2 %", "7 %"], delimiter=";"),
        {"x": ("number", "%", [5.8, 12, 0.5, 100, 3.2, 7])},
        {"percent", "decimal"},
    ),
    "areas": (
        column(["1,180 sqft", "2,570 sqft", "770 sqft", "1,960 sqft", "1,680 sqft", "5,420 sqft"], quoted=True),
        {"x": ("number", "sqft", [1180, 2570, 770, 1960, 1680, 5420])},
        {"unit"},
    ),
    "lengths": (
        column(["39.1mm", "39.5mm", "40.3mm", "36.7 mm", "39.3", "38.9mm"]),
        {"x": ("number", "mm", [39.1, 39.5, 40.3, 36.7, 39.3, 38.9])},
        {"unit"},
    ),
    "units in the singular and plural": (
        column(["1 day", "2 days", "10 days", "3 days", "1 day", "7 days"]),
        {"x": ("number", "days", [1, 2, 10, 3, 1, 7])},
        {"unit"},
    ),
    "two units": (column(["5 kg", "3 lb", "2 kg", "8 kg", "1 lb", "9 kg"]), {"x": ("category",)}, {"mixed_units"}),
    "temperatures": (
        column(["-3.5 °C", "12 °C", "0 °C", "\u22127 °C", "4 °C", "5 °C"]),
        {"x": ("number", "°C", [-3.5, 12, 0, -7, 4, 5])},
        {"unit"},
    ),
    "negative amounts in parentheses": (
        column(["(1,234)", "500", "(20.5)", "3,000", "12", "0"], quoted=True),
        {"x": ("number", None, [-1234, 500, -20.5, 3000, 12, 0])},
        {"amount"},
    ),
    "thousands as k": (
        column(["1.5k", "2M", "300", "12k", "0.2M", "7"]),
        {"x": ("number", None, [1500, 2e6, 300, 12000, 2e5, 7])},
        {"amount"},
    ),
    "thousands separated by commas": (
        column(["1,234", "12", "1,000,000", "3", "45,000.5", "7"], quoted=True),
        {"x": ("number", None, [1234, 12, 1e6, 3, 45000.5, 7])},
        set(),
    ),
    "thousands separated by spaces": (
        column(["1 234,5", "12", "1 000\u00a0000", "3", "45\u202f000,5", "7"], delimiter=";"),
        {"x": ("number", None, [1234.5, 12, 1e6, 3, 45000.5, 7])},
        {"decimal"},
    ),
    "decimal commas between semicolons": (
        column(["39,1", "39,5", "40,3", "36,7", "39,3", "38,9"], delimiter=";"),
        {"x": ("number", None, [39.1, 39.5, 40.3, 36.7, 39.3, 38.9])},
        set(),
    ),
    "decimal commas in quotes between commas": (
        column(["39,1", "39,5", "40,3", "36,7", "39,3", "38,9"], quoted=True),
        {"x": ("number", None, [39.1, 39.5, 40.3, 36.7, 39.3, 38.9])},
        {"decimal"},
    ),
    "quoted numbers": (column(["1.5", "2", "3", "4", "5", "6"], quoted=True), {"x": ("number",)}, set()),
    "white space": (
        column([" 1.5", "2 ", " 3 ", "\t4", "5", "6"]),
        {"x": ("number", None, [1.5, 2, 3, 4, 5, 6])},
        set(),
    ),
    "a byte order mark": (
        b"\xef\xbb\xbf" + column(["1", "2", "3", "4", "5", "6"]).encode(),
        {"x": ("number",), "body_mass_g": ("number",)},
        set(),
    ),
    "semicolons": (column(["1", "2", "3", "4", "5", "6"], delimiter=";"), {"x": ("number",)}, set()),
    "tabs": (column(["1", "2", "3", "4", "5", "6"], delimiter="\t"), {"x": ("number",)}, set()),
    "blank lines": (
        column(["1", "2", "3", "4", "5", "6"]).replace("\n", "\n\n"),
        {"x": ("number", None, [1, 2, 3, 4, 5, 6])},
        set(),
    ),
    "a repeated header": (
        column(["1", "2", "3", "4", "5", "6"]).replace("4,", "x,body_mass_g,y\n4,"),
        {"x": ("number", None, [1, 2, 3, 4, 5, 6])},
        {"repeated_header"},
    ),
    "an index column": (
        column(["0", "1", "2", "3", "4", "5"], ""),
        {"column_1": ("identifier",)},
        {"identifier"},
    ),
    "an index column of R": (
        column(["1", "2", "3", "4", "5", "6"], "rownames"),
        {"rownames": ("identifier",)},
        {"identifier"},
    ),
    "an index column of pandas": (
        column(["0", "1", "2", "3", "4", "5"], "Unnamed: 0"),
        {"Unnamed: 0": ("identifier",)},
        {"identifier"},
    ),
    "long identifiers": (
        column([str(90000000000000000 + number) for number in range(6)]),
        {"x": ("identifier",)},
        {"identifier"},
    ),
    "a word among numbers": (
        column(["39.1", "39.5", "ca. 40", "36.7", "39.3", "38.9"]),
        {"x": ("category",)},
        {"mixed_types"},
    ),
    "a row of totals": (
        column(["1", "2", "3", "4", "5", "6"]) + "Total,23750,Adelie\n",
        {"x": ("category",), "body_mass_g": ("number",)},
        {"mixed_types"},
    ),
    "words for missing values": (
        column(["NA", "39.5", "n.a.", "36.7", "#DIV/0!", "none"]),
        {"x": ("number", None, [None, 39.5, None, 36.7, None, None])},
        {"missing_words"},
    ),
    "yes and no": (column(["yes", "no", "no", "yes", "no", "no"]), {"x": ("boolean",)}, set()),
    "ja and nein with a dash": (
        column(["ja", "nein", "-", "ja", "nein", "nein"]),
        {"x": ("boolean", None, [True, False, None, True, False, False])},
        {"missing_words"},
    ),
    "codes with zeros in front": (column(["03011", "11", "04002", "03011", "11", "11"]), {"x": ("category",)}, set()),
    "few numbers with an unknown unit": (
        column(["4 doors", "2 doors", "4 doors", "4 doors", "2 doors", "2 doors"]),
        {"x": ("category",)},
        {"unknown_unit"},
    ),
    "ranges": (column(["10-20", "20-30", "10-20", "30-40", "20-30", "10-20"]), {"x": ("category",)}, set()),
    "house numbers": (column(["12A", "14B", "3C", "12A", "7D", "9A"]), {"x": ("category",)}, set()),
}

DATED_FILES: dict[str, Messy] = {
    f"dates, {name}": (
        column([format_.format(day) for day in (11, 12, 13, 14, 30, 16)], quoted=True),
        {"x": ("date",)},
        set(),
    )
    for name, format_ in DATES.items()
}


def read_column(dataset: Dataset, name: str, expected: tuple[Any, ...]) -> tuple[Any, ...]:
    """The column's type, unit and values, as far as they are expected."""
    left_out = [entry.reason for entry in dataset.descriptor.left_out or () if entry.name == name]
    entries = [entry for entry in dataset.descriptor.inputs if entry.name == name]
    if left_out:
        return (left_out[0],)
    values = [row["instance"][name] for row in dataset.rows_page("train", 0, 100)]
    return (entries[0].type, entries[0].unit, values)[: len(expected)]


@pytest.mark.parametrize("name", [*FILES, *DATED_FILES])
def test_each_column_is_typed_as_a_person_would_or_a_note_says_why_not(name: str, tmp_path: Path) -> None:
    data, columns, notes = (FILES | DATED_FILES)[name]
    dataset = import_upload(tmp_path, data, split=NO_SPLIT)

    assert {column: read_column(dataset, column, expected) for column, expected in columns.items()} == columns
    assert {note.type for note in dataset.descriptor.notes} == notes
