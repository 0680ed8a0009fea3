"""The playground in one browser, and with a whole class.

    python -m benchmarks.playground [--students 30] [--slots 2] [--apart]

First, a browser (Chromium) opens `/ui/playground` and trains the rings for 50 epochs. The figures are its pictures a
second, and what the api's processes compute meanwhile, in cores. Its requests are recorded. Then as many students send
the same requests in the same order at the same moment: each opens the page, trains, follows the events, and asks for
the weights of an epoch once it has been announced, at most 20 times a second. With `--apart`, each has a dataset and a
model of its own; else they share them, as pages with the same settings do.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from playwright.sync_api import Request, sync_playwright

from tests.running_service import RunningService, running_service
from tests.ui.visitor import CHROMIUM

PARTS = ("api", "worker")
PAGE = "/ui/playground"
EPOCHS = 50
CREATED = ("/v1/datasets", "/v1/models")
"""What pages with the same settings share: a conflict says that another one has created it."""
PICTURES_A_SECOND = 20
"""RATE of training.js."""
MOST_SECONDS = 300
WATCH = """() => {
  window.pictures = [];
  const note = () => pictures.push(performance.now());
  new MutationObserver(note).observe(document.getElementById("page"), { attributeFilter: ["data-redraws"] });
}"""


@dataclass(frozen=True)
class Sent:
    """A request that the browser sent: its path with the query, and its body."""

    method: str
    path: str
    body: str | None

    @property
    def epoch(self) -> int:
        """The epoch whose weights it asks for; 0: none."""
        parts = self.path.split("/")
        return int(parts[-2]) if parts[-1] == "weights" else 0


@dataclass(frozen=True)
class Visit:
    """What a browser did: its requests, the recorded job, the times of its pictures, and the api's CPU seconds."""

    sent: list[Sent]
    job: str
    pictures: list[float]
    cpu: float

    def describe(self) -> str:
        seconds = self.pictures[-1] - self.pictures[0]
        pace = (len(self.pictures) - 1) / seconds
        share = self.cpu / seconds
        return f"one browser: {len(self.pictures)} pictures, {pace:.1f} a second; the api uses {share:.0%} of a core"


def cpu_of(service: RunningService, part: str) -> float:
    """The CPU seconds that the processes of a part have used."""
    process = service.part(part)
    # with the children that have ended, as those of jobs
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def visit(service: RunningService) -> Visit:
    """Train the rings in a browser."""
    sent: list[Sent] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: sent.append(_read(request, service.client.base_url)))
        page.goto(service.client.base_url + PAGE)
        page.get_by_text("Press “Train”").wait_for()
        page.evaluate(WATCH)
        page.get_by_role("button", name="Train", exact=True).click()
        page.locator("#page[data-redraws]").wait_for(timeout=MOST_SECONDS * 1000)
        before = cpu_of(service, "api")
        page.locator(f"#page[data-redraws='{EPOCHS}']").wait_for(timeout=MOST_SECONDS * 1000)
        cpu = cpu_of(service, "api") - before
        pictures = [milliseconds / 1000 for milliseconds in page.evaluate("pictures")]
        page.get_by_text("The training has ended").wait_for(timeout=MOST_SECONDS * 1000)
        browser.close()
    job = next(request.path.split("/")[3] for request in sent if request.epoch)
    return Visit(sent, job, pictures, cpu)


def _read(request: Request, base_url: str) -> Sent:
    return Sent(request.method, request.url.removeprefix(base_url), request.post_data)


@dataclass
class Student:
    """A browser that sends the requests of a visit again. `own` is added to the names of its dataset and model."""

    url: str
    visit: Visit
    own: str = ""
    ended_after: float = 0.0
    """Seconds from the first request to the weights of the last epoch."""
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    _job: str = ""
    _epoch: int = 0
    _over: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def study(self, begin: threading.Barrier) -> None:
        """Send the requests as soon as all others have come."""
        begin.wait()
        started = time.monotonic()
        with requests.Session() as session:
            for request in self.visit.sent:
                if request.epoch:
                    time.sleep(1 / PICTURES_A_SECOND)
                self._send(session, request)
                if request.epoch == EPOCHS:
                    self.ended_after = time.monotonic() - started

    def _send(self, session: requests.Session, request: Sent) -> None:
        path = request.path.replace(self.visit.job, self._job)
        self.sent += 1
        if "/events?" in path:
            threading.Thread(target=self._follow, args=(path,), daemon=True).start()
            return
        last = path == f"/v1/training-jobs/{self._job}"
        with self._news:
            self._news.wait_for(lambda: self._over or (not last and self._epoch >= request.epoch), MOST_SECONDS)
        body = self._rename(request.body)
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body else {})
        response = session.request(
            request.method, self.url + self._rename(path), data=body, headers=headers, timeout=60
        )
        is_there = response.status_code == requests.codes.conflict and path in CREATED
        if response.status_code >= requests.codes.bad and not is_there:
            self.faults.append(f"{request.method} {path}: {response.status_code} {response.text[:200]}")
        if request.method == "POST" and path == "/v1/training-jobs":
            self._job = response.json()["id"]

    def _rename(self, words: Any) -> Any:
        """A body or a path with the names and hashes of this student's own resources."""
        if not words or not self.own:
            return words
        for name in _names(self.visit):
            words = words.replace(name, f"{name}{self.own}")
        return words

    def _follow(self, path: str) -> None:
        headers = {"Accept": "text/event-stream"}
        with requests.get(self.url + path, headers=headers, stream=True, timeout=MOST_SECONDS) as response:
            if response.status_code != requests.codes.ok:
                self.faults.append(f"{path}: {response.status_code} {response.text[:200]}")
            kind = ""
            for line in response.iter_lines(decode_unicode=True):
                name, _, value = line.partition(": ")
                kind = value if name == "event" else kind
                if name == "data" and kind == "epoch":
                    self._note(epoch=json.loads(value)["epoch"])
        self._note(over=True)

    def _note(self, epoch: int = 0, over: bool = False) -> None:
        with self._news:
            self._epoch, self._over = max(self._epoch, epoch), self._over or over
            self._news.notify_all()


def _names(visit: Visit) -> Iterator[str]:
    """The hashes in the names of what the visit created."""
    for request in visit.sent:
        if request.method == "POST" and request.path in CREATED:
            yield json.loads(request.body or "")["metadata"]["content"]


def teach(service: RunningService, visit: Visit, students: int, apart: bool) -> list[Student]:
    """Have a class train at the same moment."""
    url, begin = service.client.base_url, threading.Barrier(students)
    members = [Student(url, visit, f"-{number}" if apart else "") for number in range(students)]
    with ThreadPoolExecutor(students) as pool:
        list(pool.map(lambda member: member.study(begin), members))
    return members


def describe(students: Sequence[Student]) -> Iterator[str]:
    """The figures, and every fault."""
    ended = sorted(student.ended_after for student in students)
    first, median, last = ended[0], statistics.median(ended), ended[-1]
    yield f"{len(students)} students with {students[0].sent} requests each see the last epoch:"
    yield f"the first after {first:.1f} s, the median after {median:.1f} s, the last after {last:.1f} s"
    faults = [fault for student in students for fault in student.faults]
    yield f"{len(faults)} faults"
    yield from faults[:20]


@contextmanager
def warm_service(slots: int) -> Iterator[RunningService]:
    """A service whose worker has imported TensorFlow."""
    with tempfile.TemporaryDirectory() as name, running_service(Path(name), worker_slots=str(slots)) as service:
        service.client.post("/v1/datasets", {"name": "warm", "source": "line"})
        yield service


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=30, help="0: only the browser")
    parser.add_argument("--slots", type=int, default=2, help="FITSERVE_WORKER_SLOTS")
    parser.add_argument("--apart", action="store_true", help="each student has a dataset and a model of its own")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        parser.error("Chromium is not installed")
    with warm_service(arguments.slots) as service:
        seen = visit(service)
        print(seen.describe(), flush=True)
        print(f"load of the machine: {psutil.getloadavg()[0]:.1f}", flush=True)
        if not arguments.students:
            return 0
        before = [cpu_of(service, part) for part in PARTS]
        students = teach(service, seen, arguments.students, arguments.apart)
        used = [cpu_of(service, part) - earlier for part, earlier in zip(PARTS, before, strict=True)]
    print("CPU seconds: " + ", ".join(f"{part} {seconds:.1f}" for part, seconds in zip(PARTS, used, strict=True)))
    print(*describe(students), sep="\n")
    return int(any(student.faults for student in students))


if __name__ == "__main__":
    sys.exit(main())
