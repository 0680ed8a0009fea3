"""The rows that the playground draws before they are imported: they are those of the dataset that would be created."""

from pathlib import Path
from typing import Any

import pytest

from tests.models.made_datasets import make_dataset
from tests.service.api.api_client import ApiClient

ROWS = "/ui/playground/rows"
SPLIT = {"validation": 0.25, "test": 0, "seed": 3}
SOURCES = ("circles", "moons", "spirals", "xor", "blobs", "line", "sine")
POINTS = {"inputs": [[0.5, 1], [2, 0.25], [1, 1], [0, 0]], "targets": [0, 1, 0, 1]}
DOCUMENTS: list[dict[str, Any]] = [
    *({"source": name, "parameters": {"samples": 24, "seed": 5}, "split": SPLIT} for name in SOURCES),
    {"source": "inline", **POINTS, "split": SPLIT},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["source"])
def test_the_rows_are_those_that_an_import_gives(api: ApiClient, tmp_path: Path, document: dict[str, Any]) -> None:
    found = api.post(ROWS, document, 200)
    dataset = make_dataset(tmp_path, **document)
    rows = {split: dataset.rows_page(split, 0, 100) for split in ("train", "validation")}
    for row in (*rows["train"], *rows["validation"]):
        assert found["inputs"][row["row"]] == list(row["instance"])
        assert found["targets"][row["row"]] == row["target"]
    assert found["validation"] == [row["row"] for row in rows["validation"]]
    assert len(found["inputs"]) == len(found["targets"]) == sum(map(len, rows.values()))


def test_other_rows_are_refused_at_their_places(api: ApiClient) -> None:
    def pointer(document: Any) -> str:
        fault: dict[str, str] = api.post(ROWS, document, 422)["errors"][0]
        return fault["pointer"]

    assert pointer([]) == "#"
    assert pointer({"source": "iris"}) == "#/source"
    assert pointer({"source": "inline", "rows": [{"x": 1, "y": 2}], "target": "y"}) == "#/source"
    assert pointer({"source": "circles", "parameters": {"samples": 2001}}) == "#/parameters/samples"
    assert pointer({"source": "circles", "parameters": {"noise": -1}}) == "#/parameters/noise"
    assert pointer({"source": "circles", "parameters": []}) == "#/parameters"
    assert pointer({"source": "inline", "inputs": [[1]], "targets": ["red"]}) == "#/targets"
    assert pointer({"source": "inline", "inputs": [[0]] * 2001, "targets": [0] * 2001}) == "#/targets"
