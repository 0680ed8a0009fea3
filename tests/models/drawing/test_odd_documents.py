"""Every kind of picture draws whatever its documents may hold: valid files, without texts that overlap.

A kind's documents are `DOCUMENTS` in `documents/KIND.py`, a strategy of Hypothesis. `FITSERVE_TEST_FUZZ_EXAMPLES` sets
how many of each kind are drawn, each at two widths; then they differ from run to run.
"""

import io
import os
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from models.drawing.inspection import find_faults
from models.drawing.registry import PICTURES
from models.drawing.rendering import drawn, write_png, write_svg

EXAMPLES = os.environ.get("FITSERVE_TEST_FUZZ_EXAMPLES")
SIZES = st.sampled_from([(320, None), (1200, None), (320, 200), (1200, 300), (160, 120), (700, 2400)])
SVG = "{http://www.w3.org/2000/svg}"


def documents(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    found: st.SearchStrategy[dict[str, Any]] = import_module(f"tests.models.drawing.documents.{kind}").DOCUMENTS
    return found


@pytest.mark.parametrize("kind", sorted(PICTURES))
def test_every_document_is_drawn_without_texts_that_overlap(kind: str) -> None:
    @settings(
        max_examples=int(EXAMPLES or 2),
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents(kind), SIZES, st.sampled_from(["light", "dark"]))
    def draw(document: dict[str, Any], size: tuple[int, int | None], theme: str) -> None:
        with drawn(kind, document, *size, theme) as canvas:
            assert find_faults(canvas) == []
            check_svg(write_svg(canvas, document["title"], document["description"]))
            check_png(write_png(canvas, document["title"], document["description"]), (canvas.width, canvas.height))

    draw()


def check_svg(content: bytes) -> None:
    root = ElementTree.fromstring(content)
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.get("role") == "img"


def check_png(content: bytes, size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.size == size
