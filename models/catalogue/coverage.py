"""Writes docs/catalogue.md: the Keras layers and other components that a spec may use, and the reasons for the others.

`python -m models.catalogue.coverage` writes the page; a test fails if it is out of date.
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
            "The catalogue lists the components that a spec may use, with the type, default, range and description",
            "of every parameter. It is generated from Keras's own signatures (`python -m models.catalogue.generate`),",
            "and this page is generated from it (`python -m models.catalogue.coverage`). Tests prove each layer with",
            "networks that train for an epoch, are exported to ONNX and agree with Keras",
            "(tests/models/test_catalogue_layers.py).",
            "",
            f"**The catalogue has {included} of the {describable} layer types of `keras.layers` that can be",
            f"described without code: {100 * included / describable:.1f} %.** Aliases (`MaxPool2D`) work too; they",
            "aren't counted.",
            "",
            "## Layers",
            "",
            *by_category([*catalogue.layers.values(), *catalogue.cells.values()]),
            "",
            "## Unsupported layers",
            "",
            *left_out({name: selection.LAYERS_LEFT_OUT[name] for name in describable_left_out()}),
            "",
            "These can't be described in JSON:",
            "",
            *left_out({name: selection.LAYERS_LEFT_OUT[name] for name in selection.NOT_DESCRIBABLE}),
            "",
            *not_exported(),
            "",
            "## Other components",
            "",
            *(
                f"- {member}: {', '.join(entry.type for entry in catalogue.entries(kind))}"
                for kind, member in KINDS.items()
                if kind not in ("layer", "cell")
            ),
            "",
            "Unsupported:",
            "",
            *left_out(OTHERS_LEFT_OUT),
            "",
        ]
    )


NOT_EXPORTED = (
    "a recurrent layer whose mask isn't one of the steps of its rows, but of further axes or of fewer",
    "ConvLSTM1D, ConvLSTM2D or ConvLSTM3D with a mask of other lengths than its rows",
    "MultiHeadAttention or GroupQueryAttention with masks that don't have the shape of its scores",
    "MultiHeadAttention with the axis of the rows in `attention_axes`: a prediction would depend on other rows",
    "TimeDistributed with a layer that takes masks, behind a mask of whole steps",
    "Concatenate along an axis that the mask of an input doesn't have",
    "ContrastLimitedAdaptiveHistogramEqualization of anything but single images (height, width, channels)",
    "any network whose outputs in ONNX Runtime differ from those of Keras by more than rounding explains",
)
"""The networks of catalogue layers for which models/export raises NotServable."""

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


def not_exported() -> list[str]:
    """The section on networks of layers that can be exported, but not together."""
    return [
        "## Networks that can't be exported",
        "",
        "Every layer can be exported to ONNX, but a few combinations of layers can't. A model of them is refused when",
        "it is built, with the reason. If only the weights of a version or of an imported network make the difference,",
        "the version is stored, but isn't servable. These are:",
        "",
        *(f"- {case}" for case in NOT_EXPORTED),
    ]


def describable_left_out() -> list[str]:
    """The unsupported layers that JSON could describe."""
    return [name for name in selection.LAYERS_LEFT_OUT if name not in selection.NOT_DESCRIBABLE]


def by_category(entries: Iterable[Entry]) -> list[str]:
    """One line per category, with its types."""
    ordered = sorted(entries, key=lambda entry: entry.category)
    return [
        f"- {category}: {', '.join(entry.type for entry in group)}"
        for category, group in groupby(ordered, key=lambda entry: entry.category)
    ]


def left_out(reasons: Mapping[str, str]) -> list[str]:
    return [f"- {name}: {reason}" for name, reason in reasons.items()]


if __name__ == "__main__":
    PAGE_PATH.write_text(write_coverage(), encoding="utf-8")
