"""Documents of boundaries: planes, curves, and before the first epoch."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.odd_values import NUMBERS, TEXTS, lists

TASKS = st.sampled_from(["regression", "binary", "multiclass", "multilabel"])
RANGES = st.sampled_from([(-1.0, 1.0), (0.0, 1e-9), (-1e6, 1e9), (5.0, 7.0), (1e20, 2e20)])
RESOLUTION = 8


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    task, count = draw(TASKS), draw(st.sampled_from([1, 2]))
    classes = (
        None if task == "regression" else draw(st.lists(TEXTS, min_size=2, max_size=2 if task == "binary" else 40))
    )
    document = {
        "title": draw(TEXTS),
        "description": draw(TEXTS),
        "task": task,
        "classes": classes,
        "threshold": draw(st.floats(0, 1)) if task == "binary" else None,
        "axes": [draw(_axes()) for _ in range(count)],
        "predicted": None,
        "curves": None,
        "notes": draw(lists(TEXTS, 3)),
    }
    if draw(st.sampled_from([False] * 9 + [True])):
        return document | {"axes": [], "values": None, "rows": None}
    values = NUMBERS if task == "regression" else st.none() | st.floats(0, 1)
    lines = st.lists(values, min_size=RESOLUTION, max_size=RESOLUTION)
    several = task in ("multiclass", "multilabel")
    if count == 2:
        document["values"] = draw(st.lists(lines, min_size=RESOLUTION, max_size=RESOLUTION))
        best = st.lists(st.integers(0, len(classes or "a") - 1), min_size=RESOLUTION, max_size=RESOLUTION)
        document["predicted"] = draw(st.lists(best, min_size=RESOLUTION, max_size=RESOLUTION)) if several else None
    else:
        chosen = list(range(min(10, len(classes or "a")))) if several else [1]
        document["values"] = [draw(lines) for _ in chosen]
        document["curves"] = chosen if several else None
    return document | {"rows": draw(st.none() | _rows(document))}


def _axes() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda name, range_: {"name": name, "minimum": range_[0], "maximum": range_[1]}, TEXTS, RANGES)


@st.composite
def _rows(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    classes, axes = document["classes"], document["axes"]
    targets = NUMBERS if classes is None else st.none() | st.integers(0, len(classes) - 1)
    count = draw(st.sampled_from([0, 1, 5, 60, 600]))
    points = [st.floats(axis["minimum"], axis["maximum"]) for axis in axes]
    few = [draw(st.tuples(st.tuples(*points), targets, NUMBERS)) for _ in range(min(count, 20))]
    rows = [few[place % len(few)] for place in range(count)]
    splits = draw(st.sampled_from([("train",), ("train", "validation", "test"), ("test",)]))
    has_predictions = classes is None and len(axes) == 1
    return {
        "inputs": [list(point) for point, _, _ in rows],
        "targets": [target for _, target, _ in rows],
        "splits": [splits[place % len(splits)] for place in range(count)],
        "predictions": [predicted for _, _, predicted in rows] if has_predictions else None,
        "total": count,
    }


DOCUMENTS = documents()
