"""Documents of residuals."""

from typing import Any

from hypothesis import strategies as st

from service.operations.pictures.residuals import describe_output
from tests.models.drawing.odd_values import NUMBERS, TEXTS, described, lists

FIGURES = dict.fromkeys(("mae", "rmse", "r2"), NUMBERS)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.sampled_from([0, 1, 2, 60]))
    values = st.lists(NUMBERS, min_size=count, max_size=count)
    outputs = [
        describe_output(draw(TEXTS), draw(values), draw(values)) for _ in range(draw(st.sampled_from([1, 1, 2, 9])))
    ]
    unit = st.none() | TEXTS
    members = {
        "subtitle": TEXTS,
        **FIGURES,
        "unit": unit,
        "rows": st.just(list(range(count))),
        "notes": lists(TEXTS, 3),
    }
    return draw(described(members)) | {"outputs": outputs}


DOCUMENTS = documents()
