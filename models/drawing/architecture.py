"""Draws the architecture of a network: its layers as a graph, or small dense networks neuron by neuron."""

from collections.abc import Mapping
from typing import Any

from models.drawing import layer_graph, neurons
from models.drawing.canvas import Canvas
from models.drawing.notes import write_notes


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height at which layers and neurons can be read."""
    if document["columns"]:
        return neurons.measure_height(document["columns"])
    return layer_graph.measure_height(document, width)


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the layers or the neurons, as the document's `style` says."""
    canvas.heading(document["title"], _summarize(document))
    if document["columns"]:
        write_notes(canvas, document["notes"])
        neurons.draw(canvas, document["columns"])
    elif document["layers"]:
        layer_graph.write_legend(canvas, document["layers"])
        write_notes(canvas, document["notes"])
        layer_graph.draw(canvas, document)
    else:
        canvas.message("The network has no layers.")


def _summarize(document: Mapping[str, Any]) -> str:
    count, parameters = document["layer_count"], document["parameters"]
    frozen = parameters - document["trainable_parameters"]
    layers = "1 layer" if count == 1 else f"{count:,} layers"
    return f"{layers}, {parameters:,} parameters" + (f", {frozen:,} of them not trainable" if frozen else "")
