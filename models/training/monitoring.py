"""Which way a monitored number gets better."""

import math

from models.catalogue import load_catalogue
from models.spec import NetworkSpec

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
"""The catalogue's metrics of which more is better; of the others, and of the loss, less is."""

MAX, MIN = "max", "min"


def monitored_names(spec: NetworkSpec, validated: bool) -> list[str]:
    """What a training of the network logs, by the names that a monitor may have."""
    logged = ["loss", *_metric_types(spec)]
    return [*logged, *(f"val_{name}" for name in logged)] if validated else logged


def find_mode(spec: NetworkSpec, monitor: str) -> str:
    """`max` or `min`, as Keras's callbacks take it: they know it themselves for some metrics only."""
    type_ = _metric_types(spec).get(monitor.removeprefix("val_"))
    return MAX if type_ in HIGHER_IS_BETTER else MIN


def is_better(value: float, best: float | None, mode: str) -> bool:
    """Whether a monitored number beats the best one before it; one that isn't finite beats none."""
    if not math.isfinite(value):
        return False
    return best is None or (value > best if mode == MAX else value < best)


def _metric_types(spec: NetworkSpec) -> dict[str, str]:
    """The catalogue's types of the network's metrics, by the names under which they are logged."""
    found = {m.parameters.get("name") or m.type: load_catalogue().find("metric", m.type) for m in spec.metrics}
    return {name: entry.type for name, entry in found.items() if entry is not None}
