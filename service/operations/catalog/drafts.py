"""Datasets before they are created: the rows that a request would give, for pages that show them while one chooses."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.datasets import compute_rows
from models.errors import Fault
from models.limits import Limits
from service.errors import InvalidRequest

MOST_ROWS = 2_000


def draft(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The inputs (rows, features) and the targets of a generated source or inline numbers, and which rows are for
    validation.

    `request` is the body that would create the dataset, without a name. Nothing is stored. Raises InvalidRequest,
    InvalidData.
    """
    parameters = request.get("parameters")
    samples = parameters.get("samples") if isinstance(parameters, dict) else None
    if isinstance(samples, int | float) and samples > MOST_ROWS:
        raise InvalidRequest(Fault(f'"samples" must be at most {MOST_ROWS:,} here.', "#/parameters/samples"))
    examples, splits = compute_rows(request, replace(limits, rows=MOST_ROWS))
    if not isinstance(examples.targets, np.ndarray):
        raise InvalidRequest(Fault("The targets must be numbers here.", "#/targets"))
    inputs = next(iter((examples.tensors or {}).values()))
    return {
        "inputs": inputs.tolist(),
        "targets": examples.targets.tolist(),
        "validation": splits["validation"].tolist(),
    }
