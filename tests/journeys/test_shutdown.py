"""A service that gets SIGTERM under load cuts off nobody, and its job can resume where it was."""

import contextlib
from pathlib import Path

from benchmarks.shutdown import CORRECT, ENDED, prepare, shut_down
from service.config import Settings
from service.context import Context
from service.storage import jobs
from service.storage.records import Job
from tests.clusters import needs_folder
from tests.running_service import running_service

CONNECTIONS, STREAMS = 8, 20


def read_job(data_dir: Path, job_id: str) -> Job:
    context = Context.from_settings(Settings(data_dir=data_dir))
    with contextlib.closing(context.database), context.database.read() as session:
        job = jobs.get(session, job_id)
    assert job is not None
    return job


@needs_folder
def test_a_shutdown_under_load_cuts_off_no_request_and_no_stream(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        job_id = prepare(service.client)
        outcome = shut_down(service, job_id, CONNECTIONS, STREAMS)
    assert (outcome.faults, outcome.exit_code) == (0, 0), str(outcome)
    assert outcome.seen[CORRECT] > CONNECTIONS
    assert outcome.seen[ENDED] == STREAMS
    assert outcome.seconds < 10
    job = read_job(tmp_path, job_id)
    assert (job.status, job.status_reason, job.attempt) == ("queued", "worker_shutdown", 1)
    assert job.checkpoint is not None
