"""A network for Triton's Python backend: ONNX Runtime in a process of its own for each instance."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton
from sessions import open_session


class TritonPythonModel:
    """Pixels in, the network's raw outputs out."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        self._session = open_session(Path(parameters["onnx"]["string_value"]))

    def execute(self, requests: list[Any]) -> list[Any]:
        return [triton.InferenceResponse([self._predict(request)]) for request in requests]

    def _predict(self, request: Any) -> Any:
        pixels = triton.get_input_tensor_by_name(request, "input").as_numpy()
        (output,) = self._session.run(None, {"input": pixels / np.float32(255)})
        return triton.Tensor("output", output)
