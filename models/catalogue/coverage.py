"""Writes docs/catalogue.md: which of Keras's layers and other components a spec may name, and which it may not and why.

`python -m models.catalogue.coverage` writes the page; a test fails when it differs.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from models.catalogue import KINDS, Entry, load_catalogue, selection

PAGE_PATH = Path(__file__).parents[2] / "docs" / "catalogue.md"


def write_coverage() -> str:
    """The page as Markdown."""
    catalogue = load_catalogue()
    included = len(catalogue.layers) + len(catalogue.cells)
    describable = included + len(selection.LAYERS_LEFT_OUT) - len(selection.NOT_DESCRIBABLE)
    return "\n".join(
        [
            "# The catalogue",
            "",
            "What a spec may name, with every parameter's type, default, range and description, is generated from",
            "Keras's own signatures (`python -m models.catalogue.generate`), and this page from the result (`python -m",
            "models.catalogue.coverage`). Each layer is proved by networks that train an epoch, are exported to ONNX",
            "and agree with Keras (tests/models/test_catalogue_layers.py).",
            "",
            f"**{included} of the {describable} layer types of `keras.layers` that can be described without code are",
            f"in: {100 * included / describable:.1f} %.** Aliases (`MaxPool2D`) are found too and are not counted.",
            "",
            "## Layers",
            "",
            *by_category([*catalogue.layers.values(), *catalogue.cells.values()]),
            "",
            "## Layers left out",
            "",
            *left_out({name: selection.LAYERS_LEFT_OUT[name] for name in describable_left_out()}),
            "",
            "No JSON can describe these:",
            "",
            *left_out({name: selection.LAYERS_LEFT_OUT[name] for name in selection.NOT_DESCRIBABLE}),
            "",
            "## Other components",
            "",
            *(
                f"- {member}: {', '.join(entry.type for entry in catalogue.entries(kind))}"
                for kind, member in KINDS.items()
                if kind not in ("layer", "cell")
            ),
            "",
            "Left out:",
            "",
            *left_out(OTHERS_LEFT_OUT),
            "",
        ]
    )


OTHERS_LEFT_OUT = {
    f"{kind} {name}": reason
    for kind, names in {
        "optimizer": selection.OPTIMIZERS_LEFT_OUT,
        "loss": selection.LOSSES_LEFT_OUT,
        "metric": selection.METRICS_LEFT_OUT,
        "activation": selection.ACTIVATIONS_LEFT_OUT,
        "initializer": selection.INITIALIZERS_LEFT_OUT,
    }.items()
    for name, reason in names.items()
}


def describable_left_out() -> list[str]:
    """The layers left out although JSON could describe them."""
    return [name for name in selection.LAYERS_LEFT_OUT if name not in selection.NOT_DESCRIBABLE]


def by_category(entries: Iterable[Entry]) -> list[str]:
    """A line for each category, with its types."""
    ordered = sorted(entries, key=lambda entry: entry.category)
    return [
        f"- {category}: {', '.join(entry.type for entry in group)}"
        for category, group in groupby(ordered, key=lambda entry: entry.category)
    ]


def left_out(reasons: Mapping[str, str]) -> list[str]:
    return [f"- {name}: {reason}" for name, reason in reasons.items()]


if __name__ == "__main__":
    PAGE_PATH.write_text(write_coverage(), encoding="utf-8")
