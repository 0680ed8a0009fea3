"""Documents of curves of activation functions."""

from hypothesis import strategies as st

from tests.models.drawing.odd_values import NUMBERS, TEXTS, described

LINES = st.sampled_from([1, 2, 50]).flatmap(
    lambda length: st.tuples(*[st.lists(NUMBERS, min_size=length, max_size=length)] * 3)
)
DOCUMENTS = st.builds(
    lambda document, lines: document | dict(zip(("x", "y", "derivative"), lines, strict=True)),
    described({"type": TEXTS, "formula": TEXTS}),
    LINES,
)
