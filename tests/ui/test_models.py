"""Models in a browser: versions, labels and code, and predictions from a form, a drawing and many rows."""

import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import Client, RunningService
from tests.ui.visitor import Visitor

FLATS = [
    {
        "area": 20 + 10 * number,
        "district": ["North", "Harbour"][number % 2],
        "lift": number % 3 == 0,
        "listed": f"2025-03-{number + 1:02d}",
        "price": 100.0 + 30 * number,
    }
    for number in range(12)
]
FLATS_DATASET = {
    "name": "models-flats",
    "source": "inline",
    "rows": FLATS,
    "target": "price",
    "split": {"test": 0.25},
}
FLATS_MODEL: dict[str, Any] = {
    "name": "models-flats",
    "task": "regression",
    "input": {"dataset": "models-flats"},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": "adam",
    "loss": "mse",
    "metrics": ["mae"],
}
DIGITS_MODEL: dict[str, Any] = {
    "name": "models-digits",
    "task": "multiclass",
    "input": {"dataset": "models-digits"},
    "layers": [{"type": "Flatten"}, {"type": "Dense", "units": 10, "activation": "softmax"}],
    "optimizer": {"type": "Adam", "learning_rate": 0.01},
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}


def train(client: Client, dataset: dict[str, Any], model: dict[str, Any], epochs: int, jobs: int = 1) -> list[Any]:
    client.post("/v1/datasets", dataset)
    client.post("/v1/models", model)
    return [client.train(model["name"], dataset["name"], epochs, seed=number) for number in range(jobs)]


@pytest.fixture(scope="module")
def line(service: RunningService) -> str:
    """A model with two versions, of which the first is the champion."""
    client = service.client
    dataset = named(LINE_DATASET, "models-line", split={"test": 0.34})
    train(client, dataset, named(LINE, "models-line", description="A straight line."), 2, jobs=2)
    client.request("PUT", "/v1/models/models-line/labels/champion", json={"version": 1})
    return "models-line"


def test_a_model_shows_its_versions_and_changes_with_a_click(visitor: Visitor, client: Client, line: str) -> None:
    page = visitor.opens("/ui/models")
    expect(page.get_by_role("row", name="A straight line.")).to_contain_text("ready")
    visitor.finds_it_accessible()
    page.get_by_role("link", name=line, exact=True).click()
    expect(page.get_by_role("heading", name=line)).to_be_visible()
    see_all_pictures(page)
    page.get_by_text("Summary:").click()
    visitor.finds_it_accessible()

    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Make champion version 2").click()
    expect(page.get_by_role("button", name="Make champion version 1")).to_be_visible()
    page.get_by_label("Label", exact=True).fill("previous")
    page.get_by_role("spinbutton", name="Version").fill("1")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("button", name="Remove the label previous")).to_be_visible()
    page.get_by_role("combobox", name="Version that answers").select_option("the label previous")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("combobox", name="Version that answers")).to_have_value("previous")
    page.get_by_text("Change the description").click()
    page.get_by_label("Description").fill("y = 2x - 1")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("y = 2x - 1").first).to_be_visible()
    shown = client.get(f"/v1/models/{line}")
    assert (shown["labels"], shown["serve"]) == ({"champion": 2, "previous": 1}, "previous")

    page.get_by_role("tab", name="Spec").press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Keras")).to_contain_text("keras.Sequential([keras.Input(shape=(1,))")
    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_role("tabpanel", name="curl")).to_contain_text("/v1/training-jobs")

    page.get_by_role("link", name="version 2", exact=True).click()
    see_all_pictures(page)
    expect(page.get_by_role("link", name="ONNX network")).to_be_visible()
    visitor.finds_it_accessible()


def test_a_variant_is_made_labelled_and_tried_with_clicks(visitor: Visitor, client: Client, line: str) -> None:
    page = visitor.opens(f"/ui/models/{line}/versions/2")
    page.get_by_label("Allowed drop").fill("1")
    page.get_by_role("button", name="Make it").click()
    variants = page.get_by_role("region", name="Variants")
    expect(variants.get_by_role("row", name="int8")).to_contain_text("yes, on test rows", timeout=30_000)
    page.get_by_label("Label", exact=True).fill("small")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("button", name="Remove the label small")).to_be_visible()
    assert client.get(f"/v1/models/{line}/labels/small")["variant"] == "int8"
    visitor.finds_it_accessible()

    page = visitor.opens(f"/ui/models/{line}/try?version=2&variant=int8")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answers")).to_contain_text("by the variant int8 of version 2")
    page.get_by_role("combobox", name="With which network?").select_option("the version itself")
    expect(page.locator("#answers")).to_contain_text("by version 2")
    visitor.finds_it_accessible()


def see_all_pictures(page: Page) -> None:
    """Scroll through all pictures, which are loaded when they come into view."""
    for picture in page.locator("picture img").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete", arg=picture.element_handle())


def test_a_form_predicts_for_a_row_of_a_table(visitor: Visitor, client: Client) -> None:
    train(client, FLATS_DATASET, FLATS_MODEL, 3)
    page = visitor.opens("/ui/models/models-flats/try?version=1")
    page.get_by_role("button", name="Take a row").click()
    answers = page.locator("#answers")
    expect(answers).to_contain_text("True value:")
    assert page.get_by_label("area").input_value() in {str(row["area"]) for row in FLATS}
    visitor.finds_it_accessible()

    page.get_by_label("area").fill("9000")
    page.get_by_label("lift").select_option("missing")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(answers).to_contain_text("9000 is out of range")
    expect(answers).not_to_contain_text("True value:")
    page.get_by_text("This request as curl").click()
    expect(page.locator("#curl")).to_contain_text('"lift":null')

    page.get_by_role("slider", name="At which epoch?").fill("0")
    expect(answers).to_contain_text("by epoch 1.")
    expect(page.locator("#curl")).to_contain_text("/snapshots/1/predictions")

    page.get_by_text("Many rows").click()
    rows = page.get_by_label("Rows as CSV")
    rows.fill("area,district,lift,listed\n30,North,true,2025-03-04\n40,Moon,false,2025-03-05\n50,Moon,true,2025-03-05")
    page.get_by_role("button", name="Predict these rows").click()
    expect(answers.get_by_role("row")).to_have_count(4)
    expect(answers.get_by_text('Rows 1, 2: "Moon" isn\'t in the training rows.')).to_be_visible()
    visitor.expects(422)
    rows.fill("area,district,lift,listed\nlarge,North,true,2025-03-04")
    page.get_by_role("button", name="Predict these rows").click()
    expect(page.locator("#many [data-faults]")).to_contain_text("area")
    expect(answers.get_by_role("row")).to_have_count(0)


def test_digits_are_drawn_and_pictures_are_chosen(visitor: Visitor, client: Client) -> None:
    train(client, {"name": "models-digits", "source": "digits"}, DIGITS_MODEL, 5)
    page = visitor.opens("/ui/models/models-digits/try?version=1")
    answers = page.locator("#answers")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator(".drop .fault")).to_have_text("Draw something, or choose a picture, first.")
    visitor.finds_it_accessible()
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] - 10, steps=5)
    page.mouse.up()
    expect(answers.get_by_role("row")).to_have_count(10)
    expect(page.locator(".drop .fault")).to_have_text("")
    page.get_by_role("button", name="Take a row").click()
    expect(answers).to_contain_text("The prediction is")
    visitor.finds_it_accessible()
    content = io.BytesIO()
    Image.new("L", (20, 20), 255).save(content, "PNG")
    page.get_by_label("Drop a picture here").set_input_files(
        {"name": "white.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    expect(answers).to_contain_text("was converted to 8 × 8 pixels")
    expect(page.locator("#curl")).to_contain_text("file=@white.png")
