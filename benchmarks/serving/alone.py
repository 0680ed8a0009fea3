"""ONNX Runtime alone: what the processors give when nothing is read, written or sent."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.serving.dialects import is_close
from benchmarks.serving.networks import LARGEST_PIXEL, Network

ALONE = "ONNX Runtime alone, no HTTP"
READY_SECONDS = 3
"""After which every process has started and loaded its network."""


def run(onnx: Path, batches: np.ndarray, begin: float, seconds: float) -> tuple[int, np.ndarray]:
    """Predict batch after batch (batches, rows, …) from a moment on; how many, and the outputs of each."""
    from benchmarks.serving_peers.sessions import open_session

    session = open_session(onnx)
    outputs = np.stack([session.run(None, {"input": batch})[0] for batch in batches])
    time.sleep(max(0, begin - time.time()))
    end = time.time() + seconds
    for done in count():
        if time.time() >= end:
            return done, outputs
        session.run(None, {"input": batches[done % len(batches)]})
    raise AssertionError("a count doesn't end")


def measure_alone(
    network: Network, rows: int, processes: int, seconds: float, expected: np.ndarray
) -> tuple[float, int]:
    """Batches a second of so many processes together, and how many of their outputs aren't the expected ones."""
    batches = network.pixels[:, :rows].astype(np.float32) / np.float32(LARGEST_PIXEL)
    begin = time.time() + READY_SECONDS
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        pending = [pool.submit(run, network.onnx, batches, begin, seconds) for _ in range(processes)]
        found = [future.result() for future in pending]
    rate = sum(done for done, _ in found) / seconds
    wrong = sum(not is_close(one, other) for _, outputs in found for one, other in zip(outputs, expected, strict=True))
    return rate, wrong
