"""Documents of samples: images, series, texts and values with predictions."""

import base64
from typing import Any

import numpy as np
from hypothesis import strategies as st

from models.files.pictures import write_png
from tests.models.drawing.odd_values import NAMES, NUMBERS, TEXTS, described, lists

LABELS = st.one_of(st.none(), TEXTS, st.booleans(), st.integers(), NUMBERS, st.lists(TEXTS | st.integers(), max_size=4))
IMAGES = st.tuples(
    st.sampled_from([1, 2, 28, 160]), st.sampled_from([1, 3, 32, 160]), st.sampled_from([1, 3]), st.integers(0, 255)
).map(lambda drawn: base64.b64encode(write_png(np.full(drawn[:3], drawn[3], np.uint8), 160)).decode())
SHOWN: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "picture": IMAGES.map(lambda image: {"picture": {"b64": image}}),
    "series": st.lists(
        st.fixed_dictionaries({"name": TEXTS, "values": st.lists(NUMBERS, min_size=1, max_size=120)}),
        min_size=1,
        max_size=3,
    ).map(lambda lines: {"series": lines}),
    "text": TEXTS.map(lambda text: {"text": text}),
    "values": st.lists(
        st.fixed_dictionaries({"name": TEXTS, "value": NUMBERS | TEXTS}), min_size=1, max_size=6
    ).map(lambda cells: {"values": cells}),
}  # fmt: skip


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(SHOWN)))
    predictions = st.fixed_dictionaries(
        {
            "row": st.integers(0, 10**9),
            "target": LABELS,
            "predicted": LABELS,
            "score": st.none() | st.floats(0, 1),
            "correct": st.none() | st.booleans(),
        }
    )
    few = [draw(predictions) | draw(SHOWN[kind]) for _ in range(draw(st.integers(0, 5)))]
    count = draw(st.sampled_from([1, 3, 10, 60])) if few else 0
    return {"kind": kind if few else "none", "items": [few[place % len(few)] for place in range(count)]}


DOCUMENTS = st.builds(
    lambda document, shown: document | shown,
    described({"dataset": NAMES, "split": st.sampled_from(["train", "test"]), "notes": lists(TEXTS, 3)}),
    items(),
)
