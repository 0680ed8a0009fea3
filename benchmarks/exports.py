"""How long exports take, and how fast the exported networks predict, compared with those of an older checkout.

    python -m benchmarks.exports [NETWORK …] [--older CHECKOUT] [--rounds 60] [--folder FOLDER]

Exporting is measured in processes that never import TensorFlow: from a spec and the arrays of `weights.npz` to a synced
file, the first time in a process and the median of later times. With `--older`, an older checkout of this repository
exports the same weights with its own code, and both files predict in turns in one process, on one thread; the figures
are the medians and the median of the ratios of neighbouring predictions. `--folder` keeps the files.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.export_networks import EMBEDDED, NETWORKS, WORDS

ROWS = (1, 32)
EXPORTS = 5
SEED = 7
LEAST_ROUNDS = 5
SECONDS = 20
"""The time for the rounds of one network and number of rows, after LEAST_ROUNDS."""

OLDER = """
import json, sys
from pathlib import Path
from models.building import build_network
from models.limits import Limits
from models.spec import NetworkSpec
from models.weights import assign_weights, named_weights, read_weights
try:
    from models.tracing import export_onnx
except ImportError:
    from models.export import export_onnx
folder = Path(sys.argv[1])
network = build_network(NetworkSpec.from_document(json.loads((folder / "spec.json").read_text())), Limits(), seed=1)
assign_weights(named_weights(network), read_weights(folder / "weights.npz"))
export_onnx(network, folder / "older.onnx")
"""
"""What an older checkout runs, whose export takes a Keras network."""


def make(name: str, folder: Path) -> None:
    """Write `spec.json` and `weights.npz` of a network with random weights."""
    from models.building import build_network
    from models.limits import Limits
    from models.spec import NetworkSpec
    from models.weights import named_weights, save_weights, weight_values

    document = NETWORKS[name]
    network = build_network(NetworkSpec.from_document(document), Limits(), seed=SEED)
    generator = np.random.default_rng(SEED)
    for path, weight in named_weights(network).items():
        if path.endswith(("gamma", "beta", "moving_mean", "moving_variance")):  # else the normalization is trivial
            weight.assign(weight.numpy() + generator.uniform(0, 0.2, weight.shape))
    (folder / "spec.json").write_text(json.dumps(document))
    save_weights(folder / "weights.npz", weight_values(network))


def export(folder: Path) -> dict[str, float]:
    """Export in this process: milliseconds of the first time and the median of later ones, without the imports and the
    catalogue, which the worker's processes have from their parent."""
    from models.catalogue import load_catalogue
    from models.export import export_onnx
    from models.spec import NetworkSpec

    spec = NetworkSpec.from_document(json.loads((folder / "spec.json").read_text()))
    with np.load(folder / "weights.npz") as arrays:
        weights = dict(arrays)
    load_catalogue()
    times = []
    for _ in range(EXPORTS + 1):
        start = time.perf_counter()
        export_onnx(spec, weights, folder / "network.onnx")
        times.append((time.perf_counter() - start) * 1000)
    assert not {"tensorflow", "keras"} & sys.modules.keys()
    return {"first": times[0], "later": statistics.median(times[1:])}


def compare(folder: Path, name: str, rows: int, rounds: int) -> dict[str, float]:
    """Predict with both files in turns: median milliseconds, the median ratio, and the largest difference."""
    from models.runtime import OnnxNetwork

    older, newer = OnnxNetwork(folder / "older.onnx"), OnnxNetwork(folder / "network.onnx")
    ((input_, shape),) = newer.input_shapes.items()
    generator = np.random.default_rng(SEED)
    drawn = generator.integers(0, WORDS, (rows, *shape)) if name in EMBEDDED else generator.random((rows, *shape))
    inputs = {input_: drawn.astype(np.float32)}
    difference = float(np.abs(older.run(inputs) - newer.run(inputs)).max())
    pairs: list[tuple[float, float]] = []
    deadline = time.perf_counter() + SECONDS
    while len(pairs) < rounds and (len(pairs) < LEAST_ROUNDS or time.perf_counter() < deadline):
        times = {}
        for network in (older, newer) if len(pairs) % 2 else (newer, older):
            start = time.perf_counter()
            network.run(inputs)
            times[network] = (time.perf_counter() - start) * 1000
        pairs.append((times[older], times[newer]))
    before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(old / new for old, new in pairs)
    return {"older": before, "newer": after, "ratio": ratio, "difference": difference}


def call(*arguments: str | Path) -> str:
    """The last line that a fresh process of this module prints."""
    command = [sys.executable, "-m", "benchmarks.exports", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().rpartition("\n")[2]


def measure(name: str, folder: Path, older: Path | None, rounds: int) -> None:
    """Measure a network and print its row."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "weights.npz").exists():
        call("--make", name, folder)
    exported = json.loads(call("--export", name, folder))
    row = f"{name:14} export {exported['first']:7.1f} ms first, {exported['later']:7.1f} ms later"
    if older:
        if not (folder / "older.onnx").exists():
            environment = os.environ | {"PYTHONPATH": str(older.resolve())}
            command = [sys.executable, "-c", OLDER, str(folder.resolve())]
            subprocess.run(command, check=True, capture_output=True, cwd=older, env=environment)
        for rows in ROWS:
            found = compare(folder, name, rows, rounds)
            row += f"; {rows} rows {found['older']:.3f} -> {found['newer']:.3f} ms, {found['ratio']:.2f} x"
        row += f"; difference {found['difference']:.0e}"
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--older", type=Path, help="a checkout of an older version")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keeps the files, and uses those that are there")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--export", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.make:
        make(chosen.make[0], Path(chosen.make[1]))
    elif chosen.export:
        print(json.dumps(export(Path(chosen.export[1]))))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = chosen.folder or Path(temporary)
            for name in chosen.networks or NETWORKS:
                measure(name, folder / name, chosen.older, chosen.rounds)


if __name__ == "__main__":
    main()
