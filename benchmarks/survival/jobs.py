"""What the parts do with training jobs: start them, wait for them, and compare their weights."""

import hashlib
import io
from collections import Counter
from typing import Any

import numpy as np

from tests.running_service import FINAL, Client, wait_for

JOBS_SECONDS = 3600


def wait_for_all(client: Client, job_ids: list[str]) -> list[Any]:
    """Wait until all jobs are final, and return them in that order."""
    wait_for(lambda: all(is_final(client, job_id) for job_id in reversed(job_ids)), JOBS_SECONDS, "all jobs")
    return [client.job(job_id) for job_id in job_ids]


def is_final(client: Client, job_id: str) -> bool:
    final: bool = client.get(f"/v1/training-jobs/{job_id}", headers={"Prefer": "wait=10"})["status"] in FINAL
    return final


def weights_of(client: Client, job: dict[str, Any]) -> str:
    """The SHA-256 of the names and values of a version's weights."""
    response = client.request("GET", job["links"]["version"] + "/weights", headers={"Accept": "application/x-npz"})
    digest = hashlib.sha256()
    with np.load(io.BytesIO(response.content)) as arrays:
        for name in arrays.files:
            digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def count_each(things: Any) -> str:
    """How often each item occurs."""
    return ", ".join(f"{thing}: {number}" for thing, number in sorted(Counter(things).items())) or "none"
