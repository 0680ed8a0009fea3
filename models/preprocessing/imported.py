"""The preprocessing of an imported network for a dataset, which it has never seen: by position, not by name."""

from models.datasets import SPLITS, Dataset
from models.preprocessing.dataset_inputs import table_columns
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.table_input import PostedTable, TableInput
from models.spec import InputSpec


def fit_to_dataset(preprocessing: Preprocessing, dataset: Dataset) -> Preprocessing:
    """The preprocessing of an imported network for a dataset that fits (compatibility.check_inputs_fit).

    A network with a single input takes a dataset's single input, whatever the names of both; that of a table are its
    columns of numbers, in order.
    """
    if len(preprocessing.inputs) > 1:
        return preprocessing
    ((name, input_),) = preprocessing.inputs.items()
    descriptor = dataset.descriptor
    if descriptor["kind"] != "table":
        return preprocessing
    columns = table_columns(descriptor)
    some = next(dataset.split(split) for split in SPLITS if descriptor["splits"][split])
    posted = PostedTable.of(descriptor, columns)
    return Preprocessing({name: TableInput.fit(InputSpec(input_.shape), columns, some.table or {}, posted)})
