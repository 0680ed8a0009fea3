"""The first page that a visitor sees, before and after something was trained."""

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import Client
from tests.ui.visitor import Visitor


def test_the_overview_shows_what_runs_and_what_was_trained(visitor: Visitor, client: Client) -> None:
    client.post("/v1/datasets", named(LINE_DATASET, "overview-line"))
    client.post("/v1/models", named(LINE, "overview-line"))
    job_id = client.start_training("overview-line", "overview-line", 1_000_000)
    client.wait_for_first_epoch(job_id)
    page = visitor.opens("/ui")
    card = page.locator(f"[data-job$='{job_id}']")
    card.get_by_text("running", exact=True).wait_for()
    page.wait_for_function("document.querySelector('[data-job] progress').value > 0")
    visitor.finds_it_accessible()
    client.patch(f"/v1/training-jobs/{job_id}", {"desired_status": "stopped"})
    page.get_by_role("link", name="overview-line on overview-line").wait_for()
    client.post("/v1/models", named(LINE, "overview-played", metadata={"made_by": "playground"}))
    page.reload()
    page.get_by_text("of the playground are left out").wait_for()
    assert not page.get_by_role("link", name="overview-played").count()
    visitor.finds_it_accessible()
    assert len(visitor.requests) < 60
