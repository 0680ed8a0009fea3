"""Datasets in the dashboard: an upload with faults, and what the page of a dataset shows."""

from pathlib import Path

from playwright.sync_api import expect

from tests.running_service import Client
from tests.ui.visitor import Visitor

GOOD = "width,colour,kind\n1.5,red,a\n2.5,blue,b\n,red,a\n4.5,red,b\n"


def test_a_file_is_uploaded_looked_at_and_its_faults_are_shown(visitor: Visitor, tmp_path: Path) -> None:
    visitor.expects(422)
    page = visitor.opens("/ui/datasets/new")
    visitor.finds_it_accessible()
    file = tmp_path / "datasets few.csv"
    file.write_text(GOOD.replace("blue,b", "blue,b,too much"))
    page.locator("#file").set_input_files(file)
    page.get_by_role("columnheader", name="colour").wait_for()
    assert page.locator("#name").input_value() == "datasets-few"
    page.get_by_label("Target").fill("kind")
    page.get_by_role("button", name="Upload").click()
    faults = page.locator("#rows-with-faults tbody tr")
    expect(faults).to_have_text(["datasets few.csv1Row 1 (line 3) has 4 fields, but there are 3 columns."])
    file.write_text(GOOD)
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/ui/datasets/datasets-few")
    page.get_by_role("heading", name="Target: kind").wait_for()
    inputs = page.get_by_role("region", name="Inputs")
    assert inputs.get_by_role("row", name="width number").locator("td").nth(2).inner_text() == "1"
    assert "4 rows (table)" in page.locator("main").inner_text()
    assert "x.shape" in page.locator("pre").first.inner_text()
    visitor.finds_it_accessible()


def test_a_built_in_source_becomes_a_dataset_with_pictures(visitor: Visitor, client: Client) -> None:
    visitor.expects(422)
    page = visitor.opens("/ui/datasets/new")
    form = page.locator("#built-in")
    form.get_by_label("Source").select_option("circles")
    form.get_by_label("Name").fill("datasets-rings")
    form.get_by_role("spinbutton", name="samples").fill("1")
    form.get_by_role("button", name="Create").click()
    form.locator(".field:has([aria-invalid]) .fault").get_by_text("2").wait_for()
    form.get_by_role("spinbutton", name="samples").fill("50")
    form.get_by_role("button", name="Create").click()
    page.wait_for_url("**/ui/datasets/datasets-rings")
    page.locator("#batch").wait_for()  # it isn't there before the import has ended and the page is loaded again
    client.post("/v1/datasets", {"name": "datasets-digits", "source": "digits"})
    page = visitor.opens("/ui/datasets/datasets-digits?batch=2&size=10#batch")
    assert "Batch 2 of 108: rows 11 to 20 of the split." in page.locator("#batch").inner_text()
    assert page.locator("#batch figure img").count() == 10
    assert "x.shape  (1079, 8, 8)" in page.locator("#batch pre").first.inner_text()
    page = visitor.opens("/ui/datasets")
    page.get_by_role("link", name="datasets-digits").wait_for()
    visitor.finds_it_accessible()
