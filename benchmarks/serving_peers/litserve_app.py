"""LitServe in front of ONNX Runtime.

    python litserve_app.py FOLDER PORT PROCESSES

Answers `POST /NETWORK` for every `NETWORK.onnx` in the folder. Runs in an environment with requirements-litserve.txt.
"""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from answers import describe, read_pixels
from sessions import open_session


class Network(litserve.LitAPI):
    """A network by its ONNX file."""

    def __init__(self, path: Path) -> None:
        super().__init__(api_path=f"/{path.stem}")
        self._path = path

    def setup(self, device: str) -> None:
        self._session = open_session(self._path)

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return read_pixels(request["instances"])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._session.run(None, {"input": x})[0]

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"predictions": describe(output)}


def main(folder: str, port: str, processes: str) -> None:
    networks = [Network(path) for path in sorted(Path(folder).glob("*.onnx"))]
    server = litserve.LitServer(networks, accelerator="cpu", workers_per_device=int(processes), timeout=120)
    server.run(
        host="127.0.0.1",
        port=int(port),
        num_api_servers=int(processes),
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
