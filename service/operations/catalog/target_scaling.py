"""Checks that a dataset's targets can be scaled as a model wants."""

from models.datasets import Dataset
from models.errors import Fault
from models.spec import TargetScaling
from models.target_fitting import find_scaling_problem
from service.context import Context
from service.errors import InvalidRequest
from service.operations.stored_files import unless_deleted
from service.storage import datasets, records

Data = records.Dataset | records.DatasetVersion | None


def check_target_scaling(context: Context, scaling: TargetScaling, data: Data, pointer: str) -> None:
    """Raise InvalidRequest at `pointer` if the data has targets for which the scaling isn't defined.
    Raises NotFound if the data was deleted meanwhile."""
    if scaling is not TargetScaling.LOG or data is None or data.folder is None:
        return  # any number can be scaled otherwise, and the files needn't be read
    key = data.folder
    with unless_deleted(context, "The dataset", lambda session: key in datasets.folders(session)):
        problem = find_scaling_problem(scaling, Dataset.open(context.artifacts.folder(key)))
    if problem:
        raise InvalidRequest(Fault(problem, pointer))
