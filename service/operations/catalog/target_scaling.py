"""Checks that a dataset's targets can be scaled as a model wants."""

from models.datasets import Dataset
from models.errors import Fault
from models.spec import TargetScaling
from models.target_fitting import find_scaling_problem
from service.context import Context
from service.errors import InvalidRequest
from service.storage import records


def check_target_scaling(context: Context, scaling: TargetScaling, dataset: records.Dataset, pointer: str) -> None:
    """Raise InvalidRequest at `pointer` if the dataset has targets for which the scaling isn't defined."""
    if scaling is not TargetScaling.LOG or dataset.folder is None:
        return  # any number can be scaled otherwise, and the files needn't be read
    problem = find_scaling_problem(scaling, Dataset.open(context.artifacts.folder(dataset.folder)))
    if problem:
        raise InvalidRequest(Fault(problem, pointer))
