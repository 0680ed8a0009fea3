"""The preprocessing of a network whose inputs have no columns, for a table: by position, not by name."""

from models.datasets import SPLITS, Dataset
from models.preprocessing.dataset_inputs import table_columns
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.table_input import PostedTable, TableInput
from models.preprocessing.tensor_input import TensorInput
from models.spec import InputSpec, Scaling


def fit_to_dataset(preprocessing: Preprocessing, dataset: Dataset) -> Preprocessing:
    """The preprocessing of a version for a dataset that fits (compatibility.check_inputs_fit).

    A network that has learned nothing of the numbers of its single input, as one from a file, takes the columns of a
    table in order.
    """
    descriptor = dataset.descriptor
    if not descriptor.is_table or not takes_columns(preprocessing):
        return preprocessing
    ((name, input_),) = preprocessing.inputs.items()
    columns = table_columns(descriptor)
    some = next(dataset.split(split) for split in SPLITS if descriptor.splits[split])
    posted = PostedTable.of(descriptor, columns)
    spec = InputSpec(input_.shape, Scaling(input_.scaling))
    return Preprocessing({name: TableInput.fit(spec, columns, some.table or {}, posted)})


def takes_columns(preprocessing: Preprocessing) -> bool:
    """Whether the only input is of plain numbers, with a scaling that was learned from no rows."""
    if len(preprocessing.inputs) != 1:
        return False
    (input_,) = preprocessing.inputs.values()
    return isinstance(input_, TensorInput) and input_.rows is None and input_.scaling is not Scaling.STANDARD
