"""Pictures of networks say in words and signs what they say in colours."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.drawing.inspection import find_faults, list_texts
from models.drawing.rendering import drawn
from models.files.pictures import write_png

LAYER = {"detail": "8 units", "parameters": 72, "trainable": True, "output_shape": [8]}
HEAD = {"title": "A title", "description": "A sentence.", "notes": []}


def texts(kind: str, document: dict[str, Any], width: int = 640, height: int | None = None) -> list[str]:
    with drawn(kind, HEAD | document, width, height, "light") as canvas:
        return [found.text for found in list_texts(canvas)]


def architecture(**members: Any) -> dict[str, Any]:
    return {
        "layer_count": 2, "parameters": 144, "trainable_parameters": 72, "layers": [], "blocks": [], "columns": [],
        "inputs": [{"name": "input", "shape": [8], "detail": None}], **members,
    }  # fmt: skip


def test_layers_have_their_type_shape_and_parameters() -> None:
    layers = [
        {"name": "one", "type": "Dense", "inputs": ["input"], **LAYER},
        {"name": "two", "type": "LSTM", "inputs": ["one"], **LAYER, "trainable": False},
    ]
    found = texts("architecture", architecture(layers=layers, blocks=[{"layers": ["two"], "times": 7}]))
    assert {"Dense", "LSTM", "8", "8 units", "72 parameters", "not trainable", "× 7"} <= set(found)
    assert "2 layers, 144 parameters, 72 of them not trainable" in found


def test_neurons_that_are_not_drawn_are_marked() -> None:
    column = {"name": "dense", "neurons": 512, "drawn": 16, "detail": "relu", "parameters": 72}
    found = texts("architecture", architecture(columns=[column, column | {"neurons": 2, "drawn": 2}]))
    assert found.count("⋮") == 1
    assert {"512", "2", "relu"} <= set(found)


@pytest.mark.parametrize(("correct", "sign"), [(True, "✓ cat"), (False, "✗ cat"), (None, "predicted cat")])
def test_right_and_wrong_samples_have_different_signs(correct: bool | None, sign: str) -> None:
    item = {"row": 1, "target": "dog", "predicted": "cat", "score": 0.61, "correct": correct, "text": "A text."}
    document = {"dataset": "pets", "split": "test", "kind": "text", "items": [item]}
    assert sign in texts("samples", document)


def test_samples_and_tiles_that_do_not_fit_are_counted() -> None:
    item = {"row": 1, "target": 1.5, "predicted": 2.0, "score": None, "correct": None, "text": "A text."}
    document = {"dataset": "pets", "split": "test", "kind": "text", "items": [item] * 30}
    assert any("more don't fit" in text for text in texts("samples", document, 320, 300))
    assert not any("fit" in text for text in texts("samples", document))


def test_a_boundary_before_the_first_epoch_says_so() -> None:
    empty: dict[str, Any] = {"description": "No epoch has ended yet.", "values": None, "axes": [], "rows": None}
    assert "No epoch has ended yet." in texts("boundary", empty)


def test_classes_of_a_plane_are_named() -> None:
    axes = [{"name": name, "minimum": -1.0, "maximum": 1.0} for name in ("width", "height")]
    rows = {"inputs": [[0.0, 0.0], [0.5, 0.5]], "targets": [0, None], "splits": ["train", "test"], "predictions": None}
    plane = {
        "task": "binary", "classes": ["no", "yes"], "threshold": 0.7, "axes": axes, "predicted": None, "curves": None,
        "values": [[0.1, 0.9], [0.4, None]], "rows": rows | {"total": 2},
    }  # fmt: skip
    found = texts("boundary", plane)
    assert {"no", "yes", "test rows", "width", "height", "The probability of yes; the line is at 0.7."} <= set(found)


def test_images_are_png_of_at_most_a_size() -> None:
    for shape, size in (((300, 30, 3), (10, 100)), ((2, 1000, 1), (100, 1)), ((4, 5, 1), (5, 4))):
        with Image.open(io.BytesIO(write_png(np.zeros(shape, np.uint8), 100))) as image:
            assert image.size == size


def test_a_tile_that_is_higher_than_the_picture_shrinks_and_weights_beyond_the_scale_are_drawn() -> None:
    tile = {"name": "unit 1", "values": [[1e15, None], [-1e15, 0.0]]}
    document = {"layer": "dense", "shape": [4, 1], "largest": 1e-300, "kind": "tiles", "colours": False}
    with drawn("filters", HEAD | document | {"tiles": [tile], "matrix": None}, 160, 120, "light") as canvas:
        assert find_faults(canvas) == []


def test_a_logarithmic_scale_may_span_all_numbers_there_are() -> None:
    series = {"job": "tj_1", "split": "train", "epochs": [1, 2], "values": [1e-300, 1e300]}
    job: dict[str, Any] = {"id": "tj_1", "model": "m", "dataset": "d", "status": "running", "best": None}
    job |= {"learning_rate_changes": []}
    panels = [{"metric": "loss", "scale": "logarithmic", "series": [series]}]
    with drawn("curves", HEAD | {"jobs": [job], "panels": panels}, 640, None, "light") as canvas:
        assert find_faults(canvas) == []
