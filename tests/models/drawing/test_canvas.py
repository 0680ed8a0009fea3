"""The canvas: what is placed fits, at every size."""

import pytest

from models.drawing.canvas import Canvas, Key
from models.drawing.inspection import find_faults, list_texts
from models.drawing.texts import measure, shorten, wrap
from models.drawing.ticks import PlainNumbers, write_number

SIZES = [(160, 120), (320, 200), (640, 400), (1200, 700), (2400, 120), (160, 2400)]
LONG = "a very long name of a column with $money$ and ünïcode " * 4


def draw_everything(canvas: Canvas) -> None:
    canvas.heading(LONG, LONG)
    canvas.legend([Key(f"{LONG}{index}", canvas.theme.color(index)) for index in range(30)])
    canvas.scale(canvas.theme.sequential, "0", LONG, LONG)
    canvas.footnote(LONG)
    for index, axes in enumerate(canvas.panels(4)):
        axes.plot([1, 10_000_000], [1e-9, 1e9 * (index + 1)])
        axes.set_title(LONG, loc="left")
        axes.set_xlabel(LONG)
        axes.set_ylabel(LONG)
        if index % 2:
            canvas.categories(axes, "x", [f"{LONG}{position}" for position in range(40)])
            canvas.categories(axes, "y", [f"{LONG}{position}" for position in range(40)])
        elif index % 4:
            axes.set_yscale("log")
        canvas.mark(axes, 9_999_999, 1e9, LONG)
        canvas.mark(axes, 9_999_999, 1e9, "would cover the first")
    canvas.finish()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_texts_of_any_length_neither_overlap_nor_leave_the_picture(width: int, height: int) -> None:
    with Canvas(width, height) as canvas:
        draw_everything(canvas)
        assert find_faults(canvas) == []


def test_panels_that_do_not_fit_are_counted() -> None:
    with Canvas(320, 400) as canvas:
        canvas.heading("Many panels")
        assert len(canvas.panels(9, what="metrics")) == 2
        canvas.finish()
        assert "For lack of height not shown: 7 of 9 metrics." in [drawn.text for drawn in list_texts(canvas)]


def test_a_legend_counts_what_it_leaves_out() -> None:
    with Canvas(320, 200) as canvas:
        canvas.legend([Key(f"series {index}", canvas.theme.color(index)) for index in range(50)], rows=1)
        canvas.finish()
        assert [drawn.text for drawn in list_texts(canvas)] == ["series 0", "series 1", "and 48 more"]


def test_a_message_stands_in_for_axes() -> None:
    with Canvas(320, 200, "dark") as canvas:
        canvas.heading("Curves")
        canvas.message("No epochs yet.")
        canvas.finish()
        assert [drawn.text for drawn in list_texts(canvas)] == ["Curves", "No epochs yet."]


def test_overlapping_texts_are_found() -> None:
    with Canvas(320, 200) as canvas:
        canvas.figure.text(0.5, 0.5, "one")
        canvas.figure.text(0.5, 0.5, "other", rotation=90)
        canvas.figure.text(0.99, 0.2, "outside")
        faults = find_faults(canvas)
    assert faults[0] == "'one' overlaps 'other'"
    assert faults[1].startswith("'outside' leaves the picture")


def test_settings_of_matplotlib_are_as_before_afterwards() -> None:
    import matplotlib

    before = matplotlib.rcParams.copy()
    with Canvas(320, 200, "dark"):
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == dict(before)


def test_texts_are_shortened_and_wrapped_by_their_width() -> None:
    assert shorten("short", 100) == "short"
    assert shorten("a long text that is cut", 80).endswith("…")
    assert measure(shorten("W" * 5000, 300)) <= 300
    assert shorten("anything", 2) == ""
    assert wrap("one two three", 1000, 2) == ["one two three"]
    lines = wrap("several words that need more than one line", 120, 2)
    assert len(lines) == 2
    assert all(measure(line) <= 120 for line in lines)
    assert lines[1].endswith("…")


def test_numbers_on_axes_are_written_in_full_and_differ() -> None:
    assert [write_number(value) for value in (0, -0.0, 0.1 + 0.2, -1234.5, 3e-7, 2e21)] == [
        "0", "0", "0.3", "−1,234.5", "3e−7", "2e21",
    ]  # fmt: skip
    assert [write_number(value, 4) for value in (14_595.3, -1e6, 1e7)] == ["14,595", "−1,000,000", "1e7"]
    assert PlainNumbers().format_ticks([500_000, 1_000_000]) == ["500,000", "1,000,000"]
    assert PlainNumbers().format_ticks([10_000_001, 10_000_002]) == ["10,000,001", "10,000,002"]
