"""ONNX Runtime as every peer has it: a session for each `NETWORK.onnx` in a folder, one thread a prediction."""

from pathlib import Path

import onnxruntime


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """A session that computes in the thread that asks: the processes are what share the processors."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_sessions(folder: Path) -> dict[str, onnxruntime.InferenceSession]:
    """The sessions of a folder by the networks' names."""
    return {path.stem: open_session(path) for path in folder.glob("*.onnx")}
