"""What bfloat16 costs in accuracy: the convolutional network on CIFAR-10 in both precisions, with the same seeds.

    python -m benchmarks.bfloat16_accuracy [--epochs 10] [--seeds 1 2 3]

Rows, network and execution are those of `cifar-convolutional` in benchmarks.training_speed. The accuracy is that of the
test rows. Pictures are read from `cifar10-images.zip` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import statistics

from benchmarks.training_jobs import JOBS, Rows
from benchmarks.training_speed import Unwatched
from models.building import build_network
from models.limits import Limits
from models.spec import SINGLE_INPUT, NetworkSpec
from models.training.evaluation import NetworkEvaluation
from models.training.execution import choose_execution
from models.training.loop import train
from models.training.plan import Arrays, TrainingPlan
from models.training.precision import find_bfloat16_layers

JOB = JOBS["cifar-convolutional"]
EVALUATED_AT_ONCE = 1024


def measure(rows: Rows, seed: int, epochs: int, bfloat16: bool) -> float:
    """The accuracy after a training."""
    training, test = Arrays({SINGLE_INPUT: rows.x}, rows.y), Arrays({SINGLE_INPUT: rows.x_test}, rows.y_test)
    spec = NetworkSpec.from_document(JOB.document)
    network = build_network(spec, Limits(), seed=seed)
    execution, _ = choose_execution(spec, training.rows, JOB.batch_size, epochs, network.count_params())
    lowered = find_bfloat16_layers(spec) if bfloat16 else ()
    plan = TrainingPlan(epochs, JOB.batch_size, True, seed, execution, fused=True, bfloat16_layers=lowered)
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
        whole, half = (measure(rows, seed, arguments.epochs, bfloat16) for bfloat16 in (False, True))
        differences.append(half - whole)
        print(f"| {seed} | {whole:.4f} | {half:.4f} | {half - whole:+.4f} |", flush=True)
    print(f"| mean | | | {statistics.mean(differences):+.4f} |")


if __name__ == "__main__":
    main()
