"""Checks that rows are within the vocabularies of layers, before TensorFlow fails at the first unknown number."""

from collections.abc import Mapping
from pathlib import Path

from models.datasets import Split
from models.errors import Fault, InvalidData
from models.preprocessing import Preprocessing
from models.preprocessing.rows import input_rows
from models.spec import NetworkSpec
from models.training.adaptation import parts
from models.training.plan import Rows
from models.vocabulary import vocabularies


def check_split(spec: NetworkSpec, preprocessing: Preprocessing, split: Split, folder: Path) -> None:
    """As check_vocabulary, for the rows of a split; if necessary, a table is encoded in the `folder`."""
    if any(vocabularies(spec)):
        check_vocabulary(spec, input_rows(preprocessing, split, folder))


def check_vocabulary(spec: NetworkSpec, inputs: Mapping[str, Rows]) -> None:
    """Raise InvalidData if rows of an input have numbers that the layer that takes it doesn't know."""
    for vocabulary in vocabularies(spec):
        for part in parts(inputs[vocabulary.input]) if vocabulary.input in inputs else ():
            unknown = part[vocabulary.unknown(part)]
            if len(unknown):
                detail = f"`{vocabulary.input}` has the number {unknown[0]:g}, but {vocabulary}."
                raise InvalidData(Fault(f"{detail} Increase its `{vocabulary.parameter}`, or change the dataset."))
