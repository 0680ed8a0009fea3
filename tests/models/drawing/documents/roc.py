"""Documents of ROC curves."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.documents.confusion import CLASSES
from tests.models.drawing.odd_values import TEXTS, described, lists

SHARES = st.floats(0, 1)


@st.composite
def curves(draw: st.DrawFn) -> dict[str, Any]:
    points = sorted(draw(lists(st.tuples(SHARES, SHARES), 200)))
    chosen = {"threshold": SHARES, "false_positive_rate": SHARES, "true_positive_rate": SHARES}
    return {
        "label": draw(CLASSES),
        "area": draw(SHARES),
        "false_positive_rates": [0.0, *(across for across, _ in points), 1.0],
        "true_positive_rates": [0.0, *sorted(up for _, up in points), 1.0],
        "chosen": draw(st.none() | st.fixed_dictionaries(chosen)),
    }


DOCUMENTS = described({"subtitle": TEXTS, "curves": lists(curves(), 20), "notes": lists(TEXTS, 2)})
