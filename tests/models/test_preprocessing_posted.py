"""Images, arrays and CSV become network inputs that equal those of training bit for bit."""

import base64
import io
import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.allowance import INPUT_BYTES, OUTPUT_BYTES, PIXEL_BYTES, Allowance
from models.datasets import Dataset
from models.errors import Excessive, InvalidInstances, TookTooLong
from models.files.pictures import START_OF_SCAN, read_picture
from models.limits import Limits
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset, read_npy
from models.preprocessing.tensor_input import TensorInput
from models.spec import SINGLE_INPUT, InputSpec, NetworkSpec, Scaling
from models.values.tensors import Place
from tests.models.made_datasets import make_dataset
from tests.models.made_pictures import GREEN, GREY, RED, pattern, picture
from tests.models.network_specs import make_spec

HEIGHT, WIDTH = 4, 6


def images(folder: Path, *files: bytes, channels: int = 3) -> Dataset:
    """A dataset of these pictures."""
    pixels = [read_picture(file, 10_000, (HEIGHT, WIDTH), channels).pixels.tolist() for file in files]
    return make_dataset(folder, "inline", inputs=pixels, targets=list(range(len(files))))


def fit(dataset: Dataset, *, shape: tuple[int, ...] | None = None, scaling: str = "none") -> Preprocessing:
    inputs = inputs_from_dataset(dataset.descriptor, "made", scaling)
    if shape is not None:
        inputs = {SINGLE_INPUT: InputSpec(shape, inputs[SINGLE_INPUT].scaling)}
    fitted = Preprocessing.fit(spec_of(inputs), dataset)
    return Preprocessing.from_document(fitted.to_document())


def spec_of(inputs: dict[str, InputSpec]) -> NetworkSpec:
    return make_spec(inputs=inputs)


def b64(file: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(file).decode()}


def faults(preprocessing: Preprocessing, instances: Any, **options: Any) -> Any:
    with pytest.raises(InvalidInstances) as caught:
        preprocessing.read_instances(instances, **options)
    return caught.value.faults


@pytest.mark.parametrize("shape", [None, (HEIGHT * WIDTH * 3,)])
@pytest.mark.parametrize("scaling", ["none", "unit", "standard"])
def test_a_posted_picture_is_processed_as_in_training(shape: Any, scaling: str, tmp_path: Path) -> None:
    files = [pattern(40, 60, "JPEG"), pattern(HEIGHT, WIDTH), picture(GREY, 100, 9, "JPEG")]
    dataset = images(tmp_path, *files)
    preprocessing = fit(dataset, shape=shape, scaling=scaling)
    trained = preprocessing.network_inputs(dataset.split("train"))["input"]
    for instances in (files, [b64(file) for file in files]):
        served, warnings = preprocessing.read_instances(instances)
        assert served["input"].tobytes() == trained.tobytes()
        assert [(warning["row"], warning["type"]) for warning in warnings] == [(0, "resized"), (2, "resized")]
    assert warnings[0]["detail"] == (
        "The image was 60 × 40 pixels in colour and was converted to 6 × 4 pixels in colour."
    )
    assert "in grey" in warnings[1]["detail"]


def test_pictures_and_numbers_may_be_mixed(tmp_path: Path) -> None:
    preprocessing = fit(images(tmp_path, picture(RED), picture(GREEN)))
    numbers = np.zeros((HEIGHT, WIDTH, 3)).tolist()
    served, warnings = preprocessing.read_instances([numbers, b64(picture(RED)), numbers])
    assert warnings == []
    assert served["input"][:, 0, 0].tolist() == [[0, 0, 0], list(RED), [0, 0, 0]]
    assert faults(preprocessing, [b64(picture()), [1, 2]])[0].row == 1


def test_a_colour_picture_is_made_grey_for_a_model_without_channels(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "digits")
    served, warnings = fit(dataset).read_instances([picture(RED, 8, 8)])
    assert served["input"].shape == (1, 8, 8)
    assert len(set(served["input"].ravel().tolist())) == 1
    assert "in grey" in warnings[0]["detail"]


def test_several_inputs_may_each_be_a_picture(tmp_path: Path) -> None:
    pixels = read_picture(picture(RED), 1000).pixels.tolist()
    inputs = {"left": [pixels] * 2, "right": [pixels] * 2}
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=[0, 1])
    preprocessing = Preprocessing.fit(spec_of(inputs_from_dataset(dataset.descriptor, "made", "none")), dataset)
    instances = [{"left": b64(picture(RED)), "right": b64(picture(GREEN, 9, 9))}]
    served, warnings = preprocessing.read_instances(instances)
    assert served["left"][0, 0, 0].tolist() == list(RED)
    assert served["right"][0, 0, 0].tolist() == list(GREEN)
    assert [(warning["row"], warning["column"]) for warning in warnings] == [(0, "right")]
    for other in ([picture(RED)], np.zeros((1, 4, 6, 3)), CsvText(b"1,2")):
        assert "left" in faults(preprocessing, other)[0].detail


@pytest.mark.parametrize(
    ("instance", "part"),
    [
        (b"", "empty"),
        (b"8BPS", "isn't a PNG, JPEG, WebP, GIF, BMP or TIFF"),
        (pattern(30, 30)[:500], "damaged or truncated"),
        ({"b64": "not Base64!"}, "isn't valid Base64"),
        ({"b64": 5}, '"b64"'),
        ({"b65": ""}, '"b64"'),
        ({}, "not {}"),
        (picture(RED, 200, 100), "200"),
    ],
)
def test_a_picture_that_can_not_be_read_is_named_by_its_row(instance: Any, part: str, tmp_path: Path) -> None:
    preprocessing = fit(images(tmp_path, picture(RED), picture(GREEN)))
    allowance = Allowance(Limits(pixels=10_000))
    (fault,) = faults(preprocessing, [b64(picture(RED)), instance], allowance=allowance)
    assert fault.row == 1
    assert part in fault.detail
    assert fault.pointer == (None if isinstance(instance, bytes) else "#/instances/1")


def test_a_model_of_numbers_refuses_pictures(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "circles"))
    assert "[2]" in faults(preprocessing, [b64(picture())])[0].detail
    table = fit(make_dataset(tmp_path, "iris"))
    assert "an image" in faults(table, [picture()])[0].detail


def test_more_rows_than_allowed_are_refused_before_they_are_read(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "inline", inputs=[[[[0] * 3] * 50] * 50] * 2, targets=[0, 1]))
    posted: tuple[Any, ...] = ([b"tiny"] * 3, np.zeros((3, 7500)), [[]] * 3, CsvText(b"1\n2\n3\n"))
    for rows in posted:
        allowance = Allowance(Limits(prediction_numbers=20_000))
        allowance.row_numbers = (7500, 1)
        with pytest.raises(Excessive, match=r"has 3 rows\. .* 7,501 numbers .* limit is 2 rows"):
            preprocessing.read_instances(rows, allowance)


def test_memory_is_reserved_for_what_rows_and_pictures_become(tmp_path: Path) -> None:
    reserved: list[int] = []
    preprocessing = fit(images(tmp_path, picture(RED), picture(GREEN)))
    allowance = Allowance(reserve=reserved.append)
    allowance.row_numbers = (9, 1)
    preprocessing.read_instances([picture(RED, 20, 10), picture(RED, 5, 5), picture(RED, 20, 20)], allowance)
    # the pictures are decoded one after the other
    assert [size for size in reserved if size] == [
        3 * (9 * INPUT_BYTES + OUTPUT_BYTES),
        200 * PIXEL_BYTES,
        200 * PIXEL_BYTES,
    ]


def test_a_table_of_many_cells_is_refused_before_they_are_objects(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "iris"))
    posted: tuple[tuple[Any, str], ...] = (
        ([{}] * 30, "The rows have 120 cells in the table's columns; the limit is 100"),
        (np.zeros((30, 4)), "The body has 120 numbers; the limit is 100"),
        (CsvText(b"1,2,3,4\n" * 30), "The body has more than 100 values"),
    )
    for rows, says in posted:
        with pytest.raises(Excessive, match=says):
            preprocessing.read_instances(rows, Allowance(Limits(body_values=100, prediction_numbers=100)))


def test_the_numbers_of_an_array_and_missing_cells_are_no_values_of_the_body(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "iris"))
    posted: tuple[Any, ...] = ([{}] * 30, np.zeros((30, 4)), np.zeros((30, 4), np.int8), np.full((30, 4), math.nan))
    for rows in posted:
        preprocessing.read_instances(rows, Allowance(Limits(body_values=100)))


@pytest.mark.parametrize("type_", ["f4", "f8", "i2", "u8"])
def test_an_array_is_read_as_the_same_rows_in_json(type_: str, tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "iris"), scaling="standard")
    array = np.array([[5, 3, 1, 0], [900, 3, 1, 0]], type_)
    rows = array.tolist()
    if array.dtype.kind == "f":
        array[0, 1], rows[0][1] = math.nan, None
    (read, warnings), (expected, others) = map(preprocessing.read_instances, (array, rows))
    assert np.array_equal(read["input"], expected["input"])
    assert warnings == others


def test_one_wide_character_makes_all_the_text_of_csv_four_times_as_large(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "iris"))
    for end, factor in (("x", 1), ("\N{GRINNING FACE}", 4)):
        reserved: list[int] = []
        body = ("1" * 50_000 + end).encode()
        faults(preprocessing, CsvText(body), allowance=Allowance(reserve=reserved.append))
        assert 2 * factor * len(body) in reserved


def test_reading_ends_at_the_deadline(tmp_path: Path) -> None:
    late = Allowance(deadline=time.monotonic() - 1)
    with pytest.raises(TookTooLong):
        fit(make_dataset(tmp_path, "iris")).read_instances([[1, 2, 3, 4]], late)
    with pytest.raises(TookTooLong):
        fit(images(tmp_path / "images", picture(RED), picture(GREEN))).read_instances([picture(RED)], late)


def test_a_jpeg_of_many_scans_is_refused(tmp_path: Path) -> None:
    preprocessing = fit(images(tmp_path, picture(RED), picture(GREEN)))
    jpeg = picture(RED, 20, 20, "JPEG", progressive=True)
    scans = jpeg.count(START_OF_SCAN)
    assert scans > 1
    preprocessing.read_instances([jpeg], Allowance(Limits(jpeg_scans=scans)))
    (fault,) = faults(preprocessing, [jpeg], allowance=Allowance(Limits(jpeg_scans=scans - 1)))
    assert f"has {scans} scans; the limit is {scans - 1}" in fault.detail


def test_a_request_decodes_a_bounded_number_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red = picture(RED, HEIGHT, WIDTH)
    preprocessing = fit(images(tmp_path, red, red))
    monkeypatch.setattr("models.preprocessing.tensor_input.MAX_PIXELS_AT_ONCE", HEIGHT * WIDTH)
    preprocessing.read_instances([red, red])
    (fault,) = faults(preprocessing, [red, red, red])
    assert fault.row == 2
    assert "post fewer" in fault.detail


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("type_", ["f8", ">f4", "u1", "i8", "?"])
def test_an_array_is_rows(type_: str, tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "digits"))
    for rows in (np.ones((2, 8, 8), type_), np.ones((2, 64), type_), np.asfortranarray(np.ones((2, 8, 8, 1), type_))):
        served, warnings = preprocessing.read_instances(read_npy(npy(rows)))
        assert served["input"].shape == (2, 8, 8)
        assert served["input"].min() == served["input"].max() == 1
        assert warnings == []


def npy_with_header(shape: str, *, fortran_order: bool = False, data: int = 48) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': {fortran_order}, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(data)


@pytest.mark.parametrize("fortran_order", [True, False])
@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((30_000_000, 0), "[30000000, 0]: it holds no numbers"),
        ((0, 10**30), "it holds no numbers"),
        ((2**40, 0, 3), "it holds no numbers"),
        ((1,) * 65, "65 dimensions; the limit is 16"),
        ((2**40,), "its size differs from its header"),
    ],
)
def test_a_shape_makes_no_more_of_an_array_than_its_bytes(
    shape: tuple[int, ...], part: str, fortran_order: bool
) -> None:
    data = npy_with_header(str(shape), fortran_order=fortran_order, data=8 if len(shape) == 65 else 0)
    with pytest.raises(InvalidInstances, match=re.escape(part)):
        read_npy(data)


def test_an_array_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "digits"))
    wrong = np.ones((3, 64))
    wrong[1, 5] = np.nan
    (fault,) = faults(preprocessing, wrong)
    assert fault.row == 1
    for array, part in ((np.ones((2, 63)), "[63]"), (np.array([["a"] * 64]), "text"), (np.ones((0, 64)), "no inst")):
        assert part in faults(preprocessing, array)[0].detail
    impossible = [npy_with_header(header) for header in ("(-2, -3)", "(10**30,)", "-" * 6000)]
    for data in (b"", b"no array", npy(np.ones(4))[:-1], npy(np.array([object()], dtype=object)), *impossible):
        with pytest.raises(InvalidInstances):
            read_npy(data)


def test_an_array_and_csv_are_rows_of_a_table(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "iris"))
    names = [column["name"] for column in preprocessing.to_document()["input"]["columns"]]
    expected, _ = preprocessing.read_instances([[5.1, 3.5, None, 0.2]])
    for posted in (
        np.array([[5.1, 3.5, np.nan, 0.2]]),
        CsvText(f"{','.join(names)}\n5.1,3.5,,0.2\n".encode()),
        CsvText(f"{';'.join(names)}\r\n5,1;3,5;NA;0,2\r\n".encode("utf-8-sig")),
        CsvText(f"{names[3]}\t{names[0]}\t{names[1]}\n0.2\t5.1\t3.5".encode()),
    ):
        served, warnings = preprocessing.read_instances(posted)
        assert np.array_equal(served["input"], expected["input"])
        assert [(warning["row"], warning["type"]) for warning in warnings] == [(0, "missing")]


def test_csv_without_a_header_is_rows_of_numbers(tmp_path: Path) -> None:
    preprocessing = fit(make_dataset(tmp_path, "circles"))
    served, _ = preprocessing.read_instances(CsvText(b"0.5,-1e-1\n\n2,3\n"))
    assert served["input"].tolist() == np.array([[0.5, -0.1], [2, 3]], np.float32).tolist()
    for text, row in (
        (b"1,2\n3\n", 1),
        (b"1,2\n3,x\n", 1),
        (b"a,b\n", 0),
        (b"1,\n", 0),
        (b"1_0,2\n", 0),
        (b"1,inf", 0),
    ):
        fault = faults(preprocessing, CsvText(text))[0]
        assert fault.row == row
        assert fault.pointer is None
    assert "no instances" in faults(preprocessing, CsvText(b"\n"))[0].detail


def test_lists_that_are_far_too_deep_for_a_window_are_refused() -> None:
    window = TensorInput((2, 1), Scaling.NONE, np.zeros(()), np.ones(()), fill=(0.5,))
    assert window.read([[[None], [2.0]]], Place(("instances",)), Allowance())[0].tolist() == [[[0.5], [2.0]]]
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(InvalidInstances):
        window.read([deep], Place(("instances",)), Allowance())
