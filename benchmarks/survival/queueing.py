"""A full queue is processed in order, without memory growth."""

import argparse
import random
import time
from pathlib import Path

from benchmarks.serving.report import Row, Rows
from benchmarks.survival.jobs import count_each, wait_for_all
from tests.journeys.specs import RINGS, RINGS_DATASET
from tests.running_service import RunningService, running_service

PRIORITIES = (1, 5, 9)
QUEUED_EPOCHS = 60


def queue(folder: Path, arguments: argparse.Namespace) -> Rows:
    """A full queue is processed in order, without memory growth."""
    count = arguments.jobs or 200
    with running_service(folder) as service:
        client = service.client
        client.post("/v1/datasets", RINGS_DATASET)
        client.post("/v1/models", RINGS)
        client.train("rings", "rings", epochs=QUEUED_EPOCHS)
        before = memory(service)
        first = client.start_training("rings", "rings", epochs=100_000, priority=9)
        client.wait_for_first_epoch(first)
        random_ = random.Random(arguments.seed)
        began = time.monotonic()
        priorities = {
            client.start_training("rings", "rings", epochs=QUEUED_EPOCHS, priority=priority): priority
            for priority in random_.choices(PRIORITIES, k=count)
        }
        yield Row("queued", f"{count} jobs in {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        client.patch(f"/v1/training-jobs/{first}", {"desired_status": "cancelled"})
        jobs = wait_for_all(client, list(priorities))
        yield Row("all ended", f"after {time.monotonic() - began:.0f} s")
        yield Row("ended as", count_each(job["status"] for job in jobs))
        by_start = [job["id"] for job in sorted(jobs, key=lambda job: job["started_at"])]
        wanted = sorted(priorities, key=lambda job_id: -priorities[job_id])
        yield Row("started in order of priority, then of age", str(by_start == wanted))
        after = memory(service)
        for part, size in before.items():
            yield Row(f"memory of the {part} before and after (PSS)", f"{size:.0f} MB, {after[part]:.0f} MB")


def memory(service: RunningService) -> dict[str, float]:
    """Proportional set sizes in MB: of the supervisor, and of all api processes."""
    api = service.part("api")
    processes = {"supervisor": [service.part("worker")], "api": [api, *api.children(recursive=True)]}
    return {part: sum(one.memory_full_info().pss for one in several) / 1e6 for part, several in processes.items()}
