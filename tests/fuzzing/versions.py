"""The versions that fuzzers predict with: one for each kind of input."""

import io
import zipfile
from typing import Any

from tests.fuzzing.request import dataset
from tests.journeys.specs import LINE, LINE_DATASET, TWO, classifier, named
from tests.models.made_pictures import pattern
from tests.running_service import Client

MIXED_ROW = {"width": 1.5, "colour": "red", "ripe": True, "day": "2024-01-03"}
MIXED_ROWS: list[dict[str, Any]] = [
    MIXED_ROW | {"kind": "a"},
    {"width": 2.5, "colour": "green", "ripe": False, "day": "2024-02-29", "kind": "b"},
    {"width": None, "colour": None, "ripe": True, "day": "2023-12-31", "kind": "a"},
    {"width": -4.5, "colour": "blue", "ripe": False, "day": "2025-06-01", "kind": "b"},
]
MIXED = {"name": "mixed", "source": "inline", "rows": MIXED_ROWS * 3, "target": "kind"}
TILE = 8
"""Pixels of a side."""
PAIR = named(TWO, "pair")
PAIR_INPUTS = {"left": [[1, 2], [3, 4], [5, 6]], "right": [[1], [2], [3]]}
PAIR_DATASET = {"name": "pair", "source": "inline", "inputs": PAIR_INPUTS, "targets": [1, 2, 3]}
WIDTH = 2000
WIDE = named(LINE, "wide", layers=[{"type": "Dense", "units": WIDTH}])
"""A network with many outputs for each row."""
WIDE_DATASET = named(LINE_DATASET, "wide", targets=[[row] * WIDTH for row in range(6)])


def make_versions(client: Client) -> None:
    """Train `line` (numbers), `mixed` (a table), `tiles` (pictures), `pair` (two inputs) and `wide`."""
    tiles = dataset(_tiles(), "tiles.zip", {}, "tiles")
    created = client.request("POST", tiles.path, data=tiles.body, headers=tiles.headers)
    assert created.status_code == 201, created.text
    for document in (LINE_DATASET, MIXED, PAIR_DATASET, WIDE_DATASET):
        client.post("/v1/datasets", document, wait=60)
    shape = [TILE, TILE, 3]
    mixed = classifier("mixed", shape, 2, input={"dataset": "mixed"})
    tiled = classifier("tiles", shape, 2, input={"shape": shape, "scaling": "unit"})
    models: tuple[dict[str, Any], ...] = (LINE, mixed, tiled, PAIR, WIDE)
    for model in models:
        client.post("/v1/models", model, wait=60)
        client.train(model["name"], model["name"], epochs=1, seed=7)


def _tiles() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(6):
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.png", pattern(TILE, TILE))
    return file.getvalue()
