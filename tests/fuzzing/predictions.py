"""Prediction bodies in each protocol and media type, with edits."""

import base64
import gzip
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from service.api.http.media_types import PICTURES
from tests.fuzzing.arrays import npy, npy_files
from tests.fuzzing.edits import STRANGE_TEXTS, edited, edited_document
from tests.fuzzing.pictures import edited_pictures
from tests.fuzzing.request import FORM, JSON, Request, form
from tests.fuzzing.tables import CELLS, write_csv
from tests.fuzzing.versions import MIXED_ROW, MIXED_ROWS, PAIR_INPUTS, TILE
from tests.models.made_pictures import pattern

PICTURE = {"b64": base64.b64encode(pattern(5, 5)).decode()}
PIXELS = np.arange(TILE * TILE * 3).reshape(1, TILE, TILE, 3).tolist()
MIXED_LIST = list(MIXED_ROW.values())
INSTANCES: dict[str, tuple[Any, ...]] = {
    "line": ([[1.5], [2]], [1.5, 2], [[-1e30]]),
    "mixed": (
        [MIXED_ROW],
        [MIXED_LIST, MIXED_LIST],
        [{name: row.get(name) for name in MIXED_ROW} for row in MIXED_ROWS],
    ),
    "tiles": (PIXELS, [PICTURE], [PICTURE, PIXELS[0]]),
    "pair": ([{"left": [1, 2], "right": [3]}], [{"left": [1, 2], "right": 3}] * 2),
}
"""Valid instances by model."""
COLUMNS = {name: [[value]] for name, value in MIXED_ROW.items()}
INPUTS: dict[str, tuple[Any, ...]] = {
    "line": ([[1.5], [2]], {"input": [[1.5]]}),
    "mixed": (COLUMNS,),
    "tiles": (PIXELS, {"input": [PICTURE]}),
    "pair": (PAIR_INPUTS,),
}
"""Valid tensors in TensorFlow Serving's columnar form, by model."""
WORDS = ("instances", "inputs", "examples", "context", "signature_name", "b64", "input", "left", "right", *MIXED_ROW)
QUERIES = (
    *("",) * 8,
    "",
    "?top=1",
    "?top=2&pretty=true",
    "?scores=false",
    "?top=0",
    "?top=1&top=2",
    "?nothing=1",
    "?top=99999999999",
)
Headers = Mapping[str, str]


@st.composite
def _sent(draw: st.DrawFn, path: str, body: bytes, headers: Headers, query: bool = False) -> Request:
    """The request, sometimes with a few bytes edited, and sometimes compressed."""
    kind = draw(st.integers(0, 9))
    if kind == 9:
        body = draw(edited([body], [b"[", b'"', b"\\", b"\0", b"\xff", b",", b"e999", b"NaN", b"\xed\xa0\x80"]))
    elif kind == 8:
        body = draw(st.one_of(st.just(gzip.compress(body, mtime=0)), edited([gzip.compress(body, mtime=0)])))
        headers = {**headers, "Content-Encoding": "gzip"}
    return Request("POST", path + (draw(st.sampled_from(QUERIES)) if query else ""), body, headers)


@st.composite
def native_json(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(list(INSTANCES)))
    document = draw(edited_document([{"instances": rows} for rows in INSTANCES[model]], WORDS))
    return draw(_sent(f"/v1/models/{model}/predictions", json.dumps(document).encode(), JSON, query=True))


@st.composite
def native_csv(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(("line", "mixed", "mixed")))
    columns = {name: [str(value)] * 3 for name, value in MIXED_ROW.items()} if model == "mixed" else {"x": ["1.5"] * 3}
    for cells in columns.values():
        if draw(st.booleans()):
            cells[draw(st.integers(0, 2))] = draw(st.sampled_from(CELLS[draw(st.sampled_from(list(CELLS)))]))
    if draw(st.integers(0, 3)) == 3:
        columns[draw(st.sampled_from(STRANGE_TEXTS))] = columns.pop(draw(st.sampled_from(list(columns))))
    charset = draw(st.sampled_from(("utf-8", "utf-16", "latin-1", "cp1252", "utf-8-sig")))
    text = write_csv(columns, delimiter=draw(st.sampled_from(",;\t")))
    headers = {"Content-Type": f"text/csv; charset={draw(st.sampled_from((charset,) * 8 + ('utf-8', 'klingon')))}"}
    return draw(_sent(f"/v1/models/{model}/predictions", text.encode(charset, "replace"), headers, query=True))


@st.composite
def native_npy(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(("line", "tiles", "mixed", "pair")))
    fitting = npy(
        "<f4",
        (2, TILE, TILE, 3) if model == "tiles" else (2, 1),
        bytes(2 * TILE * TILE * 3 * 4 if model == "tiles" else 8),
    )
    body = draw(st.one_of(npy_files(), edited([fitting])))
    return draw(_sent(f"/v1/models/{model}/predictions", body, {"Content-Type": "application/x-npy"}))


@st.composite
def native_picture(draw: st.DrawFn) -> Request:
    """One picture as the body, several as a form, or in Base64."""
    pictures = draw(st.lists(edited_pictures(), min_size=1, max_size=3))
    how = draw(st.sampled_from(("body", "form", "json")))
    path = "/v1/models/tiles/predictions"
    if how == "body":
        type_ = draw(st.sampled_from(PICTURES))
        return draw(_sent(path, pictures[0], {"Content-Type": type_}))
    if how == "form":
        names = st.sampled_from(('name="file"; filename="a.png"',) * 3 + ('name="file"', 'name=""', "", 'filename="x"'))
        return draw(_sent(path, form([(draw(names), picture) for picture in pictures]), FORM))
    instances = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
    return draw(_sent(path, json.dumps({"instances": instances}).encode(), JSON))


@st.composite
def tensorflow_serving(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(list(INSTANCES)))
    method = draw(st.sampled_from(("predict", "predict", "classify" if model in ("mixed", "tiles") else "regress")))
    if method == "predict":
        documents = [{"instances": rows} for rows in INSTANCES[model]] + [{"inputs": rows} for rows in INPUTS[model]]
        documents.append({"signature_name": "serving_default", **documents[0]})
    else:
        examples = [MIXED_ROW] if model == "mixed" else [{"input": [1.5]}]
        documents = [{"examples": examples}, {"examples": examples, "context": {"input": [1.5]}}]
    document = draw(edited_document(documents, WORDS))
    place = draw(st.sampled_from(("", "", "/versions/1")))
    return draw(_sent(f"/v1/models/{model}{place}:{method}", json.dumps(document).encode(), JSON))


V2_WORDS = (
    "id", "inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "binary_data_size", "binary_data",
    "binary_data_output", "classification", "content_type", "np", "pd", "str", "base64", "FP32", "FP64", "INT8",
    "UINT64", "BOOL", "BYTES", "FP16", "BF16", "output", "input", "shared_memory_region",
)  # fmt: skip


def _tensor(name: str, shape: list[int], data: Any, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


TENSORS: dict[str, list[dict[str, Any]]] = {
    "line": [_tensor("input", [2, 1], [1.5, 2])],
    "mixed": [
        _tensor("width", [1, 1], [1.5]),
        _tensor("colour", [1, 1], ["red"], "BYTES"),
        _tensor("ripe", [1, 1], [1], "BOOL"),
        _tensor("day", [1, 1], ["2024-01-03"], "BYTES"),
    ],
    "tiles": [_tensor("input", [1, TILE, TILE, 3], np.ravel(PIXELS).tolist())],
    "pair": [_tensor("left", [1, 2], [[1, 2]]), _tensor("right", [1, 1], [3], "INT64")],
}
OUTPUTS: tuple[Any, ...] = (
    {},
    {"outputs": [{"name": "output"}]},
    {"outputs": [{"name": "output", "parameters": {"classification": 1}}]},
)


@st.composite
def open_inference_json(draw: st.DrawFn) -> Request:
    model = draw(st.sampled_from(list(TENSORS)))
    documents = [{"id": "1", "inputs": TENSORS[model], **outputs} for outputs in OUTPUTS]
    document = draw(edited_document(documents, V2_WORDS))
    return draw(_sent(f"/v2/models/{model}/infer", json.dumps(document).encode(), JSON))


@st.composite
def open_inference_binary(draw: st.DrawFn) -> Request:
    """JSON with the elements of the tensors after it, and a length of the JSON that may be wrong."""
    model = draw(st.sampled_from(list(TENSORS)))
    inputs, elements = [], b""
    for tensor in TENSORS[model]:
        data = _to_binary(tensor)
        elements += data
        without_data = {name: value for name, value in tensor.items() if name != "data"}
        inputs.append(without_data | {"parameters": {"binary_data_size": len(data)}})
    document: Any = {"inputs": inputs, "parameters": {"binary_data_output": draw(st.booleans())}}
    if draw(st.booleans()):
        document = draw(edited_document([document], V2_WORDS))
    if draw(st.booleans()):
        elements = draw(edited([elements], [b"\xff\xff\xff\xff", b"\0\0\0\0"]))
    header = json.dumps(document).encode()
    length = draw(st.sampled_from((str(len(header)),) * 4 + ("0", str(len(header) - 1), "-1", "9" * 30, "", "x")))
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": length}
    return draw(_sent(f"/v2/models/{model}/infer", header + elements, headers))


def _to_binary(tensor: dict[str, Any]) -> bytes:
    if tensor["datatype"] != "BYTES":
        types = {"FP32": "<f4", "BOOL": "|b1", "INT64": "<i8"}
        return np.asarray(tensor["data"]).astype(types[tensor["datatype"]]).tobytes()
    file = io.BytesIO()
    for text in tensor["data"]:
        file.write(len(text).to_bytes(4, "little") + text.encode())
    return file.getvalue()
