"""Documents of architectures: graphs of layers, and columns of neurons."""

from typing import Any

from hypothesis import strategies as st

from tests.models.drawing.odd_values import COUNTS, TEXTS, described, lists

SHAPES = st.lists(st.none() | st.integers(0, 100_000), max_size=5)
TYPES = st.sampled_from(["Dense", "Conv2D", "LSTM", "Add", "MultiHeadAttention", "BatchNormalization"]) | TEXTS


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """Each layer takes some of the layers and inputs before it."""
    inputs = [{"name": f"in{place}", "shape": draw(SHAPES), "detail": draw(st.none() | TEXTS)} for place in range(2)]
    names = [input_["name"] for input_ in inputs]
    is_chain = draw(st.booleans())
    shown = []
    for place in range(draw(st.sampled_from([0, 1, 3, 8, 30, 120]))):
        several = st.lists(st.sampled_from(names[-6:]), min_size=1, max_size=3)
        before = names[-1:] if is_chain else draw(several)
        name = f"{draw(st.just('layer') | TEXTS)}_{place}"
        shown.append(
            {
                "name": name,
                "type": draw(TYPES),
                "detail": draw(TEXTS),
                "output_shape": draw(SHAPES),
                "parameters": draw(COUNTS),
                "trainable": draw(st.booleans()),
                "inputs": list(dict.fromkeys(before)),
            }
        )
        names.append(name)
    last = [layer["name"] for layer in shown[-3:]]
    times = draw(st.sampled_from([0, 2, 1000]))
    blocks = [{"layers": last, "times": times}] if last and times else []
    return {"inputs": inputs[: draw(st.integers(0, 2))], "layers": shown, "blocks": blocks, "columns": []}


@st.composite
def neurons(draw: st.DrawFn) -> dict[str, Any]:
    columns = []
    for name in draw(st.lists(TEXTS, min_size=1, max_size=13)):
        count = draw(st.sampled_from([1, 2, 15, 16, 17, 10_000]))
        members = {"name": name, "neurons": count, "drawn": min(count, 16)}
        columns.append(members | {"detail": draw(TEXTS), "parameters": draw(COUNTS)})
    return {"inputs": [], "layers": [], "blocks": [], "columns": columns}


DOCUMENTS = st.builds(
    lambda document, drawn: document | drawn,
    described(
        {"layer_count": COUNTS, "parameters": COUNTS, "trainable_parameters": st.just(0), "notes": lists(TEXTS, 3)}
    ),
    layers() | neurons(),
)
