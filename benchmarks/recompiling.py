"""What compiling a network costs, the first time and in the next training of it.

    python -m benchmarks.recompiling [--rounds 5]

A real service trains the dense MNIST network: as a graph, compiled without kept code, and compiled again. The first
epoch also traces the network, and begins with cold memory. So what compiling costs is what the first epoch takes
longer than the median of the others, minus the same as a graph. The figures are medians. MNIST is read from
`mnist.npz` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from tests.journeys.specs import DIGITS
from tests.reference_data import make_keras_home
from tests.running_service import RunningService, running_service

EPOCHS, BATCH_SIZE = 4, 128
SIDES = {"graph": "graph", "compiled, first": "compiled", "compiled again": "compiled"}
"""The `execution` of each training, in this order."""


def measure(service: RunningService, execution: str) -> float:
    """By how many seconds the first epoch of a training exceeds the median of the others."""
    name = str(DIGITS["name"])
    job = service.client.train(name, "mnist", EPOCHS, batch_size=BATCH_SIZE, execution=execution)
    first, *others = (epoch["seconds"] for epoch in service.client.get(job["links"]["metrics"])["epochs"])
    return float(first - statistics.median(others))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "var", make_keras_home(Path(folder))) as service,
    ):
        service.client.post("/v1/datasets", {"name": "mnist", "source": "mnist"}, wait=60)
        service.client.post("/v1/models", DIGITS, wait=60)
        for _ in range(arguments.rounds):
            shutil.rmtree(service.data_dir / "compiled", ignore_errors=True)
            for side, execution in SIDES.items():
                found[side].append(measure(service, execution))
    print("| training | first epoch longer by | compiling |\n| --- | --- | --- |")
    for side, seconds in found.items():
        compiling = statistics.median(each - graph for each, graph in zip(seconds, found["graph"], strict=True))
        shown = "–" if side == "graph" else f"{compiling:.2f} s"
        print(f"| {side} | {statistics.median(seconds):.2f} s | {shown} |")


if __name__ == "__main__":
    main()
