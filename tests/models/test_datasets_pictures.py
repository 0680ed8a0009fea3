"""A ZIP of images becomes a dataset, or an error names the invalid file."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.datasets.examples import Examples
from models.datasets.pictures import check_picture, read_pictures
from models.errors import Fault, InvalidData
from models.files.pictures import BadPicture, read_picture
from models.limits import Limits
from models.preprocessing import Preprocessing, inputs_from_dataset
from tests.models.made_datasets import make_dataset
from tests.models.made_pictures import GREEN, GREY, RED, encode, pattern, picture, write_zip
from tests.models.made_uploads import faults_of_upload, import_upload
from tests.models.network_specs import make_spec

TWO = {"cat/1.png": picture(RED), "dog/1.png": picture(GREEN)}


def read(path: Path, limits: Limits | None = None, **options: Any) -> Examples:
    request = {"source": "upload", "file": {"name": "pets.zip"}, **options}
    return read_pictures(path, request, limits or Limits(), lambda share: None)


def faults(path: Path, limits: Limits | None = None, **options: Any) -> tuple[Fault, ...]:
    before = sorted(path.parent.iterdir())
    with pytest.raises(InvalidData) as caught:
        read(path, limits, **options)
    assert sorted(path.parent.iterdir()) == before
    return caught.value.faults


PALETTE_COLOUR = 3
"""The colour type of a PNG whose pixels are numbers of colours in its palette."""


def bare_png(width: int, height: int, colour: int = 2) -> bytes:
    """The beginning of a picture that claims a size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    packed = zlib.compress(bytes(1000))
    idat = b"IDAT" + packed
    return data + struct.pack(">I", len(packed)) + idat + struct.pack(">I", zlib.crc32(idat))


def test_folders_are_classes_and_every_format_is_accepted(tmp_path: Path) -> None:
    files = {
        "dog/b.webp": picture(GREEN, format_="WEBP", lossless=True),
        "cat/z.jpg": picture(RED, format_="JPEG"),
        "cat/a/deep.png": picture(RED),
        "README.txt": b"about the pictures",
        "__MACOSX/cat/._z.jpg": b"what a desktop leaves",
        "dog/.DS_Store": b"the same",
    }
    examples = read(write_zip(tmp_path / "data", files))
    assert examples.kind == "image"
    assert examples.classes == ("cat", "dog")
    assert examples.targets.tolist() == ["cat", "cat", "dog"]
    assert examples.test_rows == 0
    tensors = examples.tensors or {}
    assert tensors["input"].shape == (3, 4, 6, 3)
    assert tensors["input"].dtype == np.uint8
    assert np.abs(tensors["input"][:, 0, 0].astype(int) - [RED, RED, GREEN]).max() <= 6


def test_train_and_test_folders_are_splits_also_below_a_single_top_folder(tmp_path: Path) -> None:
    files = {
        f"pets/{part}/{name}/{number}.png": picture(colour)
        for part, count in (("test", 1), ("train", 2))
        for name, colour in (("cat", RED), ("dog", GREEN))
        for number in range(count)
    }
    examples = read(write_zip(tmp_path / "data", {"pets/README.md": b"x", **files}))
    assert examples.rows == 6
    assert examples.test_rows == 2
    assert examples.targets.tolist() == ["cat", "cat", "dog", "dog", "cat", "dog"]
    assert examples.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("parts", "problem"),
    [(("valid", "test"), "but no train/"), (("train", "owl"), "of which owl/ is unexpected")],
)
def test_folders_of_splits_never_become_classes(parts: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    files = {f"{part}/{name}": content for part in parts for name, content in TWO.items()}
    (fault,) = faults(write_zip(tmp_path / "data", files))
    assert problem in fault.detail
    assert "use train/ with validation/, test/ or both" in fault.detail


def test_other_names_of_splits_are_accepted_and_classes_may_have_them(tmp_path: Path) -> None:
    files = {f"{part}/{name}": content for part in ("Training", "testing") for name, content in TWO.items()}
    examples = read(write_zip(tmp_path / "data", files))
    assert (examples.classes, examples.test_rows) == (("cat", "dog"), 2)
    examples = read(write_zip(tmp_path / "data", {"train/1.png": picture(RED), "bus/1.png": picture(GREEN)}))
    assert examples.classes == ("bus", "train")


def test_the_first_picture_gives_size_and_channels_unless_others_are_asked_for(tmp_path: Path) -> None:
    files = {"a/1.png": picture(GREY, 5, 7), "b/1.png": picture(RED, 20, 10), "b/2.jpg": picture(RED, 90, 90, "JPEG")}
    path = write_zip(tmp_path / "data", files)
    shapes = {
        (): (5, 7, 1),
        (("channels", 3),): (5, 7, 3),
        (("height", 2), ("width", 3)): (2, 3, 1),
        (("height", 2), ("width", 3), ("channels", 3)): (2, 3, 3),
    }
    for options, shape in shapes.items():
        tensor = (read(path, picture=dict(options)).tensors or {})["input"]
        assert tensor.shape == (3, *shape)
        assert (tensor[0] == GREY).all()
    assert np.abs(tensor[1:].astype(int) - RED).max() <= 6


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        (5, "#/picture"),
        ({"size": 4}, "#/picture/size"),
        ({"height": 4}, "#/picture"),
        ({"height": 0, "width": 4}, "#/picture/height"),
        ({"height": 4, "width": 10_000}, "#/picture/width"),
        ({"height": 4, "width": True}, "#/picture/width"),
        ({"channels": 4}, "#/picture/channels"),
        ({"channels": [1]}, "#/picture/channels"),
    ],
)
def test_invalid_options_are_refused(options: Any, pointer: str) -> None:
    assert pointer in [fault.pointer for fault in check_picture(options)]


def test_options_that_are_left_out_are_fine() -> None:
    for options in (None, {}, {"height": 4, "width": 4}, {"channels": 1}, {"height": None, "width": None}):
        assert check_picture(options) == []


@pytest.mark.parametrize("name", ["../evil.png", "cat/../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\evil.png"])
def test_names_that_lead_out_of_the_zip_are_refused(name: str, tmp_path: Path) -> None:
    (fault,) = faults(write_zip(tmp_path / "data", {**TWO, name: picture()}))
    assert fault.file == name
    assert "leads out" in fault.detail


@pytest.mark.parametrize("name", ["", ".", "\0hidden.png"])
def test_a_file_without_a_name_is_refused(name: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", TWO)
    with zipfile.ZipFile(path, "a") as archive:
        nameless = zipfile.ZipInfo("x")
        nameless.filename = name
        archive.writestr(nameless, picture())
    (fault,) = faults(path)
    assert "has no name" in fault.detail


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", {**TWO, "cat/2.png": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    (fault,) = faults(path)
    assert fault.file == "pets.zip"
    assert "times larger" in fault.detail
    (fault,) = faults(path, Limits(dataset_bytes=1_000_000))
    assert "50,0" in fault.detail
    (fault,) = faults(path, Limits(zip_entries=2))
    assert "more than the limit of 2 files" in fault.detail


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_than_deflate_is_refused_unread(method: int, tmp_path: Path) -> None:
    files = {"cat/1.png": bytes(100_000), "dog/1.png": picture(GREEN)}
    found = faults(write_zip(tmp_path / "data", files, compression=method))
    assert [fault.file for fault in found] == ["cat/1.png", "dog/1.png"]
    assert "Deflate" in found[0].detail


def test_a_file_that_unpacks_to_more_than_the_zip_says_is_cut_there(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", {**TWO, "cat/2.png": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 1000)))
    tracemalloc.start()
    (fault,) = faults(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fault.file == "cat/2.png"
    assert most < 5_000_000


def test_a_record_of_zip64_without_its_locator_hides_no_files(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", TWO)
    record = b"PK\6\6" + bytes(52)
    with zipfile.ZipFile(path, "a") as archive:
        last = zipfile.ZipInfo("dog/2.png")
        last.comment = record + bytes(20)
        archive.writestr(last, picture(GREEN))
    (fault,) = faults(path, Limits(zip_entries=2))
    assert "more than the limit of 2 files" in fault.detail


def test_a_picture_of_40000_by_40000_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    for size in (40_000, 10_000):
        (fault,) = faults(write_zip(tmp_path / "data", {**TWO, "cat/huge.png": bare_png(size, size)}))
        assert fault.file == "cat/huge.png"
        assert f"{size:,} × {size:,}" in fault.detail


def test_a_picture_of_few_bytes_has_few_pixels(tmp_path: Path) -> None:
    plain = picture(RED, 3000, 3000)
    path = write_zip(tmp_path / "data", {**TWO, "cat/plain.png": plain})
    (fault,) = faults(path, Limits(pixel_ratio=100), picture={"height": 2, "width": 2})
    assert fault.file == "cat/plain.png"
    assert f"the limit is {4 * 1024**2 + 100 * len(plain):,}" in fault.detail
    read_pictures(path, {"picture": {"height": 2, "width": 2}}, Limits(), lambda share: None)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_named(format_: str, tmp_path: Path) -> None:
    whole = pattern(50, 50, format_)
    files = {**TWO, "dog/cut": whole[: len(whole) // 2], "dog/empty.png": b"", "dog/text.jpg": b"no picture"}
    found = faults(write_zip(tmp_path / "data", files))
    assert [fault.file for fault in found] == ["dog/cut", "dog/empty.png", "dog/text.jpg"]
    assert "damaged or truncated" in found[0].detail
    assert "empty" in found[1].detail
    assert "isn't a PNG, JPEG, WebP, GIF, BMP or TIFF" in found[2].detail


def test_a_picture_without_its_palette_is_damaged() -> None:
    file = bare_png(4, 4, PALETTE_COLOUR) + b"\0\0\0\0IEND\xaeB`\x82"
    with pytest.raises(BadPicture, match="damaged"):
        read_picture(file, 16)


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x10\0\0\0WEBP"])
def test_the_fault_of_a_picture_holds_no_address_in_memory(start: bytes, tmp_path: Path) -> None:
    (fault,) = faults(write_zip(tmp_path / "data", {**TWO, "dog/2.png": start + b"nothing"}))
    assert "damaged or truncated" in fault.detail
    assert "0x" not in fault.detail
    assert "object" not in fault.detail


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", {"cat/1.png": pattern(90, 90), "dog/1.png": picture(GREEN, 90, 90)})
    content = path.read_bytes()
    for damaged in (content[:-30], content[:1000], b"PK", b"", content[:-6] + b"\xff" * 6):
        path.write_bytes(damaged)
        (fault,) = faults(path)
        assert fault.file == "pets.zip"
    path.write_bytes(content.replace(content[200:300], bytes(100)))
    (fault,) = faults(path)
    assert fault.file == "cat/1.png"


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", TWO)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    (fault,) = faults(path)
    assert "encrypted" in fault.detail


@pytest.mark.parametrize(
    ("files", "part", "file"),
    [
        ({}, "no images in class folders", "pets.zip"),
        ({"README.txt": b"x"}, "no images in class folders", "pets.zip"),
        ({"cat/1.png": picture()}, "only one class", "pets.zip"),
        ({**TWO, "x" * 257 + "/1.png": picture()}, "257 characters", "pets.zip"),
        ({**TWO, "loose.png": picture()}, "isn't in a class folder", "loose.png"),
        ({f"{part}/{name}": p for part in ("train", "test") for name, p in TWO.items()} | {"a/b.png": b""}, "a/", None),
        (
            {**{f"train/{name}": p for name, p in TWO.items()}, "test/owl/1.png": picture()},
            'class "owl"',
            "test/owl/1.png",
        ),
    ],
)
def test_pictures_without_an_order_are_refused(files: dict, part: str, file: str | None, tmp_path: Path) -> None:
    (fault,) = faults(write_zip(tmp_path / "data", files))
    assert part in fault.detail
    assert fault.file == (file or "pets.zip")


def test_rows_and_bytes_are_limited(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", TWO)
    assert "limit is 1" in faults(path, Limits(rows=1))[0].detail
    (fault,) = faults(path, Limits(dataset_bytes=10_000), picture={"height": 100, "width": 100})
    assert fault.pointer == "#/picture"


def test_the_pixels_of_all_pictures_together_are_limited(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data", {**TWO, "dog/2.png": pattern(50, 50), "dog/3.png": pattern(50, 50)})
    small = {"height": 4, "width": 4}
    (fault,) = faults(path, Limits(total_pixels=5000), picture=small)
    assert fault.file == "dog/3.png"
    assert "5,048 pixels in total; the limit is 5,000" in fault.detail
    assert "FITSERVE_MAX_TOTAL_PIXELS" in fault.detail
    read_pictures(path, {"picture": small}, Limits(total_pixels=5048), lambda share: None)


def test_a_picture_is_turned_upright_as_its_camera_says() -> None:
    image = Image.open(io.BytesIO(pattern(4, 6)))
    upright = np.asarray(image)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn by 90° clockwise to see it upright
    lying = image.transpose(Image.Transpose.ROTATE_90)
    for options in ({}, {"size": (4, 6)}, {"channels": 3}):
        assert np.array_equal(read_picture(encode(lying, exif=exif), 1000, **options).pixels, upright)


def test_sixteen_bits_and_palettes_become_eight_bits_a_channel() -> None:
    deep = Image.fromarray(np.full((2, 2), 0x80FF, np.uint16))
    assert (read_picture(encode(deep), 1000).pixels == 0x80).all()
    palette = Image.open(io.BytesIO(picture((0, 255, 0)))).convert("P")
    assert (read_picture(encode(palette), 1000).pixels == (0, 255, 0)).all()
    assert read_picture(picture(RED), 1000, channels=1).pixels.shape == (4, 6, 1)


def test_transparent_pictures_are_laid_on_white() -> None:
    half, nothing = picture((250, 0, 0, 127)), picture((250, 0, 0, 0))
    assert (read_picture(nothing, 1000).pixels == 255).all()
    assert np.abs(read_picture(half, 1000).pixels[0, 0].astype(int) - (252, 128, 128)).max() <= 1
    assert (read_picture(nothing, 1000, channels=1).pixels == 255).all()
    palette = Image.open(io.BytesIO(picture((0, 255, 0)))).convert("P")
    index = int(np.asarray(palette)[0, 0])
    assert (read_picture(encode(palette, transparency=index), 1000).pixels == 255).all()
    grey = Image.fromarray(np.full((2, 2), 7, np.uint8))
    grey.putalpha(0)
    assert read_picture(encode(grey), 1000).pixels.tolist() == np.full((2, 2, 1), 255).tolist()


@pytest.mark.parametrize("folder", ["validation", "val", "Valid"])
def test_validation_folders_are_validation_rows(folder: str, tmp_path: Path) -> None:
    parts = {"train": 2, folder: 1, "test": 1}
    files = {
        f"pets/{part}/{kind}/{number}.png": picture()
        for part, count in parts.items()
        for kind in ("cat", "dog")
        for number in range(count)
    }
    examples = read(write_zip(tmp_path / "data", files))
    assert examples.guide is not None
    assert examples.guide.tolist() == ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    without_test = {name: content for name, content in files.items() if "/test/" not in name}
    content = write_zip(tmp_path / "other", without_test).read_bytes()
    dataset = import_upload(tmp_path, content, "pets.zip", target=None)
    assert dataset.descriptor.splits == {"train": 4, "validation": 2, "test": 0}


def test_a_zip_with_validation_rows_is_not_split_again(tmp_path: Path) -> None:
    files = {f"{part}/{name}": content for part in ("train", "val") for name, content in TWO.items()}
    content = write_zip(tmp_path / "zip", files).read_bytes()
    found = faults_of_upload(tmp_path, content, "pets.zip", target=None, split={"validation": 0.2, "test": 0.2})
    assert [fault.pointer for fault in found] == ["#/split/validation", "#/split/test"]


def test_notes_and_desktop_files_are_ignored_and_other_files_are_named(tmp_path: Path) -> None:
    clutter = dict.fromkeys(["cat/notes.txt", "cat/1.json", "dog/Thumbs.db", "cat/desktop.INI", "LICENSE"], b"x")
    assert read(write_zip(tmp_path / "data", TWO | clutter)).rows == 2
    strangers = {"cat/2.psd": b"8BPS", "dog/model.bin": b"x"}
    assert [fault.file for fault in faults(write_zip(tmp_path / "data", TWO | strangers))] == list(strangers)


@pytest.mark.parametrize("format_", ["GIF", "BMP", "TIFF"])
def test_more_formats_are_read_like_png(format_: str) -> None:
    colours = pattern(5, 7, "PNG")
    same = encode(Image.open(io.BytesIO(colours)).convert("P" if format_ == "GIF" else "RGB"), format_)
    wanted = read_picture(encode(Image.open(io.BytesIO(same)).convert("RGB")), 1000)
    assert np.array_equal(read_picture(same, 1000).pixels, wanted.pixels)
    assert read_picture(picture(GREY, format_=format_), 1000).original == (4, 6, 3 if format_ == "GIF" else 1)
    with pytest.raises(BadPicture, match="the limit is 10 in total"):
        read_picture(same, 10)
    for cut in (len(same) // 3, 20):
        with pytest.raises(BadPicture):
            read_picture(same[:cut], 1000)


def animation(format_: str) -> bytes:
    frames = [Image.new("RGB", (6, 4), colour) for colour in (RED, GREEN)]
    return encode(frames[0], format_, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("format_", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_used_and_it_is_said(format_: str, tmp_path: Path) -> None:
    first = read_picture(animation(format_), 1000)
    assert first.frames
    assert np.abs(first.pixels[0, 0].astype(int) - RED).max() <= 5
    assert not read_picture(picture(format_=format_), 1000).frames
    examples = read(write_zip(tmp_path / "data", TWO | {"cat/9.gif": animation(format_)}))
    (note,) = examples.notes
    assert (note.type, note.count) == ("first_frame", 1)
    assert "cat/9.gif" in note.detail


def test_a_tiff_that_takes_more_than_its_pixels_is_refused() -> None:
    numbers = Image.fromarray(np.ones((4, 6), np.float32))
    with pytest.raises(BadPicture, match="32-bit numbers"):
        read_picture(encode(numbers, "TIFF"), 1000)
    with pytest.raises(BadPicture, match="compression jpeg"):
        read_picture(encode(Image.new("RGB", (16, 16)), "TIFF", compression="jpeg"), 1000)
    plain = picture(GREY, format_="TIFF")
    tag = struct.pack("<H", 278)  # the rows of a strip become the width of a tile
    place = plain.index(tag + b"\x03\0\x01\0\0\0") if tag + b"\x03\0\x01" in plain else plain.index(tag + b"\x04\0")
    tiled = plain[:place] + struct.pack("<HHII", 322, 4, 1, 10**6) + plain[place + 12 :]
    with pytest.raises(BadPicture, match="tiles of more pixels"):
        read_picture(tiled, 1000)


def test_a_posted_animation_is_warned_of(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[np.zeros((4, 6, 3)).tolist()] * 2, targets=["a", "b"])
    inputs = inputs_from_dataset(dataset.descriptor, "made", "none")
    served = Preprocessing.fit(make_spec(inputs=inputs), dataset)
    warnings = served.read_instances([picture(), animation("GIF")])[1]
    assert [(warning["row"], warning["type"]) for warning in warnings] == [(1, "first_frame")]


def test_the_reference_pictures_come_in_ten_classes(reference_data: Path, tmp_path: Path) -> None:
    few: dict[str, bytes] = {}
    with zipfile.ZipFile(reference_data / "cifar10-images.zip") as archive:
        for entry in archive.infolist()[::200]:
            if not entry.is_dir():
                few[entry.filename] = archive.read(entry)
    examples = read(write_zip(tmp_path / "data", few))
    assert examples.rows == len(few)
    assert len(examples.classes or ()) == 10
    assert (examples.tensors or {})["input"].shape == (len(few), 32, 32, 3)
    assert examples.test_rows == sum(name.startswith("test/") for name in few)
