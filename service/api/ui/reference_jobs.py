"""The reference jobs, as a client posts them: demonstrations, and templates for new models."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parent / "reference_jobs"
NAMES = (
    "line", "rings", "digits", "cifar-dense", "cifar-convolutional", "cat-logistic", "cat-two-layers", "flowers",
    "tumours",
)  # fmt: skip
"""In the order in which they are shown. The pages have a title and a description of each."""


@dataclass(frozen=True)
class ReferenceJob:
    """A dataset, a model and a training job that belong together."""

    name: str
    dataset: dict[str, Any]
    model: dict[str, Any]
    training_job: dict[str, Any]


@cache
def reference_jobs() -> tuple[ReferenceJob, ...]:
    """All of them."""
    return tuple(ReferenceJob(name, **orjson.loads((FOLDER / f"{name}.json").read_bytes())) for name in NAMES)
