"""Many clients at once, on two api processes and SQLite: no error, no lost update."""

from concurrent.futures import ThreadPoolExecutor

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import Client

CLIENTS = 8
ROUNDS = 2


def test_clients_that_create_read_and_change_at_once_lose_nothing(client: Client) -> None:
    client.post("/v1/datasets", named(LINE_DATASET, "crowd"))
    client.post("/v1/models", named(LINE, "crowd"))

    def session(number: int) -> list[str]:
        mine = Client(client.base_url)
        jobs = []
        for round_ in range(ROUNDS):
            mine.patch("/v1/models/crowd", {"description": f"client {number}, round {round_}"})
            job = mine.start_training("crowd", "crowd", epochs=1)
            mine.patch(f"/v1/training-jobs/{job}", {"desired_status": "running"})
            assert mine.job(job)["id"] == job
            jobs.append(job)
        return jobs

    with ThreadPoolExecutor(CLIENTS) as pool:
        jobs = [job for started in pool.map(session, range(CLIENTS)) for job in started]
    assert len(set(jobs)) == CLIENTS * ROUNDS
    versions = [client.wait_for_status(job, "succeeded")["version"] for job in jobs]
    assert sorted(versions) == list(range(1, CLIENTS * ROUNDS + 1))


def test_clients_that_post_a_model_and_its_job_at_once_wait_for_nothing(client: Client) -> None:
    client.post("/v1/datasets", named(LINE_DATASET, "posted-at-once"), expect=202, wait=0)

    def session(number: int) -> str:
        mine = Client(client.base_url)
        mine.post("/v1/models", named(LINE, f"posted-at-once-{number}"), expect=202, wait=0)
        return mine.start_training(f"posted-at-once-{number}", "posted-at-once", epochs=2)

    with ThreadPoolExecutor(CLIENTS) as pool:
        jobs = list(pool.map(session, range(CLIENTS // 2)))
    assert [client.wait_for_status(job, "succeeded")["version"] for job in jobs] == [1] * len(jobs)


def test_one_of_several_clients_gets_a_name(client: Client) -> None:
    def create(_: int) -> int:
        return Client(client.base_url).request("POST", "/v1/datasets", json=named(LINE_DATASET, "wanted")).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = sorted(pool.map(create, range(CLIENTS)))
    assert statuses == [201, *[409] * (CLIENTS - 1)]


def test_a_list_read_page_by_page_stays_whole_while_others_add_to_it(client: Client) -> None:
    client.post("/v1/datasets", named(LINE_DATASET, "pages"))
    client.post("/v1/models", named(LINE, "pages"))
    before = [client.start_training("pages", "pages", epochs=1) for _ in range(7)]
    page = client.get("/v1/training-jobs?model=pages&limit=3")
    added = client.start_training("pages", "pages", epochs=1)
    seen = [item["id"] for item in page["items"]]
    while page["next"]:
        page = client.get(page["next"])
        seen += [item["id"] for item in page["items"]]
    assert seen == list(reversed(before))
    for job in (*before, added):
        client.request("PATCH", f"/v1/training-jobs/{job}", json={"desired_status": "cancelled"})
