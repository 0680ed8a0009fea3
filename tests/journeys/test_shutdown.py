"""A service that gets SIGTERM under load cuts off nobody, and its job continues after the restart."""

from pathlib import Path

from benchmarks.shutdown import CORRECT, ENDED, check_job, prepare, shut_down
from tests.running_service import running_service

CONNECTIONS, STREAMS = 8, 20


def test_a_shutdown_under_load_cuts_off_no_request_and_no_stream(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        job_id = prepare(service.client)
        outcome = shut_down(service, job_id, CONNECTIONS, STREAMS)
        assert (outcome.faults, outcome.exit_code) == (0, 0), str(outcome)
        assert outcome.seen[CORRECT] > CONNECTIONS
        assert outcome.seen[ENDED] == STREAMS
        assert outcome.seconds < 10
        service.start()
        check_job(service.wait_until_ready(), job_id)
