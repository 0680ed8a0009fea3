"""A model is made layer by layer, with its summary and its faults as one types."""

from tests.running_service import Client
from tests.ui.visitor import Visitor


def test_a_model_is_made_from_a_template_with_its_summary_beside_it(visitor: Visitor, client: Client) -> None:
    client.post("/v1/datasets", {"name": "new-model-iris", "source": "iris"})
    visitor.expects(422)
    page = visitor.opens("/ui/models/new?template=rings")
    page.get_by_text("This network can be built.").wait_for()
    assert "117 parameters" in page.locator("#total").inner_text()
    visitor.finds_it_accessible()
    page.get_by_label("Move layer 5 up").click()
    page.locator("#state", has_text="can't be built").wait_for()
    page.get_by_label("Move layer 4 down").click()
    page.get_by_text("This network can be built.").wait_for()
    page.get_by_label("Columns and shape of a dataset").select_option("new-model-iris")
    page.locator("#total", has_text="135 parameters").wait_for()
    assert page.get_by_label("Task").input_value() == "multiclass"
    page.locator("#name").fill("new model")
    page.get_by_role("button", name="Create model").click()
    page.locator(".field[data-pointer='#/name'] .fault:not(:empty)").wait_for()
    page.locator("#name").fill("new-model")
    page.get_by_role("button", name="Create model").click()
    page.wait_for_url("**/ui/models/new-model")
    made = client.get("/v1/models/new-model")
    assert [layer.get("units") for layer in made["layers"]] == [4, 6, 6, 4, 3]
    assert (made["task"], made["input"]["dataset"]) == ("multiclass", "new-model-iris")


def test_a_dataset_suggests_a_whole_network(visitor: Visitor, client: Client) -> None:
    client.post("/v1/datasets", {"name": "new-model-wine", "source": "wine"})
    page = visitor.opens("/ui/models/new?dataset=new-model-wine")
    page.locator("#total", has_text="5,251 parameters").wait_for()
    page.get_by_role("button", name="Create model").click()
    page.wait_for_url("**/ui/models/new-model-wine")
    made = client.get("/v1/models/new-model-wine")
    assert [layer.get("units") for layer in made["layers"]] == [64, 64, 3]
    assert (made["task"], made["layers"][-1]["activation"]) == ("multiclass", "softmax")
    visitor.opens("/ui/training-jobs/new?model=new-model-wine")
    assert page.locator("#dataset").input_value() == "new-model-wine"
