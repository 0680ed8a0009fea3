"""How fast the dashboard is in Chromium, with 1,000 jobs and a job of 100,000 epochs in the database.

    python -m benchmarks.dashboard

The jobs are copies of one that was really done, with 40 epochs each. A new browser without a cache visits each page:
the figures are the time until the first paint, the longest task that blocked the page (the browser's own entries, which
begin at 50 ms), the requests, and the bytes that were transferred, compressed. Of three visits, the one with the
earliest first paint counts. Then a training of `line` is posted, and its page watched: the time from the POST to the
first point on the curve, from an epoch's event until it is drawn, and the longest task meanwhile. Needs Chromium.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import insert, select

from service import statuses
from service.context import Context
from service.storage.records import Event, Job
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import Client, running_service
from tests.service.operations.stocked import make_context, submit, work
from tests.ui.visitor import CHROMIUM

Row = dict[str, Any]

JOBS, EPOCHS = 1_000, 40
LONG, LONG_EPOCHS = "tj_long", 100_000
COMPARED = 100
VISITS = 3
WATCHED_SECONDS = 4
LINE_EPOCHS, LASTING_EPOCHS = 500, 1_000_000
"""Of the line in the tour, and of one that lasts as long as it is watched, which is compiled first."""
FIRST_PAINT, LONG_TASK, BYTES, REQUESTS = 1000, 100, 300_000, 20
"""The bars: milliseconds, milliseconds, bytes, requests."""
FIRST_POINT, DELAY = 1.0, 0.3
"""The bars: seconds from the POST to the first point, and of an epoch's delay."""
SETTLED = 1500
"""Milliseconds after the page was loaded in which it still may be busy."""
PAGES = {
    "overview": "/ui",
    "jobs": "/ui/training-jobs",
    "jobs, filtered": "/ui/training-jobs?status=failed",
    "job, 40 epochs": "/ui/training-jobs/tj_000500",
    "job, 100,000 epochs": f"/ui/training-jobs/{LONG}",
    "compare 100 jobs": "/ui/training-jobs/compare?jobs=" + ",".join(f"tj_{n:06}" for n in range(COMPARED)),
    "new job": "/ui/training-jobs/new",
    "demonstrations": "/ui/demonstrations",
    "datasets": "/ui/datasets",
    "dataset": "/ui/datasets/line",
    "new dataset": "/ui/datasets/new",
    "models": "/ui/models",
    "model": "/ui/models/line",
    "version": "/ui/models/line/versions/1",
    "try": "/ui/models/line/try?version=1",
    "new model": "/ui/models/new",
    "playground": "/ui/playground",
    "ideas": "/ui/ideas",
}
OBSERVE = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({type: "longtask", buffered: true});
window.drawn = [];
addEventListener("DOMContentLoaded", () => {
  const charts = document.getElementById("charts");
  if (!charts) return;
  new MutationObserver(() => requestAnimationFrame(() => window.drawn.push([Number(charts.dataset.epoch), Date.now()])))
    .observe(charts, {attributes: true, attributeFilter: ["data-epoch"]});
});
"""
FIGURES = """() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  longest: window.longest,
  bytes: ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
    .reduce((sum, entry) => sum + entry.transferSize, 0),
})"""


@dataclass(frozen=True)
class Visit:
    """The first visit of a page: milliseconds, bytes, and the number of requests."""

    status: int
    paint: float
    longest: float
    bytes: int
    requests: int

    @property
    def is_good(self) -> bool:
        return (
            self.paint < FIRST_PAINT
            and self.longest <= LONG_TASK
            and self.bytes < BYTES
            and self.requests < REQUESTS
        )  # fmt: skip


@dataclass(frozen=True)
class Watched:
    """A training that a page showed while it ran."""

    delays: list[float]
    """The seconds from the events of the drawn epochs until then."""
    longest: float
    """The milliseconds of the longest task."""

    @property
    def is_good(self) -> bool:
        return statistics.median(self.delays) < DELAY and self.longest <= LONG_TASK


def fill(context: Context) -> None:
    """Write the rows."""
    submit(context, epochs=3)
    work(context)
    with context.database.read() as session:
        job = session.scalars(select(Job).where(Job.kind == "training")).one()
    with context.database.write() as session:
        session.execute(insert(Job), list(_jobs(job)))
        session.execute(insert(Event), list(_events(job)))


def _jobs(job: Job) -> Iterator[Row]:
    for n in range(JOBS):
        failed = n % 10 == 0
        yield _copy(
            job, f"tj_{n:06}", EPOCHS, n,
            status=statuses.FAILED if failed else statuses.SUCCEEDED,
            error={"code": "diverged", "detail": "The loss is no longer finite."} if failed else None,
        )  # fmt: skip
    yield _copy(job, LONG, LONG_EPOCHS, JOBS, last_seq=LONG_EPOCHS + 2)


def _copy(job: Job, job_id: str, epochs: int, seconds: int, **changes: Any) -> Row:
    row = {name: value for name, value in vars(job).items() if not name.startswith("_")}
    progress = {"epoch": epochs, "epochs": epochs, "step": 1, "steps": 1, "fraction": 1.0, "eta_seconds": 0.0}
    return row | {
        "id": job_id,
        "revision": 1,
        "request": job.request | {"epochs": epochs, "seed": seconds, "optimizer": _optimizer(seconds)},
        "progress": progress,
        "metrics": _metrics(epochs),
        "best": {"epoch": epochs, "val_loss": _metrics(epochs)["val_loss"]},
        "created_at": job.created_at + timedelta(seconds=seconds),
        **changes,
    }


def _optimizer(number: int) -> dict[str, Any]:
    return {"type": ("SGD", "Adam")[number % 2], "learning_rate": (0.1, 0.03, 0.01)[number % 3]}


def _metrics(epoch: int) -> dict[str, float]:
    """Curves that fall with some noise."""
    noise = (epoch * 7919 % 101) / 101
    return {
        "loss": 1 / (1 + epoch / 50) + 0.02 * noise,
        "accuracy": 1 - 0.5 / (1 + epoch / 50) - 0.01 * noise,
        "val_loss": 1.1 / (1 + epoch / 50) + 0.03 * noise,
        "val_accuracy": 1 - 0.6 / (1 + epoch / 50) - 0.02 * noise,
    }


def _events(job: Job) -> Iterator[Row]:
    for job_id, epochs in [*((f"tj_{n:06}", EPOCHS) for n in range(JOBS)), (LONG, LONG_EPOCHS)]:
        common: Row = {"job_id": job_id, "at": job.created_at, "run": 0}
        yield common | {"seq": 1, "type": "transition", "epoch": None, "data": {"status": "queued", "reason": None}}
        for epoch in range(1, epochs + 1):
            data = {"epoch": epoch, "seconds": 0.1, **_metrics(epoch), "learning_rate": 0.1}
            yield common | {"seq": epoch + 1, "type": "epoch", "epoch": epoch, "data": data}
        ended = {"status": "succeeded", "reason": None}
        yield common | {"seq": epochs + 2, "type": "transition", "epoch": None, "data": ended}


def visit(browser: Browser, url: str) -> Visit:
    """Visit a page with a new, empty browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(OBSERVE)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    response = page.goto(url, wait_until="load")
    page.wait_for_timeout(SETTLED)
    figures = page.evaluate(FIGURES)
    context.close()
    status = 0 if response is None else response.status
    return Visit(status, figures["paint"] or 0, figures["longest"], figures["bytes"], len(requests))


def see_first_point(browser: Browser, client: Client) -> tuple[float, float]:
    """Post the line of the tour; the seconds until its page has a point on the curve, and until the epoch's event."""
    page = browser.new_page()
    page.goto(f"{client.base_url}/ui/training-jobs")
    posted = time.time()
    job_id = client.start_training("watched", "watched", LINE_EPOCHS)
    page.goto(f"{client.base_url}/ui/training-jobs/{job_id}")
    page.locator("#charts[data-epoch]").wait_for()
    seen = time.time() - posted
    page.close()
    trained = next(event for event in _events_of(client, job_id) if event["type"] == "epoch")
    return seen, _time_of(trained) - posted


def watch_training(browser: Browser, client: Client) -> Watched:
    """Post a training of `line` and look at its page."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(OBSERVE)
    page.goto(f"{client.base_url}/ui/training-jobs")
    job_id = client.start_training("watched", "watched", LASTING_EPOCHS)
    page.goto(f"{client.base_url}/ui/training-jobs/{job_id}")
    page.locator("#charts[data-epoch]").wait_for()
    page.wait_for_timeout(WATCHED_SECONDS * 1000)
    drawn: list[list[float]] = page.evaluate("window.drawn")
    longest: float = page.evaluate("window.longest")
    page.close()
    client.patch(f"/v1/training-jobs/{job_id}", {"desired_status": "cancelled"})
    return Watched(list(_delays(client, job_id, drawn)), longest)


def _delays(client: Client, job_id: str, drawn: list[list[float]]) -> Iterator[float]:
    """The seconds from the event of each drawn epoch until then."""
    wanted = {int(epoch): milliseconds / 1000 for epoch, milliseconds in drawn}
    last = max(wanted)
    for event in _events_of(client, job_id):
        if event["type"] == "epoch" and (epoch := event["data"]["epoch"]) in wanted:
            yield wanted[epoch] - _time_of(event)
            if epoch == last:
                return


def _events_of(client: Client, job_id: str) -> Iterator[Any]:
    following: str | None = f"/v1/training-jobs/{job_id}/events?limit=100"
    while following:
        answer = client.get(following)
        yield from answer["items"]
        following = answer["next"]


def _time_of(event: Any) -> float:
    return datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp()


def main() -> int:
    """Print a line for each page; 1 when one misses a bar."""
    is_good = True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        context = make_context(Path(folder))
        fill(context)
        context.database.close()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with running_service(Path(folder)) as service:
            for name, path in PAGES.items():
                visits = (visit(browser, service.client.base_url + path) for _ in range(VISITS))
                found = min(visits, key=lambda found: found.paint)
                if found.status == 404:
                    continue
                is_good &= found.is_good
                figures = (
                    f"first paint {found.paint:5.0f} ms, longest task {found.longest:4.0f} ms, "
                    f"{found.requests:3} requests, {found.bytes / 1000:6.1f} KB"
                )
                print(f"{name:22} {figures}{'' if found.is_good else '  <- misses a bar'}", flush=True)
            service.client.post("/v1/datasets", named(LINE_DATASET, "watched"))
            service.client.post("/v1/models", named(LINE, "watched"))
            first, trained = see_first_point(browser, service.client)
            print(f"first point after POST {first:.2f} s (its epoch ended after {trained:.2f} s)")
            lasting = watch_training(browser, service.client)
            delays = f"median {statistics.median(lasting.delays):.2f} s, longest {max(lasting.delays):.2f} s"
            print(f"delay of an epoch      {delays}; longest task {lasting.longest:.0f} ms")
            is_good &= first < FIRST_POINT and lasting.is_good
        browser.close()
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
