"""The service against mutations: of each upload format, of specs, of predictions in each protocol, and of raw HTTP.

Hypothesis draws the requests, and reduces one that fails to the smallest that does. Every single request has a limit on
time and memory. `FITSERVE_TEST_FUZZ_EXAMPLES` sets how many are sent, `FITSERVE_TEST_FUZZ_SEED` which.
`FITSERVE_TEST_FUZZ_SECONDS` makes each fuzzer go on with other seeds for that time.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from tests.fuzzing import (
    arrays,
    batches,
    files_of_rows,
    keras_networks,
    largest,
    onnx_networks,
    predictions,
    raw_http,
    specs,
    tables,
)
from tests.fuzzing.request import RawRequest, Request
from tests.fuzzing.versions import make_versions
from tests.fuzzing.watched_service import WatchedService
from tests.running_service import running_service

EXAMPLES = int(os.environ.get("FITSERVE_TEST_FUZZ_EXAMPLES") or 5)
SECONDS = float(os.environ.get("FITSERVE_TEST_FUZZ_SECONDS") or 0)
SEED = int(os.environ.get("FITSERVE_TEST_FUZZ_SEED") or 1)
LIMITS = {
    "api_processes": "1",
    "dataset_downloads": "false",
    "max_activations_per_row": "100000",
    "max_layers": "50",
    "max_parameters": "100000",
    "max_recurrent_steps": "200",
    "max_rows": "1000000",
    "poll_seconds": "0.02",
}
"""Networks and generated datasets are small, so that none takes long to make. All other limits are the defaults."""
IMPORT_SECONDS = BUILD_SECONDS = 20.0
NETWORK_SECONDS = 30.0
"""A network from a file is built, exported to ONNX and compared with it; a recurrent one takes seconds."""
PREDICTION_SECONDS = 30.0
"""The default of FITSERVE_PREDICTION_SECONDS."""
QUICK_SECONDS = 5.0
"""The longest that a small request may take."""
LARGEST = 2**18 if EXAMPLES < 50 else 2**24
"""Nodes, cells, numbers or pixels of a large request; tests that run often send smaller ones."""


@dataclass(frozen=True)
class Fuzzer:
    """What requests are drawn, how long each may take, and how many are drawn for each of EXAMPLES."""

    requests: st.SearchStrategy[Any]
    seconds: float
    share: int
    may_be_overloaded: bool = False
    """Whether 503 is a right answer, because the service may not have the memory or the time."""
    made_before: Request | None = None
    """The request for a resource that the others need. It is deleted at the end."""


FUZZERS = {
    "csv": Fuzzer(tables.CSV, IMPORT_SECONDS, 1),
    "json": Fuzzer(tables.JSON, IMPORT_SECONDS, 1),
    "json-lines": Fuzzer(tables.JSON_LINES, IMPORT_SECONDS, 1),
    "parquet": Fuzzer(tables.PARQUET, IMPORT_SECONDS, 1),
    "several-files": Fuzzer(files_of_rows.several_files(), IMPORT_SECONDS, 1),
    "dataset-version": Fuzzer(files_of_rows.dataset_versions(), IMPORT_SECONDS, 1, made_before=files_of_rows.GROWING),
    "npz": Fuzzer(arrays.NPZ, IMPORT_SECONDS, 1),
    "picture-zip": Fuzzer(arrays.PICTURE_ZIP, IMPORT_SECONDS, 1),
    "batch-prediction": Fuzzer(batches.batch_predictions(), IMPORT_SECONDS, 2),
    "dataset": Fuzzer(specs.datasets(), IMPORT_SECONDS, 1),
    "model": Fuzzer(specs.models(), BUILD_SECONDS, 1),
    "keras-archive": Fuzzer(keras_networks.KERAS_ARCHIVE, NETWORK_SECONDS, 1, made_before=keras_networks.GROWING),
    "keras-hdf5": Fuzzer(keras_networks.KERAS_HDF5, NETWORK_SECONDS, 1, made_before=keras_networks.GROWING),
    "onnx": Fuzzer(onnx_networks.ONNX, NETWORK_SECONDS, 1, made_before=onnx_networks.GROWING),
    "native-json": Fuzzer(predictions.native_json(), QUICK_SECONDS, 10),
    "native-csv": Fuzzer(predictions.native_csv(), QUICK_SECONDS, 10),
    "native-npy": Fuzzer(predictions.native_npy(), QUICK_SECONDS, 10),
    "native-files": Fuzzer(files_of_rows.native_files(), QUICK_SECONDS, 10),
    "native-picture": Fuzzer(predictions.native_picture(), QUICK_SECONDS, 10),
    "tensorflow-serving": Fuzzer(predictions.tensorflow_serving(), QUICK_SECONDS, 10),
    "open-inference-json": Fuzzer(predictions.open_inference_json(), QUICK_SECONDS, 10),
    "open-inference-binary": Fuzzer(predictions.open_inference_binary(), QUICK_SECONDS, 10),
    "raw-http": Fuzzer(raw_http.raw_requests(), QUICK_SECONDS, 10),
    "largest": Fuzzer(largest.large_requests(LARGEST), PREDICTION_SECONDS, 5, may_be_overloaded=True),
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedService]:
    folder = tmp_path_factory.mktemp("mutated")
    with running_service(folder / "var", folder / "keras", **LIMITS) as service:
        make_versions(service.client)
        watched = WatchedService(service)
        with watched.watching():
            yield watched


@pytest.mark.timeout(SECONDS + 300 + 20 * EXAMPLES)
@pytest.mark.parametrize("name", FUZZERS)
def test_no_mutated_request_does_harm(watched: WatchedService, name: str) -> None:
    files = watched.files()
    end = time.monotonic() + SECONDS
    number, fuzzer = SEED, FUZZERS[name]
    with watched.existing(fuzzer.made_before):
        search(watched, fuzzer, number)
        while time.monotonic() < end:
            number += 1
            search(watched, fuzzer, number)
    watched.check_rest(files)


def search(watched: WatchedService, fuzzer: Fuzzer, number: int) -> None:
    """Send requests drawn with the seed `number`, more of those that cost much. A failure names the smallest found."""
    last: list[Request | RawRequest] = []

    @seed(number)
    @settings(
        max_examples=fuzzer.share * EXAMPLES,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzzer.requests)
    def send(request: Request | RawRequest) -> None:
        last[:] = [request]
        if isinstance(request, RawRequest):
            watched.send_raw(request, fuzzer.seconds)
            return
        response = watched.send(request, fuzzer.seconds, may_be_overloaded=fuzzer.may_be_overloaded)
        target(response.seconds, label="seconds")
        target(float(response.grown), label="bytes")

    try:
        send()
    except BaseException as error:
        for request in last:
            error.add_note(f"Seed {number}. To repeat it: {request.to_command(watched.client.base_url)}")
        raise
