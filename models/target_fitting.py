"""Fits the scale of a regression's targets to a dataset, and finds targets that can't be scaled."""

import numpy as np

from models.datasets import SPLITS, Dataset
from models.errors import Fault, InvalidData
from models.spec import NetworkSpec, TargetScaling
from models.target_scale import BELOW_LOG, TargetScale
from models.targets import number_shape


def fit_scale(spec: NetworkSpec, dataset: Dataset) -> TargetScale | None:
    """The scale of the spec's target scaling, fitted to the dataset's training rows; None without scaling.

    Raises InvalidData if there are targets that it can't scale.
    """
    if spec.target_scaling is TargetScaling.NONE:
        return None
    if problem := find_scaling_problem(spec.target_scaling, dataset):
        raise InvalidData(Fault(problem, "#/dataset"))
    targets = dataset.targets("train")
    shape = number_shape(dataset.descriptor.target)
    return TargetScale.fit(spec.target_scaling, np.asarray(targets).reshape(len(targets), *shape))


def find_scaling_problem(scaling: TargetScaling, dataset: Dataset) -> str | None:
    """Why a target of numbers can't be scaled in this way, as a sentence with the count of rows; None if it can."""
    target = dataset.descriptor.target
    least = min(target.labels) if target.type == "category" else target.min or 0
    if scaling is not TargetScaling.LOG or least > BELOW_LOG:
        return None
    rows = count_below_log(dataset)
    many = f"{rows:,} row{'s have' if rows != 1 else ' has'} a value of {BELOW_LOG} or less in the target"
    return f'{many} "{target.name}", but the target scaling "log" needs values above {BELOW_LOG}: use "standard".'


def count_below_log(dataset: Dataset) -> int:
    """The rows of all splits with a number that has no logarithm after adding 1."""
    splits = (np.asarray(dataset.targets(name)) for name in SPLITS)
    return sum(int((split.reshape(len(split), -1) <= BELOW_LOG).any(axis=1).sum()) for split in splits if len(split))
