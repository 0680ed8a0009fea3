"""Triton Inference Server in front of ONNX Runtime as PyTriton has it: functions of this process, bound to Triton.

    python pytriton_server.py FOLDER PORT PROCESSES

Serves every `NETWORK.onnx` in the folder in the Open Inference Protocol v2, each by as many functions as there should
be processes. Runs in an environment with requirements-triton.txt.
"""

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from sessions import open_session

ROWS = 32
Function = Callable[..., list[np.ndarray]]


def make_function(onnx: Path) -> Function:
    """From pixels to the network's raw outputs."""
    session = open_session(onnx)

    @batch
    def predict(input: np.ndarray) -> list[np.ndarray]:
        return [session.run(None, {"input": input / np.float32(255)})[0]]

    return predict


def bind(triton: Triton, onnx: Path, functions: int) -> None:
    session = open_session(onnx)
    shapes = [tuple(values[0].shape[1:]) for values in (session.get_inputs(), session.get_outputs())]
    inputs, outputs = (
        [Tensor(name=name, dtype=np.float32, shape=shape)]
        for name, shape in zip(("input", "output"), shapes, strict=True)
    )
    triton.bind(
        model_name=onnx.stem,
        infer_func=[make_function(onnx) for _ in range(functions)],
        inputs=inputs,
        outputs=outputs,
        config=ModelConfig(max_batch_size=ROWS),
    )


def main(folder: str, port: str, processes: str) -> None:
    # Triton's processes take this Python's modules, and should take its library too.
    os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    configuration = TritonConfig(
        http_address="127.0.0.1", http_port=int(port), allow_grpc=False, allow_metrics=False, log_verbose=0
    )
    with Triton(config=configuration) as triton:
        for onnx in sorted(Path(folder).glob("*.onnx")):
            bind(triton, onnx, int(processes))
        triton.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
