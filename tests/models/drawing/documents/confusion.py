"""Documents of confusion matrices."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.odd_values import COUNTS, TEXTS, described, lists

CLASSES = st.one_of(TEXTS, st.integers(-5, 5), st.booleans())
RATES = st.one_of(st.none(), st.floats(0, 1))


def entries(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The figures of a class."""
    return st.fixed_dictionaries({"label": CLASSES, "recall": st.floats(0, 1), "support": COUNTS, **members})


def matrices(size: int) -> st.SearchStrategy[list[list[int]]]:
    """Matrices whose cells are one of a few counts, or all different."""
    few = st.lists(COUNTS, min_size=3, max_size=3).map(
        lambda counts: [[counts[(row * size + column) % 3] for column in range(size)] for row in range(size)]
    )
    return (
        few
        if size > 12
        else few | st.lists(st.lists(COUNTS, min_size=size, max_size=size), min_size=size, max_size=size)
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.sampled_from([1, 2, 3, 10, 24, 25, 100, 256]))
    matrix = draw(matrices(size))
    pairs = st.fixed_dictionaries({"true": CLASSES, "predicted": CLASSES, "count": COUNTS.filter(bool)})
    return draw(
        described(
            {
                "subtitle": TEXTS,
                "form": st.sampled_from(["matrix", "matrix", "labels", "classes"]),
                "rows": st.just(sum(map(sum, matrix))),
                "classes": st.lists(CLASSES, min_size=size, max_size=size),
                "matrix": st.just(matrix),
                "confused": lists(pairs, 10),
                "labels": lists(entries(confusion_matrix=matrices(2)), 12),
                "weakest": lists(entries(), 20),
                "notes": lists(TEXTS, 3),
            }
        )
    )


DOCUMENTS = documents()
