"""Bodies of numbers are read in a quick way, which gives the same bits and the same faults as the general one."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from models.allowance import Allowance
from models.errors import InvalidInstances
from models.preprocessing import JsonNumbers, Preprocessing, inputs_from_dataset
from service.api.http.errors import MalformedBody
from service.api.http.json_documents import parse_json
from service.api.inference import json_numbers
from service.api.inference.json_numbers import read_even_numbers, take_out_lists
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

MEMBER = "instances"
EVEN = [
    b'{"instances": [1]}',
    b'{"instances":[[1,2],[3,4]]}',
    b' {\n\t"instances" : [ [ [1.5] , [-2e3] ] , [ [0.1], [3] ] ] } \r\n',
    b'{"instances": [[[[0]]]]}',
    b'{"instances": [[-0, -0.0, 5e-324, 1.7976931348623157e308, 18446744073709551615, -9223372036854775808]]}',
]
OTHERWISE = [
    b"",
    b"[1]",
    b"{}",
    b'{"instances": []}',
    b'{"instances": [[]]}',
    b'{"instances": [[1], []]}',
    b'{"instances": [[1, 2], [3]]}',
    b'{"instances": [[1], 2]}',
    b'{"instances": [1, [2]]}',
    b'{"instances": [[[1, 2], [3, 4]], [[5, 6]]]}',
    b'{"instances": [[1, 2], [3, null]]}',
    b'{"instances": [[1, 2], [3, true]]}',
    b'{"instances": [[1, "2"]]}',
    b'{"instances": [[1, "]"]]}',
    b'{"instances": [{"b64": "AAAA"}]}',
    b'{"instances": [1], "instances": [2]}',
    b'{"instances": [1], "other": 2}',
    b'{"inputs": [1]}',
    b'{"instances": 1}',
    b'{"instances": [01]}',
    b'{"instances": [1.]}',
    b'{"instances": [1e400]}',
    b'{"instances": [NaN]}',
    b'{"instances": [18446744073709551616]}',
    b'{"instances": [1,]}',
    b'{"instances": [1 2]}',
    b'{"instances": [[1].5, [2]]}',
    b'{"instances": [[1]5, [2]]}',
    b'{"instances": [[1] 5, [2]]}',
    b'{"instances": [[1], 5[2]]}',
    b'{"instances": [[1], [2]5]}',
    b'{"instances": [[1], [2]]5}',
    b'{"instances": [[1], [2]]}5',
    b'{"instances": [[1]}',
    b'{"instances": [1]} x',
    b'{"instances": [1]}\0',
    b'\xef\xbb\xbf{"instances": [1]}',
    b'{"instances": ' + b"[" * 17 + b"1" + b"]" * 17 + b"}",
    b'{"instances": ' + b"[" * 999_000,
    b'{"instances": ' + b"[" * 999_000 + b"1" + b"]" * 999_000 + b"}",
]


@pytest.fixture(params=[json_numbers.BLOCK, 1, 30], ids=["whole", "row by row", "in blocks"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies read at once, and in blocks."""
    monkeypatch.setattr(json_numbers, "BLOCK", request.param)


def assert_same(body: bytes) -> bool:
    """Read a body in both ways; whether the quick one took it."""
    numbers = read_even_numbers(body, MEMBER, Allowance())
    if numbers is None:
        return False
    rows = np.array(parse_json(body, 64)[MEMBER], np.float64)
    assert numbers.shape == rows.shape
    assert numbers.tobytes() == rows.tobytes()
    return True


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("body", EVEN)
def test_even_numbers_are_read_to_the_same_bits(body: bytes) -> None:
    assert assert_same(body)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("body", OTHERWISE, ids=lambda body: body[:40])
def test_everything_else_is_left_to_the_general_parser(body: bytes) -> None:
    assert read_even_numbers(body, MEMBER, Allowance()) is None


def random_number(choice: random.Random) -> str:
    makers: list[Callable[[], str]] = [
        lambda: str(choice.randrange(-(10 ** choice.randrange(1, 20)), 10 ** choice.randrange(1, 20))),
        lambda: repr(choice.uniform(-1, 1) * 10.0 ** choice.randrange(-320, 308)),
        lambda: f"{choice.random():.{choice.randrange(1, 25)}f}",
        lambda: f"{choice.randrange(10)}E{choice.choice('+-')}{choice.randrange(30)}",
        lambda: choice.choice(["0", "-0", "-0.0", "1e-400", "255", "0.1"]),
    ]
    return choice.choice(makers)()


def random_rows(choice: random.Random, shape: list[int], oddness: float) -> str:
    """Nested lists of this shape as JSON, with white space here and there, and now and then something odd."""
    if choice.random() < oddness:
        return choice.choice(["null", "true", '"1"', "[]", "[1]", "{}", "1", "1e999", "--1", '"[,]"', "nan"])
    if not shape:
        return random_number(choice)
    space = choice.choice(["", "", " ", "\n\t"])
    length = shape[0] + (choice.random() < oddness)
    items = f"{space},{space}".join(random_rows(choice, shape[1:], oddness) for _ in range(length))
    return f"[{space}{items}{space}]"


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("seed", range(4))
def test_random_bodies_read_the_same_in_both_ways(seed: int) -> None:
    choice = random.Random(seed)
    taken = 0
    for _ in range(200):
        shape = [choice.randrange(1, 5) for _ in range(choice.randrange(1, 5))]
        oddness = choice.choice([0, 0, 0.02, 0.2])
        body = f'{{"instances": {random_rows(choice, shape, oddness)}}}'.encode()
        taken += assert_same(body[: choice.randrange(len(body))] if choice.random() < 0.1 else body)
    assert taken > 60


@pytest.mark.parametrize(
    ("body", "rest", "lists"),
    [
        (b'{"data":[1,-2.5e3]}', b'{"data":"0"}', [[1, -2500]]),
        (b'[{"data" :\n[ 1 ]},{"data":[2,3]}]', b'[{"data" :\n"0"},{"data":"1"}]', [[1], [2, 3]]),
        (b'{"a":"\\"data\\":[1]","data":[2]}', b'{"a":"\\"data\\":[1]","data":"0"}', [[2]]),
        (b'{"a\\"data":[1],"data":[2]}', b'{"a\\"data":[1],"data":"0"}', [[2]]),
        (b'{"a":"\\\\","data":[2]}', b'{"a":"\\\\","data":"0"}', [[2]]),
        (b'{"a":"data","data":[2]}', b'{"a":"data","data":"0"}', [[2]]),
        (b'[{"data":[1]},{"data":[2]},{"data":[3]}]', b'[{"data":"0"},{"data":"1"},{"data":[3]}]', [[1], [2]]),
        (b'{"data":["1"],"more":{"data":[1]}}', b'{"data":["1"],"more":{"data":"0"}}', [[1]]),
    ],
)
def test_flat_lists_are_taken_out_of_a_body(body: bytes, rest: bytes, lists: list[list[float]]) -> None:
    found, arrays = take_out_lists(body, "data", 2, Allowance())
    assert found.replace(json_numbers.MARK.encode(), b"") == rest
    assert [array.tolist() for array in arrays.values()] == lists
    assert [mark for mark in arrays if f'"{mark}"' in found.decode()] == list(arrays)
    orjson.loads(found)


@pytest.mark.parametrize("data", ["[1,null]", "[1,]", "[1", "[1, 02]", "[1e400]", '[1,"]"]', "[1,[2]]"])
def test_from_the_first_list_with_something_else_on_all_stay_where_they_are(data: str) -> None:
    body = b'{"data":%b,"more":{"data":[1]}}' % data.encode()
    assert take_out_lists(body, "data", 2, Allowance()) == (body, {})


def test_a_body_full_of_lists_takes_no_time() -> None:
    for body in (b'"data":[1' * 1_000_000, b'"data":[1],' * 1_000_000):
        found, _ = take_out_lists(body, "data", 2, Allowance())
        assert len(found) >= 9_000_000


def outcome(preprocessing: Preprocessing, instances: Any) -> Any:
    """What instances become for the network, or what is wrong with them."""
    try:
        inputs, warnings = preprocessing.read_instances(instances)
    except InvalidInstances as error:
        return error.faults
    return {name: (values.shape, values.dtype, values.tobytes()) for name, values in inputs.items()}, warnings


def preprocessings(folder: Path) -> list[Preprocessing]:
    """Of a tensor, of a table of numbers, and of one with a column of text."""
    rows = [{"a": 1.5, "b": 2.5, "y": 1}, {"a": 2.5, "b": 40.5, "y": 2}]
    named = [{"a": 1.5, "b": "x", "y": 1}, {"a": 2.5, "b": "y", "y": 2}]
    datasets = [
        make_dataset(folder / "0", "inline", inputs=[[1, 2], [3, 5]], targets=[1, 2]),
        make_dataset(folder / "1", "inline", rows=rows, target="y"),
        make_dataset(folder / "2", "inline", rows=named, target="y"),
    ]
    made = []
    for dataset in datasets:
        spec = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", "standard"))
        made.append(Preprocessing.from_document(Preprocessing.fit(spec, dataset).to_document()))
    return made


def test_models_make_the_same_of_numbers_and_of_lists(tmp_path: Path) -> None:
    bodies = [
        [[1, 2], [3, 4]], [[0.1, -7e30]], [[[1], [2]]], [[[1, 2]]], [1, 2], [[1, 2, 3]], [[1, 3.5e38]],
        [[-1e300, 3.4028235677973366e38]], [[16777217, 9007199254740993]],
    ]  # fmt: skip
    for preprocessing in preprocessings(tmp_path):
        for rows in bodies:
            numbers = read_even_numbers(orjson.dumps({MEMBER: rows}), MEMBER, Allowance())
            assert numbers is not None
            quick = JsonNumbers(numbers, lambda rows=rows: rows)  # type: ignore[misc]
            assert outcome(preprocessing, quick) == outcome(preprocessing, rows)


def test_the_general_parser_still_says_what_is_wrong_with_very_deep_bodies() -> None:
    with pytest.raises(MalformedBody):
        parse_json(OTHERWISE[-1], 64)
