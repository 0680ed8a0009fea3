"""Odd values for documents of pictures: what data, clients and trainings make."""

from typing import Any

from hypothesis import strategies as st

NUMBERS: st.SearchStrategy[float | None] = st.one_of(
    st.none(),
    st.floats(-10, 10),
    st.floats(0, 1),
    st.sampled_from([0, -0.0, 1, 1e-12, -1e-300, 1e15, -1e30, 1e308, -1.7976931348623157e308, 123_456_789.123]),
    st.integers(-1_000_000, 1_000_000).map(float),
)
"""Of a document: null, ordinary, tiny, enormous."""
COUNTS = st.one_of(st.integers(0, 20), st.sampled_from([0, 1, 1000, 10**9]))
ODD_TEXTS = (
    *("", "a", "loss", "$x_1^2$", "$", "a_b", "<b>&amp;", "line\nbreak", "\x01\x1b", "-- >", "%d %s {x}"),
    *(
        "日本語のラベル",
        "العربية",
        "🙂🙃",
        "É\u0301\u0301",
        "\\frac{1}{2}",
        "W" * 300,
        "ein langer Name mit Leerzeichen " * 8,
    ),
)
TEXTS = st.sampled_from(ODD_TEXTS) | st.text(max_size=40)
"""Names of columns, classes and metrics: no text is too odd for a client."""
NAMES = st.one_of(st.sampled_from(["flowers", "a", "n" * 63]), st.from_regex("[a-z][a-z0-9-]{0,20}", fullmatch=True))
"""Names of models and datasets."""


def ids(prefix: str) -> st.SearchStrategy[str]:
    """Ids of resources."""
    return st.integers(0, 2**96 - 1).map(lambda number: f"{prefix}_{number:024x}")


def lists(values: st.SearchStrategy[Any], longest: int) -> st.SearchStrategy[list[Any]]:
    """Lists of a length that is drawn first: hypothesis by itself draws mostly short ones."""
    return st.sampled_from([0, 1, 2, 3, longest // 3, longest]).flatmap(
        lambda length: st.lists(values, min_size=length, max_size=length)
    )


def described(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents with a title, a description and other members."""
    return st.fixed_dictionaries({"title": TEXTS, "description": TEXTS, **members})
