"""The pages of training jobs: a training is started, watched, changed, continued and compared."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.specs import LINE, LINE_DATASET, RINGS, RINGS_DATASET, named
from tests.running_service import Client
from tests.ui.visitor import Visitor

NAME = "jobs-rings"
SMALL_RINGS = named(RINGS_DATASET, NAME, parameters={"samples": 200, "noise": 0.05, "factor": 0.5, "seed": 7})
HEAVIEST, MOST_REQUESTS = 300_000, 20

expect.set_options(timeout=30_000)


def test_a_training_is_started_watched_changed_continued_and_compared(visitor: Visitor, client: Client) -> None:
    visitor.expects(422)
    client.post("/v1/datasets", SMALL_RINGS)
    client.post("/v1/models", named(RINGS, NAME))

    page = visitor.opens(f"/ui/training-jobs/new?model={NAME}")
    _fills_the_form(visitor, page)
    first = _id_on(page)

    _watches_and_changes(visitor, page, client, first)
    _continues_from_a_snapshot(page, client, first)
    second = _id_on(page)
    client.wait_for_status(second, "succeeded")

    visitor.opens(f"/ui/training-jobs/{second}")
    expect(page.locator(".tree")).to_contain_text(first)
    page.get_by_role("button", name="Make a version of it").click()
    page.wait_for_url(lambda url: not url.endswith(second))
    client.wait_for_status(_id_on(page), "succeeded")

    visitor.opens(f"/ui/training-jobs?model={NAME}")
    expect(page.locator("table.jobs tbody tr")).to_have_count(3)
    visitor.finds_it_accessible()
    for job_id in (first, second):
        page.locator(f"input[value={job_id}]").check()
    page.get_by_role("button", name="Compare the chosen jobs").click()
    _compares(visitor, page, first, second)


def _id_on(page: Page) -> str:
    """The id of the training job whose page is shown."""
    page.wait_for_url(re.compile(r"/ui/training-jobs/tj_\w+$"))
    return page.url.rpartition("/")[2]


def _fills_the_form(visitor: Visitor, page: Page) -> None:
    page.get_by_label("Epochs", exact=True).fill("0")
    page.get_by_label("Optimizer", exact=True).select_option("SGD")
    page.get_by_text("Other parameters of the optimizer").click()
    page.get_by_label("momentum", exact=True).fill("0.5")
    page.get_by_role("button", name="Train").click()
    expect(page.locator(".field[data-pointer='#/epochs'] .fault")).to_contain_text("must be an integer between 1")
    visitor.finds_it_accessible()
    page.get_by_label("Dataset", exact=True).select_option(NAME)
    page.get_by_label("Epochs", exact=True).fill("200000")
    page.get_by_label("Learning rate", exact=True).fill("0.1")
    shown = page.get_by_role("region", name="JSON")
    expect(shown).to_contain_text('"momentum": 0.5')
    page.get_by_role("button", name="Train").click()


def _watches_and_changes(visitor: Visitor, page: Page, client: Client, job_id: str) -> None:
    expect(page.locator("#charts")).to_have_attribute("data-epoch", re.compile(r"^([2-9]|\d\d+)$"))
    expect(page.locator("#status")).to_have_text("running")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Pause").click()
    expect(page.locator("#status")).to_have_text("paused")
    assert page.locator("#charts figure").count() == 2
    expect(page.get_by_role("img", name=re.compile(r"^loss by epoch"))).to_have_count(1)
    visitor.finds_it_accessible()
    orders = page.locator("#orders")
    orders.get_by_label("Epochs").fill("1")
    orders.get_by_role("button").click()
    expect(orders.locator("[data-pointer='#/epochs'] .fault")).to_contain_text("has already begun")
    orders.get_by_label("Epochs").fill("100000")
    orders.get_by_label("Learning rate").fill("0.01")
    orders.get_by_role("button").click()
    expect(page.locator("#ordered")).to_contain_text("Ordered.")
    page.get_by_label("Logarithmic scale").check()
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Resume").click()
    expect(page.locator("#marks")).to_contain_text("Paused after epoch")
    expect(page.locator("#marks")).to_contain_text("learning rate 0.01")
    with visitor.sees_it_loaded_again():
        page.get_by_role("button", name="Stop and keep").click()
    client.wait_for_status(job_id, "succeeded")
    page.get_by_role("link", name="Version 1").wait_for()
    expect(page.locator("table").last).to_contain_text("naive guess")


def _continues_from_a_snapshot(page: Page, client: Client, job_id: str) -> None:
    epochs = sorted(snapshot["epoch"] for snapshot in client.items(f"/v1/training-jobs/{job_id}/snapshots"))
    page.get_by_label("Epoch of the snapshot").fill("1")
    expect(page.locator("#snapshot-epoch")).to_have_text(f"Epoch {epochs[1]}")
    page.get_by_role("link", name="Train on from here").click()
    expect(page.get_by_label("Training job", exact=True)).to_have_value(job_id)
    expect(page.get_by_label("Epoch", exact=True)).to_have_value(str(epochs[1]))
    page.get_by_label("Epochs", exact=True).fill("3")
    page.get_by_role("button", name="Train").click()


def _compares(visitor: Visitor, page: Page, first: str, second: str) -> None:
    expect(page.locator("#chart canvas")).to_have_count(1)
    table = page.locator("table.compared")
    expect(table).to_contain_text("start_from/training_job")
    sorting = table.get_by_role("button", name="epochs", exact=True)
    rows = table.locator("tbody tr")
    sorting.click()
    expect(rows.first).to_contain_text(second)
    sorting.click()
    expect(rows.first).to_contain_text(first)
    visitor.finds_it_accessible()


def test_the_page_of_a_job_is_light_and_can_be_read_without_scripts(visitor: Visitor, client: Client) -> None:
    client.post("/v1/datasets", named(LINE_DATASET, "jobs-line"))
    client.post("/v1/models", named(LINE, "jobs-line"))
    job = client.train("jobs-line", "jobs-line", 100)
    page = visitor.opens(f"/ui/training-jobs/{job['id']}")
    expect(page.locator("#charts")).to_have_attribute("data-epoch", "100")
    size = page.evaluate("performance.getEntries().reduce((sum, entry) => sum + (entry.transferSize ?? 0), 0)")
    assert size < HEAVIEST
    assert len(visitor.requests) < MOST_REQUESTS
    visitor.finds_it_accessible()
    text = client.request("GET", f"/ui/training-jobs/{job['id']}").text
    assert f"/v1/training-jobs/{job['id']}/curves" in text
    assert "40 of 100 epochs, evenly spaced" in text
    assert "Epoch 100/100" in text
    compared = client.request("GET", f"/ui/training-jobs/compare?jobs={job['id']},tj_none").text
    assert "These training jobs don&#39;t exist: tj_none" in compared
    assert client.request("GET", "/ui/training-jobs/tj_none").status_code == 404
