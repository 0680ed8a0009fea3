"""What the api's processes count is one sum to every client, whichever process answers it."""

import signal
from pathlib import Path

import psutil

from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.metrics_page import Page

AT_ONCE = 12


def predict_and_count(server: Server, already: int) -> None:
    """Each request has a connection of its own, so that the processes share them."""
    for number in range(already + 1, already + AT_ONCE + 1):
        assert server.post("/v1/models/line:predict", {"instances": [[1], [2]]}).status_code == 200
        (found,) = server.get("/v2/models/line/stats").json()["model_stats"]
        assert (found["execution_count"], found["inference_count"]) == (number, 2 * number)
        assert [(entry["batch_size"], entry["compute_infer"]["count"]) for entry in found["batch_stats"]] == [
            (2, number)
        ]
        metrics = Page(server.get("/metrics").text)
        route = {"route": "/v1/models/{name}:predict", "method": "POST", "status": 200}
        assert metrics.value("fitserve_http_requests_total", **route) == number
        assert metrics.value("fitserve_predictions_total", model="line", outcome="success") == number
        assert metrics.value("fitserve_prediction_rows_total", model="line") == 2 * number


def test_statistics_and_metrics_are_summed_over_processes_also_when_one_is_restarted(tmp_path: Path) -> None:
    with running_api(tmp_path, api_processes=2) as server, FakeWorker(server.context):
        assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
        assert server.post("/v1/models", LINE, "wait=20").status_code == 201
        assert server.post("/v1/training-jobs", TRAINING, "wait=30").status_code == 201
        predict_and_count(server, 0)
        parent = psutil.Process(server.process.pid)
        before = {child.pid for child in parent.children()}
        ended = min(before)
        psutil.Process(ended).send_signal(signal.SIGTERM)
        wait_for(lambda: len({child.pid for child in parent.children()} - {ended}) == 2, what="another process")
        wait_for(lambda: not psutil.pid_exists(ended), what="the process to end")
        wait_for(server.answers, what="the api to answer")
        predict_and_count(server, AT_ONCE)
        metrics = Page(server.get("/metrics").text)
        assert metrics.value("fitserve_api_processes") == 2
        assert metrics.value("fitserve_loaded_versions") in (1, 2)
        assert metrics.value("fitserve_process_memory_bytes", process="api") > 2 * metrics.value(
            "fitserve_process_memory_bytes", process="api_master"
        )
