"""Runs exported networks with ONNX Runtime, from NumPy arrays to NumPy arrays, without TensorFlow."""

import math
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from models.allowance import check_deadline
from models.errors import DamagedNetwork, Fault, InvalidInstances, describe_problem

ROWS_AT_ONCE = 256
"""The maximum of rows per call, because activations take memory; larger calls were also slower."""


class OnnxNetwork:
    """A network loaded from an ONNX file. It is thread-safe: several threads may run it concurrently.

    A call computes at most `rows_at_once` rows; use fewer for a network with many activations. `input_shapes` are the
    shapes of a row by input, without the batch, `output_shape` that of a row of the output, with -1 for a variable
    length. `bytes` is the size of the file, nearly all of which are the weights that stay in memory. If the file has no
    values of the weights, `weights` has all of them by name. Raises DamagedNetwork if the file isn't a network or
    doesn't exist.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 1,
        rows_at_once: int = ROWS_AT_ONCE,
        weights: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        # ONNX Runtime's threads begin when it is imported, and would not survive a fork of the importing process.
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

        self._invalid_argument: type[Exception] = InvalidArgument
        self.rows_at_once = min(rows_at_once, ROWS_AT_ONCE)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # An arena would never free the memory of the largest request, and waiting threads would spin.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        weights = weights or {}
        try:
            if weights:
                values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
                options.add_external_initializers(list(weights), values)
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self.bytes = path.stat().st_size + sum(array.nbytes for array in weights.values())
        except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
            reason = str(error).replace(str(path), path.name)
            raise DamagedNetwork(f"{path.name} can't be loaded as an ONNX network: {reason}.") from error
        self.input_shapes: dict[str, tuple[int, ...]] = {
            input_.name: tuple(input_.shape[1:]) for input_ in self._session.get_inputs()
        }
        shape = self._session.get_outputs()[0].shape[1:]
        self.output_shape: tuple[int, ...] = tuple(length if isinstance(length, int) else -1 for length in shape)

    def run(self, inputs: dict[str, np.ndarray], deadline: float = math.inf) -> np.ndarray:
        """The network's raw output for rows of every input: float32, rows first.

        Raises InvalidInstances if an input is missing or unknown, or if its rows have another shape or lead to a number
        beyond an embedding's `input_dim`; TookTooLong if `deadline` (monotonic clock) passes between two calls.
        """
        rows = self._check(inputs)
        if not rows:
            return np.empty((0, *(max(0, length) for length in self.output_shape)), np.float32)
        arrays = self._typed(inputs)
        most = self.rows_at_once
        if rows <= most:
            return self._run(arrays)
        outputs = []
        for start in range(0, rows, most):
            check_deadline(deadline)
            outputs.append(self._run({name: array[start : start + most] for name, array in arrays.items()}))
        return np.concatenate(outputs)

    def _typed(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inputs in the types that the network takes."""
        return {name: np.asarray(array, np.float32) for name, array in inputs.items()}

    def _run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        try:
            output: np.ndarray = self._session.run(None, inputs)[0]
        except self._invalid_argument as error:
            if not LOOKUP.search(str(error)):
                raise
            detail = "The rows have numbers that a layer doesn't know: they exceed an Embedding's `input_dim`."
            raise InvalidInstances(Fault(detail)) from error
        return output

    def _check(self, inputs: dict[str, np.ndarray]) -> int:
        """Check the inputs and return their number of rows."""
        if inputs.keys() != self.input_shapes.keys():
            detail = f"The network takes the inputs {', '.join(self.input_shapes)}, not {', '.join(inputs)}."
            raise InvalidInstances(Fault(detail))
        rows = len(next(iter(inputs.values())))
        for name, array in inputs.items():
            if len(array) != rows:
                raise InvalidInstances(Fault("The inputs differ in how many rows they have."))
            if array.shape[1:] != self.input_shapes[name]:
                detail = (
                    f"A row of `{name}` has the shape {list(self.input_shapes[name])}, not {list(array.shape[1:])}."
                )
                raise InvalidInstances(Fault(detail))
        return rows


LOOKUP = re.compile(r"running Gather node\. Name:'[^']*/")
"""The message if an Embedding's lookup fails: its node is named by the layer's path. Gathers that ONNX Runtime's
optimizer makes have names without a slash."""
SOURCE = re.compile(r"/onnxruntime_src/\S+:\d+ [^)]*\)(?: const)?(?: \[with [^\]]*\])? ")
"""The place in ONNX Runtime's source that begins its messages."""
PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
OPSETS = re.compile(r"Current official support for domain \S+ is till opset \d+")
INPUT_TYPES: dict[str, type[np.floating]] = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def explain(error: Exception) -> str:
    """ONNX Runtime's message, for use within a sentence."""
    text = str(error)
    found = OPSETS.search(text)
    return found[0] if found else describe_problem(ValueError(SOURCE.sub("", PREFIX.sub("", text))))


class ImportedOnnxNetwork(OnnxNetwork):
    """A network from an ONNX file that someone else made: what it can compute isn't known from a spec.

    It takes float32 or float64 (models/model_files/onnx_inputs.py).
    """

    @cached_property
    def _types(self) -> dict[str, type[np.floating]]:
        return {input_.name: INPUT_TYPES[input_.type] for input_ in self._session.get_inputs()}

    def _typed(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.asarray(array, self._types[name]) for name, array in inputs.items()}

    def _run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        try:
            output: np.ndarray = self._session.run(None, inputs)[0]
        except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
            detail = f"The network can't compute these rows: {explain(error)}."
            raise InvalidInstances(Fault(detail)) from error
        wanted = (len(next(iter(inputs.values()))), *self.output_shape)
        if output.shape != wanted:
            detail = f"The network's output has the shape {list(output.shape)} for these rows, not {list(wanted)}."
            raise InvalidInstances(Fault(detail))
        return output
