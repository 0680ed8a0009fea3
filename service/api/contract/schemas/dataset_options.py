"""The options of a new dataset, for the documentation only: models.datasets validates them."""

from typing import Any

from models.datasets.pictures import CHANNELS, MAX_SIDE
from models.datasets.splits import MAX_SEED, MOST_GROUP_COLUMNS
from models.datasets.tables.options import MAX_WORDS
from models.datasets.tables.window_options import MAX_LISTED, MAX_STEPS
from models.datasets.target_options import DROP, REFUSE
from models.series.calendar import CYCLES
from models.series.window import GAPS
from models.tabular.reading import TYPES
from service.api.contract.fields import LARGEST_FLOAT, TEXT_PATTERN

TEXT: dict[str, Any] = {"type": "string", "maxLength": 1000, "pattern": TEXT_PATTERN}
COLUMN = TEXT | {"description": "A column's name."}
OPTIONAL_COLUMN = COLUMN | {"type": ["string", "null"]}
SHARE = {"type": ["number", "null"], "format": "double", "minimum": 0, "maximum": 1}


def _whole(minimum: int, maximum: int, description: str) -> dict[str, Any]:
    bounds = {"format": "int64", "minimum": minimum, "maximum": maximum}
    return {"type": ["integer", "null"], **bounds, "description": description}


def _options(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"properties": properties, "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": ["array", "null"], "minItems": 1, "maxItems": MAX_LISTED, "uniqueItems": True, "items": items}


PARAMETERS = {
    "additionalProperties": {
        "type": "number",
        "format": "double",
        "minimum": -LARGEST_FLOAT,
        "maximum": LARGEST_FLOAT,
    }
}
SPLIT = _options(
    validation=SHARE | {"description": "The share of validation rows."},
    test=SHARE | {"description": "The share of test rows."},
    seed=_whole(0, MAX_SEED, "The seed of the random split. Default: 0."),
    stratify={"type": ["boolean", "null"], "description": "Whether each split has the same proportions of classes."},
    column=OPTIONAL_COLUMN,
    time_column=OPTIONAL_COLUMN,
    group={
        "type": ["string", "array", "null"],
        "maxLength": 1000,
        "pattern": TEXT_PATTERN,
        "maxItems": MOST_GROUP_COLUMNS,
        "items": COLUMN,
        "description": "One or several columns: rows with equal values in them stay in one split.",
    },
)
TARGET_OPTIONS = _options(
    positive_class={"description": "The positive one of two classes."},
    missing={"type": ["string", "null"], "enum": [REFUSE, DROP, None]},
)
CSV = _options(
    delimiter={"type": ["string", "null"], "minLength": 1, "maxLength": 1, "pattern": TEXT_PATTERN},
    encoding={"type": ["string", "null"], "maxLength": 100, "pattern": TEXT_PATTERN},
    decimal={"type": ["string", "null"], "enum": [".", ",", None]},
    header={"type": ["boolean", "null"], "description": "Whether the first line contains the column names."},
    missing={"type": ["array", "null"], "maxItems": MAX_WORDS, "items": TEXT},
)
WINDOW = _options(
    steps=_whole(1, MAX_STEPS, "The number of rows in a sequence."),
    horizon={
        "anyOf": [
            _whole(0, MAX_STEPS, "A horizon."),
            _list({"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_STEPS}),
        ],
        "description": "The number of rows from the last row of a sequence to its target. For several targets, an "
        "ascending list, which adds an axis to the target's shape. Default: 1.",
    },
    stride=_whole(1, MAX_STEPS, "The number of rows between the starts of two sequences of a series. Default: 1."),
    time_column=OPTIONAL_COLUMN | {"description": "The column that orders the rows. Default: the order of the file."},
    group={
        "anyOf": [OPTIONAL_COLUMN, _list(COLUMN)],
        "description": "The columns whose values distinguish series. No sequence contains rows of two series.",
    },
    gaps={
        "type": ["string", "null"],
        "enum": [*GAPS, None],
        "description": "`break`: no sequence spans a gap in time. `fill`: missing steps are inserted, with numbers "
        "interpolated and other values carried forward. `refuse`: gaps are an error. Default: sequences span gaps, "
        "which the dataset's `notes` report.",
    },
    calendar=_list({"type": "string", "enum": list(CYCLES)})
    | {"description": "Parts of the time that become features, each as a sine and a cosine of its cycle."},
    targets=_list(COLUMN)
    | {
        "description": "The columns to predict, all of them numbers, instead of `target`. They are the last axis of "
        "the target's shape."
    },
) | {"required": ["steps"]}
PICTURE = _options(
    height=_whole(1, MAX_SIDE, "In pixels; requires `width`."),
    width=_whole(1, MAX_SIDE, "In pixels; requires `height`."),
    channels={"type": ["integer", "null"], "format": "int32", "minimum": 1, "maximum": 3, "enum": [*CHANNELS, None]},
)
COLUMN_TYPES = {"additionalProperties": {"type": "string", "enum": list(TYPES)}}
