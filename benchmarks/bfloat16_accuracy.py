"""What bfloat16 costs in accuracy: the convolutional network on CIFAR-10 in both precisions, with the same seeds.

    python -m benchmarks.bfloat16_accuracy [--epochs 10] [--seeds 1 2 3]

Rows, network and execution are those of `cifar-convolutional` in benchmarks.training_speed. The accuracy is that of the
test rows. Pictures are read from `cifar10-images.zip` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import statistics

from benchmarks.training_jobs import JOBS, Rows
from benchmarks.training_speed import Unwatched, prepare
from models.spec import SINGLE_INPUT
from models.training.evaluation import NetworkEvaluation
from models.training.loop import train
from models.training.plan import BFLOAT16, FLOAT32, Arrays

JOB = JOBS["cifar-convolutional"]
EVALUATED_AT_ONCE = 1024


def measure(rows: Rows, seed: int, epochs: int, precision: str) -> float:
    """The accuracy after a training."""
    training, test = Arrays({SINGLE_INPUT: rows.x}, rows.y), Arrays({SINGLE_INPUT: rows.x_test}, rows.y_test)
    network, plan = prepare(JOB, training.rows, epochs, seed, precision)
    train(network, training, None, plan, Unwatched())
    return float(NetworkEvaluation(network).evaluate(test, EVALUATED_AT_ONCE)["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    rows = JOB.load()
    print("| seed | float32 | bfloat16 | difference |\n| --- | --- | --- | --- |")
    differences = []
    for seed in arguments.seeds:
        whole, half = (measure(rows, seed, arguments.epochs, precision) for precision in (FLOAT32, BFLOAT16))
        differences.append(half - whole)
        print(f"| {seed} | {whole:.4f} | {half:.4f} | {half - whole:+.4f} |", flush=True)
    print(f"| mean | | | {statistics.mean(differences):+.4f} |")


if __name__ == "__main__":
    main()
