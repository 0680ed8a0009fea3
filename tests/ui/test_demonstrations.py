"""The demonstrations: three clicks from the overview to a trained network."""

from service.api.ui.reference_jobs import reference_jobs
from tests.running_service import Client
from tests.ui.visitor import Visitor


def test_a_demonstration_trains_and_can_be_run_again(visitor: Visitor, client: Client) -> None:
    page = visitor.opens("/ui/demonstrations")
    card = page.locator("#line")
    card.get_by_role("button", name="Run it").click()
    page.wait_for_url("**/ui/training-jobs/tj_*")
    job_id = page.url.rpartition("/")[2]
    assert client.wait_for_status(job_id, "succeeded")["model"] == "demo-line"
    page = visitor.opens("/ui/demonstrations")
    visitor.expects(409)  # the dataset and the model are there: the page asks the service, and goes on
    card.get_by_role("button", name="Run it again").click()
    page.wait_for_url("**/ui/training-jobs/tj_*")
    again = page.url.rpartition("/")[2]
    assert again != job_id
    client.wait_for_status(again, "succeeded")


def test_each_reference_job_is_valid_and_its_parts_belong_together(client: Client) -> None:
    """Those whose data is downloaded are trained by other tests, where their data is at hand."""
    for job in reference_jobs():
        assert (job.training_job["model"], job.training_job["dataset"]) == (job.model["name"], job.dataset["name"])
        if "dataset" in job.model["input"]:
            assert job.model["input"]["dataset"] == job.dataset["name"]
            client.post("/v1/datasets", job.dataset)
        client.post("/v1/models?dry_run=true", job.model, expect=200)
