"""Triton Inference Server in front of ONNX Runtime.

    python triton_server.py FOLDER PORT PROCESSES

Serves every `NETWORK.onnx` in the folder in the Open Inference Protocol v2, from a model repository that it writes to
`triton` within the folder. Runs in an environment with requirements-triton.txt. PyTriton's package holds a whole Triton
and of its backends the one for Python alone; each instance is a process of that backend with ONNX Runtime in it.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import onnxruntime
import pytriton
from sessions import open_session

HERE = Path(__file__).parent
TRITON = Path(pytriton.__file__).parent / "tritonserver"
LIBRARIES = TRITON.parents[1] / "nvidia_pytriton.libs"
STUB = "triton_python_backend_stub"
CONFIGURATION = """
backend: "python"
max_batch_size: 32
input {{ name: "input" data_type: TYPE_FP32 dims: {inputs} }}
output {{ name: "output" data_type: TYPE_FP32 dims: {outputs} }}
instance_group {{ kind: KIND_CPU count: {processes} }}
parameters {{ key: "onnx" value {{ string_value: "{onnx}" }} }}
"""


def write_model(onnx: Path, models: Path, processes: int) -> None:
    """The folder of a model, as Triton wants it."""
    folder = models / onnx.stem
    (folder / "1").mkdir(parents=True)
    shutil.copy(HERE / "triton_model.py", folder / "1" / "model.py")
    shutil.copy(HERE / "sessions.py", folder / "1")
    session = open_session(onnx)
    inputs, outputs = (dimensions(values[0]) for values in (session.get_inputs(), session.get_outputs()))
    configuration = CONFIGURATION.format(inputs=inputs, outputs=outputs, processes=processes, onnx=onnx)
    (folder / "config.pbtxt").write_text(configuration)


def dimensions(value: onnxruntime.NodeArg) -> list[int]:
    """Those of one row."""
    return list(value.shape[1:])


def main(folder: str, port: str, processes: str) -> None:
    workspace = Path(folder) / "triton"
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(TRITON / "backends", workspace / "backends")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(TRITON / "python_backend_stubs" / version / STUB, workspace / "backends" / "python" / STUB)
    for onnx in Path(folder).glob("*.onnx"):
        write_model(onnx, workspace / "models", int(processes))
    options = {
        "model-repository": workspace / "models",
        "backend-directory": workspace / "backends",
        "backend-config": f"python,shm-region-prefix-name=benchmark-{port}",
        "http-address": "127.0.0.1",
        "http-port": port,
        "allow-grpc": "false",
        "allow-metrics": "false",
        "log-info": "false",
    }
    # The backend's processes take the modules of the Python that PATH names first, and should take its library too.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    libraries = os.pathsep.join([str(LIBRARIES), sysconfig.get_config_var("LIBDIR")])
    environment = os.environ | {"LD_LIBRARY_PATH": libraries, "PATH": path}
    server = str(TRITON / "bin" / "tritonserver")
    os.execve(server, [server, *(f"--{name}={value}" for name, value in options.items())], environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
