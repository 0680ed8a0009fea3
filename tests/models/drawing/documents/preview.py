"""Documents of previews of datasets."""

import base64
from typing import Any

import numpy as np
from hypothesis import strategies as st

from models.files.pictures import write_png
from models.previews.histograms import bin_numbers
from tests.models.drawing.documents.confusion import CLASSES
from tests.models.drawing.odd_values import COUNTS, NUMBERS, TEXTS, described, lists

UNITS = st.none() | TEXTS
TARGETS = st.none() | CLASSES | st.floats(-1e9, 1e9)
BINS = lists(NUMBERS, 30).map(lambda values: bin_numbers(np.array(values, float)))
DATES = st.just({"edges": [f"2024-01-{day:02d}T00:00:00" for day in range(1, 12)], "counts": list(range(10))})


def categories(longest: int) -> st.SearchStrategy[tuple[list[Any], list[int]]]:
    pairs = st.sampled_from([1, 2, longest]).flatmap(
        lambda size: st.lists(st.tuples(CLASSES, COUNTS), min_size=size, max_size=size)
    )
    return pairs.map(lambda found: ([class_ for class_, _ in found], [count for _, count in found]))


@st.composite
def targets(draw: st.DrawFn) -> dict[str, Any]:
    target = {"name": draw(TEXTS), "unit": draw(UNITS), "classes": None, "found": 0, "edges": None, "counts": None}
    if draw(st.booleans()):
        return target | {"type": "number", **draw(BINS)}
    labels, counts = draw(categories(24))
    classes = [{"label": label, "count": count} for label, count in zip(labels, counts, strict=True)]
    return target | {"type": "category", "classes": classes, "found": len(classes) + draw(COUNTS)}


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": draw(TEXTS),
        "unit": draw(UNITS),
        "missing": draw(COUNTS),
        "mean": 3.5,
        "std": None,
    }
    column |= {"edges": None, "counts": [], "categories": None, "found": 0}
    type_ = draw(st.sampled_from(["number", "number", "category", "date", "text"]))
    if type_ == "category":
        names, counts = draw(categories(12))
        column |= {"categories": names, "counts": counts, "found": len(names) + draw(COUNTS)}
    elif type_ != "text":
        column |= draw(DATES if type_ == "date" else BINS)
    return column | {"type": type_}


@st.composite
def pictures(draw: st.DrawFn) -> dict[str, Any]:
    height, width = draw(st.sampled_from([(1, 1), (8, 8), (28, 28), (1, 96), (96, 1), (96, 64)]))
    channels = draw(st.sampled_from([1, 3]))
    png = base64.b64encode(write_png(np.zeros((height, width, channels), np.uint8), 96)).decode()
    items = [{"row": row, "target": target, "png": png} for row, target in enumerate(draw(lists(TARGETS, 100)))]
    return {"items": items, "height": height, "width": width, "channels": channels}


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    count, classes = draw(st.sampled_from([0, 1, 2, 40])), draw(st.none() | lists(CLASSES, 8))
    values = st.lists(NUMBERS, min_size=count, max_size=count)
    names = st.lists(TEXTS, min_size=3, max_size=3)
    left_out = draw(st.sampled_from([0, 1, 9992])) if classes is not None else 0
    indices = st.integers(-1 if left_out else 0, max(0, len(classes or ()) - 1))
    target = values if classes is None else st.lists(indices, min_size=count, max_size=count)
    return {
        "x": draw(values), "y": draw(st.none() | values), "target": draw(target), "names": draw(names),
        "units": draw(st.lists(UNITS, min_size=3, max_size=3)), "classes": classes, "left_out": left_out,
    }  # fmt: skip


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    features, steps = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 30]))
    values = st.lists(st.lists(NUMBERS, min_size=steps, max_size=steps), min_size=features, max_size=features)
    items = st.fixed_dictionaries({"row": COUNTS, "target": TARGETS, "values": values})
    names = st.lists(TEXTS, min_size=features, max_size=features)
    return {"items": draw(lists(items, 9)), "features": draw(names), "steps": list(range(steps))}


FORMS = {"pictures": pictures(), "points": points(), "sequences": sequences(), "histograms": lists(columns(), 12)}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    form = draw(st.sampled_from(sorted(FORMS)))
    kind = st.sampled_from(["table", "vector"])
    members = {"subtitle": TEXTS, "kind": kind, "rows": COUNTS, "target": targets(), "notes": lists(TEXTS, 3)}
    return draw(described(members)) | {"form": form, form: draw(FORMS[form])}


DOCUMENTS = documents()
