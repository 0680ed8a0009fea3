"""Sources that come with scikit-learn: small and well known; they need no network access."""

import re
from typing import Any

import numpy as np

from models.datasets.examples import Examples
from models.spec import SINGLE_INPUT
from models.tabular.raw_table import RawTable
from models.values.columns import Texts


def iris() -> Examples:
    from sklearn.datasets import load_iris

    return _classified_table(load_iris(), "species")


def wine() -> Examples:
    from sklearn.datasets import load_wine

    return _classified_table(load_wine(), "cultivar")


def breast_cancer() -> Examples:
    from sklearn.datasets import load_breast_cancer

    return _classified_table(load_breast_cancer(), "diagnosis")


def diabetes() -> Examples:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Examples("table", bunch.target, table=_columns(bunch), target_name="progression")


def digits() -> Examples:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Examples("image", bunch.target, tensors={SINGLE_INPUT: bunch.images.astype(np.uint8)}, target_name="digit")


def _classified_table(bunch: Any, target_name: str) -> Examples:
    classes = [_snake_case(str(name)) for name in bunch.target_names]
    targets = Texts(bunch.target, tuple(classes))
    return Examples("table", targets, table=_columns(bunch), target_name=target_name, classes=tuple(classes))


def _columns(bunch: Any) -> RawTable:
    return RawTable.of({_snake_case(name): bunch.data[:, index] for index, name in enumerate(bunch.feature_names)})


def _snake_case(name: str) -> str:
    """`sepal length (cm)` → `sepal_length`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"\(.*?\)", "", name).lower()).strip("_")
