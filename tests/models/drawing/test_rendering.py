"""Pictures as files: SVG with a title and a description, PNG, equal for equal documents."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from models.drawing.rendering import render

SVG = "{http://www.w3.org/2000/svg}"
DOCUMENT = {
    "title": "relu & <others>\x01\ud7ff",
    "description": "Zero, then\nthe identity -- “exactly”.",
    "type": "relu",
    "x": [-1.0, 0.0, 1.0],
    "y": [0.0, None, 1e300],
    "derivative": [None, None, None],
}


def test_an_svg_has_a_size_a_title_and_a_description_for_screen_readers() -> None:
    root = ElementTree.fromstring(render("activation", DOCUMENT, 320, 200))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert (root.tag, root.get("role"), root.get("viewBox")) == (f"{SVG}svg", "img", "0 0 320 200")
    assert (root.get("width"), root.get("height")) == ("320", "200")
    assert title is not None
    assert title.text == "relu & <others> \ud7ff"
    assert description is not None
    assert description.text == "Zero, then the identity -- “exactly”."
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_equal_documents_give_equal_files_without_a_date() -> None:
    first, second = (render("activation", DOCUMENT, 320, 200) for _ in range(2))
    assert first == second
    assert b"dc:date" not in first
    assert b"<!" not in first
    assert render("activation", DOCUMENT, theme="dark") != render("activation", DOCUMENT)


@pytest.mark.parametrize(("width", "height"), [(160, 120), (1200, 300)])
def test_a_png_has_the_size_that_was_asked_for(width: int, height: int) -> None:
    with Image.open(io.BytesIO(render("activation", DOCUMENT, width, height, "dark", "png"))) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (width, height))
        assert image.info["Description"] == "Zero, then the identity -- “exactly”."
        assert image.convert("RGB").getpixel((1, 1)) == (0x14, 0x19, 0x1F)
