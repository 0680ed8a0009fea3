"""The memory that a prediction's response takes is reserved while the response grows."""

import itertools
import math

import numpy as np
import orjson
import pytest

from models.allowance import Allowance
from models.limits import Limits
from models.predictor import in_blocks
from service.api.http.json_documents import dump_blocks, dump_json
from service.errors import Overloaded

LABEL = "label" * 50
OUTPUTS = np.zeros((4000, 2), np.float32)


def describe(block: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip((LABEL, "b"), row, strict=True)) for row in block.tolist()]


def test_long_labels_are_reserved_with_their_copy() -> None:
    taken: list[int] = []
    allowance = Allowance(Limits(), math.inf, taken.append)
    content = dump_json(dump_blocks(in_blocks(OUTPUTS), describe, allowance))
    assert orjson.loads(content) == describe(OUTPUTS)
    outputs_reserved = OUTPUTS.size * 24
    assert len(taken) == 4
    assert sum(taken) + outputs_reserved == pytest.approx(2 * len(content), rel=0.01)


def test_a_response_for_which_there_is_no_memory_is_not_continued() -> None:
    described = itertools.count()

    def count(block: np.ndarray) -> list[dict[str, float]]:
        next(described)
        return describe(block)

    def refuse(size: int) -> None:
        raise Overloaded("Too many large requests are in progress.", retry_after=1)

    with pytest.raises(Overloaded):
        dump_blocks(in_blocks(OUTPUTS), count, Allowance(Limits(), math.inf, refuse))
    assert next(described) == 1


def test_numbers_take_no_more_than_was_reserved_with_the_outputs() -> None:
    taken: list[int] = []
    dump_blocks(in_blocks(OUTPUTS), lambda block: block, Allowance(Limits(), math.inf, taken.append))
    assert sum(taken) == 0
