"""The direction in which a monitored metric improves."""

import math

from models.catalogue import load_catalogue
from models.spec import NetworkSpec, TargetScaling

HIGHER_IS_BETTER = frozenset(
    {
        "AUC",
        "Accuracy",
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "ConcordanceCorrelation",
        "CosineSimilarity",
        "F1Score",
        "FBetaScore",
        "PearsonCorrelation",
        "Precision",
        "PrecisionAtRecall",
        "R2Score",
        "Recall",
        "RecallAtPrecision",
        "SensitivityAtSpecificity",
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
        "SpecificityAtSensitivity",
        "TopKCategoricalAccuracy",
        "TrueNegatives",
        "TruePositives",
    }
)
"""The catalogue's metrics for which higher is better; for the others and the loss, lower is better."""

MAX, MIN = "max", "min"


def monitored_names(spec: NetworkSpec, validated: bool) -> list[str]:
    """The names of the metrics that a training of the network logs, which can be monitored."""
    losses = ["loss"] if spec.target_scaling is TargetScaling.NONE else ["loss", "scaled_loss"]
    logged = [*losses, *_metric_types(spec)]
    return [*logged, *(f"val_{name}" for name in logged)] if validated else logged


def find_mode(spec: NetworkSpec, monitor: str) -> str:
    """`max` or `min`, for Keras's callbacks, which know it only for some metrics."""
    type_ = _metric_types(spec).get(monitor.removeprefix("val_"))
    return MAX if type_ in HIGHER_IS_BETTER else MIN


def is_better(value: float, best: float | None, mode: str) -> bool:
    """Whether a monitored value is better than the best one before it; values that aren't finite never are."""
    if not math.isfinite(value):
        return False
    return best is None or (value > best if mode == MAX else value < best)


def _metric_types(spec: NetworkSpec) -> dict[str, str]:
    """The catalogue's types of the network's metrics, by their names in the log."""
    found = {m.parameters.get("name") or m.type: load_catalogue().find("metric", m.type) for m in spec.metrics}
    return {name: entry.type for name, entry in found.items() if entry is not None}
