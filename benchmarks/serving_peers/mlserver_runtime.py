"""MLServer in front of ONNX Runtime.

    python mlserver_runtime.py FOLDER PORT PROCESSES

Serves every `NETWORK.onnx` in the folder in the Open Inference Protocol v2. Runs in an environment with
requirements-mlserver.txt.
"""

import asyncio
import sys
from pathlib import Path

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from sessions import open_session


class OnnxRuntime(MLModel):
    """A network by its ONNX file, which takes pixels."""

    async def load(self) -> bool:
        self._session = open_session(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        pixels = NumpyCodec.decode_input(payload.inputs[0])
        output = self._session.run(None, {"input": pixels / np.float32(255)})[0]
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("output", output)]
        )


async def main(folder: str, port: str, processes: str) -> None:
    settings = Settings(
        host="127.0.0.1",
        http_port=int(port),
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=int(processes),
        debug=False,
    )
    networks = [
        ModelSettings(
            name=path.stem, implementation="mlserver_runtime.OnnxRuntime", parameters=ModelParameters(uri=str(path))
        )
        for path in sorted(Path(folder).glob("*.onnx"))
    ]
    await MLServer(settings).start(networks)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
