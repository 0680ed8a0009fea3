"""Every regular expression that a client's text may reach takes time in proportion to the length of the text.

Polars's expressions aren't tested: its engine, Rust's `regex`, takes linear time for every pattern.
"""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.tabular.amounts import split_amount
from models.values.dates import FORMATS, pattern_of, read_date
from models.values.numbers import FORMATS as NUMBER_FORMATS
from models.values.numbers import read_number
from service.api.http.scopes import find_needed
from service.api.inference.endpoints import Endpoints
from service.callers import DEFAULT_PROJECT

ROOT = Path(__file__).parents[1]
METHODS = ("fullmatch", "match", "search", "sub", "split", "findall", "finditer")
REPETITIONS = 15_000
"""At this length a quadratic search takes seconds, a linear one less than a millisecond."""
MOST_SECONDS = 0.3

NOT_FROM_CLIENTS = {
    "models/building/components.py": "names of Keras's classes",
    "models/catalogue/generate.py": "Keras's documentation",
    "models/datasets/bundled.py": "scikit-learn's names of columns",
    "models/graph.py": "names of the catalogue's layers",
}
BUILT = {
    "models/values/dates.py": pattern_of,
    "models/values/numbers.py": read_number,
    "service/api/http/scopes.py": find_needed,
    "service/api/inference/endpoints.py": Endpoints,
}
"""Files with patterns that are built at run time, and what is tested in their place."""

LOCALS = {"member": "data"}
"""Values of the local variables from which patterns are built."""

EXAMPLES: dict[str, list[tuple[str, str | bytes]]] = {
    "models/building/complaints.py": [
        ("sub", "Exception encountered when calling Dense.call(). No."),
        ("sub", "Input 0 with name first of layer dense is incompatible with the layer: no."),
        ("sub", "expected min_ndim=2, found ndim=10"),
        ("sub", "{{function_node __wrapped__MatMul_device_/job:localhost}} None, no"),
        ("split", "One. Two! Received: x. Arguments received by y [Op:MatMul]"),
        ("sub", "\x1b[1;31mno\x1b[0m"),
    ],
    "models/drawing/rendering.py": [("sub", "a\x01")],
    "models/drawing/texts.py": [("sub", "a \n\x01b")],
    "models/keras_code/rendering.py": [("sub", "a layer: no")],
    "models/errors.py": [("sub", "cannot identify <_io.BytesIO object at 0x7f2c1a5b9e40>")],
    "models/files/formats.py": [("match", b'[ { "a": 1 } ]'), ("match", b'{ "a": 1 }')],
    "models/model_files/keras/serialized.py": [("sub", "Custom>Doubling")],
    "models/preprocessing/fitted_column.py": [("fullmatch", "-123.456")],
    "models/runtime.py": [
        ("search", "running Gather node. Name:'words/lookup'"),
        ("sub", "/onnxruntime_src/graph.cc:12 void f(int) const [with T = int] No."),
        ("sub", "[ONNXRuntimeError] : 1 : FAIL : No."),
        ("search", "Current official support for domain ai.onnx is till opset 26"),
    ],
    "models/saved_model.py": [("sub", "first input-name")],
    "models/tabular/csv_dialect.py": [
        ("fullmatch", "-1,234.567e+10"),
        ("fullmatch", "-1,234,567.89"),
        ("fullmatch", "-1.234.567,89"),
        ("fullmatch", "-123.456"),
        ("fullmatch", '"sep=;" \n'),
        ("findall", b"na\xc3\xafve"),
        ("findall", "'a','b';'c'\n'd'"),
    ],
    "models/tabular/describing.py": [("fullmatch", "the_first.customer_row_number"), ("fullmatch", "Unnamed: 0")],
    "models/tabular/json_reader.py": [("findall", b'{"a" : 1, "b": 2}'), ("search", b"[1, NaN, Infinity]")],
    "models/validation/values.py": [("fullmatch", "dense_1")],
    "models/values/dates.py": [("findall", "%Y-%m-%dT%H:%M:%S%.f%#z")],
    "models/values/numbers.py": [("fullmatch", "-123.456e+10")],
    "service/api/contract/fields.py": [("fullmatch", "-123")],
    "service/api/contract/schemas/pictures.py": [
        ("fullmatch", "1234"),
        ("fullmatch", "tj_0660cff60faa21743c8f48cd"),
    ],
    "service/api/contract/schemas/pictures_networks.py": [("fullmatch", "123")],
    "service/api/front/access.py": [("fullmatch", "Bearer fsk_0660cff60faa21743c8f48cd_5f0a")],
    "service/api/front/protocol.py": [("search", b"GET / HTTP/1.1\r\nupgrade : h2c\r\n\r\n")],
    "service/api/front/proxies.py": [
        ("match", ' for="[2001:db8::1]:80" ; '),
        ("fullmatch", "/team-1/fitserve"),
        ("sub", 'a\\"b'),
    ],
    "service/api/front/request.py": [("fullmatch", "request-1")],
    "service/api/front/resources.py": [
        ("fullmatch", "/v1/datasets/flowers/versions"),
        ("fullmatch", "/v1/models/flowers/versions"),
    ],
    "service/api/http/dialect_paths.py": [
        ("fullmatch", "/v1/models/m/versions/12/metadata"),
        ("fullmatch", "/v1/models/m/labels/stable/metadata"),
    ],
    "service/api/http/event_ids.py": [("fullmatch", "123")],
    "service/api/http/idempotency.py": [("fullmatch", '"a\\"b\\\\"'), ("sub", 'a\\"b\\\\')],
    "service/api/front/route_templates.py": [("sub", "/v1/models/<name>/versions/<number:version>")],
    "service/api/http/path_names.py": [("fullmatch", "123")],
    "service/api/http/links.py": [("search", "/v1/training-jobs/tj_0660cff60faa21743c8f48cd/events")],
    "service/api/http/json_documents.py": [("sub", b"a\\b"), ("sub", b'{"a\\"b": NaN, "c": -Infinity}')],
    "service/api/inference/json_numbers.py": [
        ("match", b' { "instances" : [ [ 1'),
        ("fullmatch", b" } "),
        ("finditer", b'{"data" : [ 1, 2], "data":[-3]}'),
    ],
    "service/logs.py": [("sub", "postgresql://me:secret@host/db"), ("sub", f"/v1/fsk_{'0a' * 12}_{'0b' * 24}")],
    "service/names.py": [("fullmatch", "my-model.v1")],
    "service/operations/access/keys.py": [("fullmatch", f"fsk_{'0a' * 12}_{'0b' * 24}")],
    "service/operations/catalog/uploads.py": [("sub", "a\x00b.csv"), ("split", "C:\\data/a.csv")],
    "service/origins.py": [("fullmatch", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
    "service/config.py": [("fullmatch", "29500-29599"), ("fullmatch", "s3://bucket/some/prefix")],
    "service/storage/artifact_keys.py": [("fullmatch", "md_001a2b"), ("fullmatch", "tj_001a2c-1-checkpoint-1")],
    "service/worker/failures.py": [
        ("search", "write: 123 requested and 45 written"),
        ("search", "OOM when allocating"),
    ],
}
"""By file, in the order of the source: how a pattern is applied, and a text that it matches."""


def test_every_regular_expression_of_the_source_is_listed_here() -> None:
    files = {path for path in _sources() if _calls(path)}
    assert files == {*EXAMPLES, *NOT_FROM_CLIENTS, *BUILT}
    found = {path: _patterns(path) for path in files - NOT_FROM_CLIENTS.keys()}
    for path, patterns in found.items():
        listed = EXAMPLES.get(path, [])
        assert len(patterns) - patterns.count(None) == len(listed), f"{path} has other patterns than listed"
    assert {path for path, patterns in found.items() if None in patterns} == BUILT.keys()


@pytest.mark.parametrize(
    ("path", "number"), [(path, number) for path, examples in EXAMPLES.items() for number in range(len(examples))]
)
def test_a_pattern_takes_linear_time_whatever_is_repeated_in_a_text(path: str, number: int) -> None:
    pattern = [one for one in _patterns(path) if one is not None][number]
    method, example = EXAMPLES[path][number]
    assert pattern.search(example), "the example must match"
    _assert_linear(_application(pattern, method), example)


@pytest.mark.parametrize("format_", FORMATS)
def test_the_pattern_of_a_date_format_takes_linear_time(format_: str) -> None:
    values = {
        "%Y": "2024", "%y": "24", "%m": "12", "%b": "Dec", "%B": "December", "%d": "31", "%H": "10", "%M": "11",
        "%S": "12", "%.f": ".5", "%#z": "+01:30",
    }  # fmt: skip
    example = format_
    for directive, value in values.items():
        example = example.replace(directive, value)
    assert pattern_of(format_).fullmatch(example)
    _assert_linear(pattern_of(format_).fullmatch, example)


@pytest.mark.parametrize("format_", [None, "ISO 8601", "%d %B %Y %H:%M:%S"])
def test_reading_a_date_takes_linear_time(format_: str | None) -> None:
    _assert_linear(lambda text: read_date(text, format_), "2024-01-03 10:11:12.5+01:00")
    assert read_date("2024-01-03" + " " * 60_000 + "x", format_) is None
    assert read_date("2024-01-03" + " " * 60_000, format_) is not None


AMOUNTS = ("$1,234.5", "1.234,5 €", "1 234,5 sq ft", "1,234.5k", "(1,234.5)")


@pytest.mark.parametrize("format_", [None, *NUMBER_FORMATS, *AMOUNTS])
def test_reading_a_number_takes_linear_time(format_: str | None) -> None:
    for example in ("-1,234.5e+10", "1.234,5", *AMOUNTS):
        _assert_linear(lambda text: read_number(text, format_), example)


@pytest.mark.parametrize("example", AMOUNTS)
def test_splitting_an_amount_takes_linear_time(example: str) -> None:
    _assert_linear(split_amount, example)


@pytest.mark.parametrize("path", ["/v1/models/m/versions/12:predict", "/v2/models/m/versions/12/infer"])
def test_finding_an_endpoint_takes_linear_time(path: str) -> None:
    _assert_linear(partial(Endpoints(64).find, DEFAULT_PROJECT), path)


@pytest.mark.parametrize("path", ["/v1/models/m/predictions", "/v2/models/m/infer", "/v1/models/m:predict"])
def test_finding_what_a_path_needs_takes_linear_time(path: str) -> None:
    _assert_linear(partial(find_needed, "POST"), path)


def _sources() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for top in ("models", "service") for path in (ROOT / top).rglob("*.py"))


def _calls(path: str) -> list[ast.Call]:
    """The calls of the module `re` in a file, in the order of the source."""
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    calls = [node for node in nodes if isinstance(node, ast.Call) and _uses_re(node.func)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _uses_re(function: ast.expr) -> bool:
    named = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return named and ast.unparse(function) in [f"re.{method}" for method in ("compile", *METHODS)]


def _patterns(path: str) -> list[re.Pattern[Any] | None]:
    """The pattern of every call of the module `re` in a file; None if it is built at run time."""
    return [_evaluate(path, call) for call in _calls(path)]


def _evaluate(path: str, call: ast.Call) -> re.Pattern[Any] | None:
    parts = [call.args[0], *(argument for argument in call.args[1:] if ast.unparse(argument).startswith("re."))]
    constant = all(isinstance(part, ast.Constant) for part in parts)
    # importing a module may import TensorFlow, which takes seconds
    names = {} if constant else vars(importlib.import_module(path.removesuffix(".py").replace("/", ".")))
    try:
        return re.compile(*(eval(ast.unparse(part), names, LOCALS) for part in parts))
    except NameError:
        return None


def _application(pattern: re.Pattern[Any], method: str) -> Callable[[Any], object]:
    if method == "sub":
        return lambda text: pattern.sub(text[:0], text)
    if method == "finditer":
        return lambda text: list(pattern.finditer(text))
    apply: Callable[[Any], object] = getattr(pattern, method)
    return apply


def _assert_linear(apply: Callable[[Any], object], example: str | bytes) -> None:
    for text in _attacks(example):
        began = time.thread_time()
        apply(text)
        seconds = time.thread_time() - began
        assert seconds < MOST_SECONDS, f"{seconds:.1f} s for {text[:60]!r}… of {len(text):,} characters"


def _attacks(example: Any) -> Iterator[Any]:
    """Long texts that almost match: the example, with each of its characters repeated, or all up to that character;
    its end is kept, or missing, and followed by a character that no pattern accepts."""
    wrong = "\0" if isinstance(example, str) else b"\0"
    for end in range(1, len(example) + 1):
        for unit in (example[end - 1 : end], example[:end]):
            long = example[: end - len(unit)] + unit * (REPETITIONS // len(unit))
            yield long + wrong
            yield long + example[end:] + wrong
