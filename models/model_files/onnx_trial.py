"""Runs an imported network for the first time, and measures what a row of it takes.

It runs as the api will run it later, but in a process whose memory and time are limited (onnx_process.py).
"""

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from models.errors import InvalidSpec
from models.limits import Limits
from models.model_files.onnx_checks import refuse
from models.model_files.onnx_inputs import NetworkInputs
from models.runtime import ROWS_AT_ONCE, explain
from models.vocabulary import Vocabulary

TRIED_ROWS = 8
BYTES_AT_ONCE = 40_000_000
"""The bytes of all tensors of one call at most, as for networks that are trained here."""
MOST_SECONDS, SECONDS_AT_ONCE = 5.0, 1.0
"""The longest time that one row, and a call for several rows, may take: a prediction can't be interrupted within it."""
BYTES_PER_NUMBER = 4
LOADED_BYTES = 64 * 1024**2
LOADED_TIMES = 4
"""What a loaded network may take: LOADED_BYTES, and LOADED_TIMES its file."""
CLOSE = 1e-3
SEED = 0


@dataclass(frozen=True)
class Trial:
    """What the first runs show."""

    outputs: np.ndarray
    """The output for random rows, rows first."""
    rows_at_once: int
    notes: tuple[str, ...] = ()


def random_rows(
    inputs: NetworkInputs, ranges: list[Vocabulary], rows: int, *, integers: bool = False
) -> dict[str, np.ndarray]:
    """Random rows of every input, as `network.run` takes them: normally distributed, or 0 and 1 for integers.

    With `integers`, also inputs of floats get 0 and 1, as they may be looked up in a table.
    """
    generator = np.random.default_rng(SEED)
    highest = {name: min((r.size for r in ranges if r.input == name), default=0) for name in inputs.specs}

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if highest[name] or integers:
            return generator.integers(0, min(2, highest[name] or 2), shape)
        return generator.standard_normal(shape)

    return {i.name: draw(i.name, (rows, *i.spec.shape)).astype(i.dtype) for i in inputs.inputs}


class TriedNetwork:
    """A network loaded by ONNX Runtime, with its settings in the api, that also says what its nodes made."""

    def __init__(self, model: ModelProto, folder: Path) -> None:
        """Raises InvalidSpec if ONNX Runtime can't load the network, or needs too much memory for it."""
        import onnxruntime

        self.seconds = 0.0
        """How long the longest run took."""
        data = model.SerializeToString()
        before = _peak_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = 4
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
            raise refuse(f"ONNX Runtime can't load the network: {explain(error)}.") from error
        used, most = _peak_bytes() - before, LOADED_BYTES + LOADED_TIMES * len(data)
        if used > most:
            raise refuse(f"The loaded network takes {used:,} bytes of memory; the limit for its size is {most:,}.")

    def run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Raises InvalidSpec if it fails."""
        rows = len(next(iter(inputs.values())))
        began = time.monotonic()
        try:
            (output,) = self._session.run(None, inputs)
        except Exception as error:  # see above
            raise refuse(f"The network can't compute {_count(rows)} of random numbers: {explain(error)}.") from error
        self.seconds = max(self.seconds, time.monotonic() - began)
        return np.asarray(output)

    def made_bytes(self) -> int:
        """The bytes of the tensors that the nodes of all runs made; the network can't run again."""
        path = Path(self._session.end_profiling())
        try:
            events = json.loads(path.read_bytes())
        finally:
            path.unlink()
        return sum(int(event.get("args", {}).get("output_size", 0)) for event in events)


def try_network(
    model: ModelProto, inputs: NetworkInputs, ranges: list[Vocabulary], limits: Limits, folder: Path
) -> Trial:
    """Run the network on random rows. Raises InvalidSpec at `#/file`."""
    network = TriedNetwork(model, folder)
    rows = random_rows(inputs, ranges, TRIED_ROWS)
    try:
        network.run(_part(rows, 0, 1))
    except InvalidSpec:
        rows = random_rows(inputs, ranges, TRIED_ROWS, integers=True)
    alone = [network.run(_part(rows, row, row + 1)) for row in range(TRIED_ROWS)]
    if network.seconds > MOST_SECONDS:
        raise refuse(f"The network takes {network.seconds:.0f} s for one row; the limit is {MOST_SECONDS:g} s.")
    for output in alone:
        if output.shape != alone[0].shape:
            raise refuse(
                f"The output has the shape {list(output.shape)} for one row, {list(alone[0].shape)} for another."
            )
    row_bytes = network.made_bytes() // TRIED_ROWS
    if row_bytes > limits.activations_per_row * BYTES_PER_NUMBER:
        most = limits.activations_per_row * BYTES_PER_NUMBER
        raise refuse(f"The network makes {row_bytes:,} bytes of tensors for one row; the limit is {most:,}.")
    if inputs.rows == "whole":
        return Trial(np.stack(alone), 1)
    if len(alone[0]) != 1 or alone[0].ndim == 0:
        detail = (
            f"The network's output has the shape {list(alone[0].shape)} for one row: its first axis isn't the rows."
        )
        raise refuse(detail)
    outputs = np.concatenate(alone)
    if inputs.rows == "one":
        return Trial(outputs, 1)
    return _try_together(model, rows, outputs, row_bytes, folder)


def _try_together(
    model: ModelProto, rows: dict[str, np.ndarray], alone: np.ndarray, row_bytes: int, folder: Path
) -> Trial:
    """Compare several rows in one call with the same rows one by one, then find how many to compute at once."""
    together = TriedNetwork(model, folder)
    try:
        found = together.run(rows)
    finally:
        together.made_bytes()
    if found.shape != alone.shape:
        what = f"{list(found.shape)} for {len(alone)} rows and {[1, *alone.shape[1:]]} for one"
        raise refuse(f"The network's output has the shape {what}: its first axis isn't the rows.")
    if not np.allclose(found, alone, CLOSE, CLOSE, equal_nan=True):
        note = "A row's result depends on the other rows, or on chance: rows are computed one by one."
        return Trial(alone, 1, (note,))
    count = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(1, row_bytes)))
    while count > TRIED_ROWS:
        many = {name: np.resize(values, (count, *values.shape[1:])) for name, values in rows.items()}
        if _can_run(TriedNetwork(model, folder), many):
            break
        count //= 2
    return Trial(alone, count)


def _can_run(network: TriedNetwork, rows: dict[str, np.ndarray]) -> bool:
    """Whether the network computes so many rows in one call within the limits."""
    try:
        network.run(rows)
    except InvalidSpec:
        return False
    finally:
        made = network.made_bytes()
    return made <= BYTES_AT_ONCE and network.seconds <= SECONDS_AT_ONCE


def _part(rows: dict[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    return {name: values[start:stop] for name, values in rows.items()}


def _count(rows: int) -> str:
    return "one row" if rows == 1 else f"{rows} rows"


def _peak_bytes() -> int:
    """The most memory that the process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
