"""How much faster and smaller int8 variants are than their networks, and whether OpenVINO would be faster still.

    python -m benchmarks.variants [NETWORK …] [--epochs 2] [--folder FOLDER] [--environments FOLDER] [--no-openvino]

Trains the dense MNIST network and the convolutional CIFAR-10 network of benchmarks/training_jobs.py, exports them, and
quantizes them as the service does. A batch of 32 rows is predicted on one thread, by ONNX Runtime as it serves versions
and by OpenVINO in float32, bfloat16 and with the same int8 network; networks of one library take turns, and the figures
are medians. The accuracy is that of all test rows. `--folder` keeps the networks, so that a second run trains nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import BENCHMARKS, DEFAULT_FOLDER, python_of
from benchmarks.training_jobs import JOBS

NETWORKS = ("mnist", "cifar-convolutional")
BATCH = 32
CALIBRATION_ROWS = 512
SEED = 7


def train(name: str, epochs: int, folder: Path) -> None:
    """Write `network.onnx` and `rows.npz`: test rows as `x` with classes `y`, and `calibration`."""
    from models.building import build_network
    from models.export import export_onnx
    from models.limits import Limits
    from models.spec import NetworkSpec
    from models.weights import weight_values

    job = JOBS[name]
    rows, spec = job.load(), NetworkSpec.from_document(job.document)
    network = build_network(spec, Limits(), seed=SEED)
    network.fit(rows.x, rows.y, batch_size=job.batch_size, epochs=epochs, verbose=0)
    export_onnx(spec, weight_values(network), folder / "network.onnx")
    chosen = np.sort(np.random.default_rng(SEED).choice(len(rows.x), CALIBRATION_ROWS, replace=False))
    np.savez(folder / "rows.npz", x=rows.x_test, y=rows.y_test.argmax(axis=1), calibration=rows.x[chosen])


def quantize(folder: Path) -> float:
    """Write `int8.onnx`; returns the seconds that it takes."""
    from models.variants.int8 import quantize as to_int8

    rows = np.load(folder / "rows.npz")["calibration"]
    batches = ({"input": rows[start : start + BATCH]} for start in range(0, len(rows), BATCH))
    start = time.perf_counter()
    to_int8(folder / "network.onnx", batches, folder / "int8.onnx")
    return time.perf_counter() - start


def measure_onnx_runtime(folder: Path) -> dict[str, dict[str, float]]:
    """Milliseconds of a batch and accuracy, for float32 and int8."""
    from models.runtime import OnnxNetwork
    from models.variants.comparing import measure_seconds

    with np.load(folder / "rows.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    networks = {"float32": OnnxNetwork(folder / "network.onnx"), "int8": OnnxNetwork(folder / "int8.onnx")}
    seconds = measure_seconds(list(networks.values()), {"input": x[:BATCH]})
    return {
        name: {"ms": each * 1000, "accuracy": float((network.run({"input": x}).argmax(axis=1) == y).mean())}
        for (name, network), each in zip(networks.items(), seconds, strict=True)
    }


def measure_openvino(folder: Path, environments: Path) -> dict[str, Any]:
    """What benchmarks/serving_peers/openvino_times.py prints."""
    networks = {"float32": "network.onnx:f32", "bfloat16": "network.onnx:bf16", "int8": "int8.onnx:f32"}
    command = [
        python_of("openvino", environments),
        str(BENCHMARKS / "serving_peers" / "openvino_times.py"),
        str(folder / "rows.npz"),
        *(f"{name}={folder / file}" for name, file in networks.items()),
    ]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def describe(name: str, library: str, figures: dict[str, dict[str, float]], base: float) -> list[str]:
    """Lines of the table. Ratios are those to ONNX Runtime's float32."""
    return [
        f"| {name} | {library} | {precision} | {found['ms']:.3f} | {base / found['ms']:.2f} | {found['accuracy']:.4f} |"
        for precision, found in figures.items()
    ]


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variants", description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; default: all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--environments", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--no-openvino", action="store_true")
    arguments = parser.parse_args()
    lines, notes = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.networks or NETWORKS:
            folder = (arguments.folder or Path(temporary)) / name
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "rows.npz").exists():
                print(f"Training {name}", file=sys.stderr, flush=True)
                train(name, arguments.epochs, folder)
            seconds = quantize(folder)
            found = measure_onnx_runtime(folder)
            lines += describe(name, "ONNX Runtime", found, found["float32"]["ms"])
            sizes = [(folder / file).stat().st_size for file in ("network.onnx", "int8.onnx")]
            share = sizes[1] / sizes[0]
            notes.append(f"{name}: {sizes[0]:,} → {sizes[1]:,} bytes ({share:.3f}), quantized in {seconds:.1f} s.")
            if not arguments.no_openvino:
                other = measure_openvino(folder, arguments.environments)
                lines += describe(name, "OpenVINO", other["networks"], found["float32"]["ms"])
                memory = [other[kind] / 2**20 for kind in ("import_bytes", "loading_bytes")]
                load = other["networks"]["float32"]["load_ms"]
                notes.append(
                    f"{name}, OpenVINO: imported in {other['import_seconds']:.2f} s and {memory[0]:.0f} MiB, loaded in "
                    f"{load:.0f} ms and {memory[1]:.0f} MiB."
                )
    print("| network | library | precision | ms of 32 rows | × as fast | accuracy |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    print("\n".join([*lines, "", *notes]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
