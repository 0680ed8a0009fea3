"""The task of an evaluation: it computes the metrics of a version on a split of a dataset."""

from dataclasses import replace
from pathlib import Path

from models.datasets import Dataset
from models.evaluation import evaluate_split
from models.jobs.assignment import Phase
from models.jobs.evaluation import EvaluationAssignment, EvaluationResult
from models.predictor import Predictor
from models.preprocessing.unfamiliar import find_other_units
from models.tasks.channel import Channel
from models.tasks.reporting import Reporter
from models.training.threads import configure_threads
from models.training.vocabulary import check_split
from models.versions import ServedNetwork, TrainedNetwork, load_evaluated, load_served

MOST_WARNINGS = 100


def run(assignment: EvaluationAssignment, folder: Path, channel: Channel) -> EvaluationResult:
    """Evaluate the assignment's version, or its variant, on the split of its dataset.

    Raises IncompleteVersion, InvalidData.
    """
    channel.phase(Phase.BUILD)
    configure_threads(assignment.runtime.threads)
    dataset = Dataset.open(assignment.dataset)
    trained = _load(assignment, dataset)
    check_split(trained.spec, trained.preprocessing, dataset.split(assignment.split), folder)
    channel.phase(Phase.EVALUATE)
    reporter = Reporter(channel)
    evaluation = evaluate_split(
        trained,
        dataset,
        assignment.split,
        folder,
        lambda step, steps: reporter.report(step, steps, step / steps),
        assignment.threshold,
    )
    found = find_other_units(trained.preprocessing, dataset.descriptor)
    warnings = [{"type": type_, "detail": detail} for type_, detail in found]
    return replace(evaluation.to_result(), warnings=warnings[:MOST_WARNINGS])


def _load(assignment: EvaluationAssignment, dataset: Dataset) -> TrainedNetwork | ServedNetwork:
    threads = assignment.runtime.threads
    if assignment.variant is not None:
        return load_served(assignment.version, Predictor.load(assignment.variant, threads), dataset)
    return load_evaluated(assignment.version, dataset, assignment.limits, threads)
