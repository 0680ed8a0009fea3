"""An input of plain numbers: vectors, sequences, images, video."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from models.allowance import Allowance
from models.errors import Fault, InvalidInstances
from models.files.pictures import CHANNELS, BadPicture, Picture, read_picture
from models.memory import aligned_empty
from models.preprocessing.posted import NamedFile, picture_bytes
from models.spec import InputSpec, Scaling
from models.values.statistics import mean_and_deviation, usable_deviation
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS, Place, Shape, read_numbers, shapes_fit

if TYPE_CHECKING:
    from models.preprocessing.window_rows import WindowRows

LARGEST_BYTE = 255
FLOAT32 = "float32"
FIRST_FRAME = "The image has several frames or pages, of which the first is used."
MAX_PIXELS_AT_ONCE = 200_000_000
"""Pixels that are decoded for one request: an image of a few kilobytes can take a second to decode."""


@dataclass(frozen=True)
class TensorInput:
    """Converts raw rows to (value - mean) / std in float32, in the network's shape.

    `mean` and `std` (float64) broadcast against a row: one number, or one per feature or channel.
    """

    shape: Shape
    scaling: Scaling
    mean: np.ndarray
    std: np.ndarray
    picture: tuple[int, int, int] | None = None
    """The height, width and channels to which posted images are converted; None: rows aren't images."""
    fill: tuple[float, ...] | None = None
    """For sequences from a table: the replacement for a missing number of each feature; None: none may be missing."""
    rows: "WindowRows | None" = None
    """For sequences from a table: how rows of the table become sequences."""
    dtype: str = FLOAT32
    """The type of the rows; float64 only for imported networks that take float64 or integers beyond 2^24."""

    @classmethod
    def fit(
        cls,
        spec: InputSpec,
        values: np.ndarray,
        kind: str,
        fill: list[float] | None = None,
        scaled: np.ndarray | None = None,
    ) -> Self:
        """Fit to raw training rows (rows, …) of a dataset of this kind, in which `fill` replaced missing numbers.

        `scaled` says which features of a sequence are scaled; None: all. Standard scaling uses a mean and standard
        deviation per feature of a vector, and per index of the last axis of anything else (features of a step,
        channels), but only one for images without channels.
        """
        mean, std = np.zeros(()), np.ones(())
        if spec.scaling is Scaling.UNIT:
            std = np.full((), float(LARGEST_BYTE))
        elif spec.scaling is Scaling.STANDARD:
            rows = values.reshape(len(values), *spec.shape)
            without_channels = kind == "image" and len(spec.shape) == 2
            axes = None if without_channels else tuple(range(max(1, len(spec.shape))))
            mean, deviation = mean_and_deviation(rows, axes)
            std = usable_deviation(mean, deviation)
            if scaled is not None:
                chosen = np.resize(scaled, mean.shape)
                mean, std = np.where(chosen, mean, 0.0), np.where(chosen, std, 1.0)
        picture = picture_shape(values.shape[1:]) or picture_shape(spec.shape)
        return cls(spec.shape, spec.scaling, mean, std, picture, None if fill is None else tuple(fill))

    def find_difference(self, shape: Shape) -> str | None:
        """Why rows of this shape can't be scaled as before, as a sentence; None if they can."""
        if not self.mean.ndim or self.mean.shape[-1] == shape[-1]:
            return None
        return f"The version scales rows of the shape {list(self.shape)}, but the model takes {list(shape)}."

    def continued(self, shape: Shape, raw: Shape) -> Self:
        """The input for a training that continues on rows of the raw shape `raw`, which the network takes as `shape`.

        Numbers are scaled as before.
        """
        return replace(self, shape=shape, picture=picture_shape(raw) or picture_shape(shape))

    def complete(self, spec: InputSpec) -> InputSpec:
        """The input of a spec with the scaling of this one."""
        return replace(spec, scaling=self.scaling)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Raw rows as a network input: (rows, *shape)."""
        rows = aligned_empty((len(values), *self.shape), self.dtype)
        np.copyto(rows, values.reshape(rows.shape), casting="unsafe")
        return self._scale(rows)

    def _scale(self, rows: np.ndarray) -> np.ndarray:
        """Scale the array in place and return it."""
        shift, divisor = self.scales
        if shift is not None:
            rows -= shift
        if divisor is not None:
            rows /= divisor
        return rows

    @cached_property
    def scales(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """What to subtract from a row and what to divide the difference by, float32; None if it changes nothing."""
        shift = self.mean.astype(np.float32) if self.mean.any() else None
        return shift, self.std.astype(np.float32) if (self.std != 1).any() else None

    def read(
        self, instances: list | np.ndarray, place: Place, allowance: Allowance
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Posted rows as a network input, and warnings about images that were resized.

        A row is numbers, or an image file as bytes or `{"b64": …}`. Raises InvalidInstances; Excessive, TookTooLong.
        """
        if self.fill is not None:
            instances = self._fill(instances, self.fill)
        if isinstance(instances, np.ndarray):
            return self.transform(self._check_array(instances)), []
        files = {row: value for row, value in enumerate(instances) if isinstance(value, bytes | dict)}
        pictures = self._read_pictures(files, place, allowance) if files else {}
        if len(pictures) == len(instances):
            rows = np.stack([picture.pixels for picture in pictures.values()])
        else:
            numbers = [
                pictures[row].pixels.reshape(self.shape).tolist() if row in pictures else value
                for row, value in enumerate(instances)
            ]
            rows = read_numbers(numbers, place, InvalidInstances, self.shape, self.dtype)
        column = "/".join(place.within) or None
        changes = ((row, picture.describe_change()) for row, picture in pictures.items())
        warnings = [
            {"row": row, "column": column, "type": "resized", "detail": f"The image {change}."}
            for row, change in changes
            if change
        ]
        warnings += [
            {"row": row, "column": column, "type": "first_frame", "detail": FIRST_FRAME}
            for row, picture in pictures.items()
            if picture.frames
        ]
        return self.transform(rows), sorted(warnings, key=lambda warning: warning["row"])

    def read_array(self, values: np.ndarray) -> np.ndarray:
        """Posted rows as a network input, including numbers that aren't finite. Raises InvalidInstances."""
        if self.fill is not None:
            values = self._fill_array(values, self.fill)
        numbers = self._check_array(values, finite=self.fill is not None)
        return self._scale(numbers.reshape(len(numbers), *self.shape))

    def read_numbers(self, values: np.ndarray) -> tuple[np.ndarray, list[dict[str, Any]]] | None:
        """Posted rows of numbers (float64) as a network input; None if they don't fit."""
        if not shapes_fit(values.shape[1:], self.shape):
            return None
        numbers = values.ravel()
        # For one row, `max` and `min` would take three times as long as their indices.
        if max(numbers[numbers.argmax()], -numbers[numbers.argmin()]) > FLOAT32_MAX:
            return None
        return self._scale(values.astype(self.dtype).reshape(len(values), *self.shape)), []

    def _fill(self, instances: list | np.ndarray, fill: tuple[float, ...]) -> list | np.ndarray:
        """The same rows, with the features' fill values for missing numbers (null or NaN)."""
        if isinstance(instances, list):
            return [_fill_nulls(row, fill, len(self.shape)) for row in instances]
        return self._fill_array(instances, fill)

    def _fill_array(self, instances: np.ndarray, fill: tuple[float, ...]) -> np.ndarray:
        if instances.dtype.kind != "f" or instances.ndim < 2 or instances.shape[-1] % len(fill):
            return instances
        return np.where(np.isnan(instances), np.resize(fill, instances.shape[-1]), instances)

    def _check_array(self, rows: np.ndarray, *, finite: bool = True) -> np.ndarray:
        """The rows in the type of the input, unless they don't fit, or some aren't finite though they must be, or no
        longer are."""
        if rows.dtype.kind not in "biuf":
            raise InvalidInstances(Fault("The array holds text, but the model takes numbers.", pointer="#"))
        if not shapes_fit(rows.shape[1:], self.shape):
            detail = f"Rows of the array have the shape {list(rows.shape[1:])}, but {list(self.shape)} is expected."
            raise InvalidInstances(Fault(detail, pointer="#"))
        with np.errstate(over="ignore"):
            numbers = rows.astype(self.dtype)
        usable = np.isfinite(numbers)
        if not finite and not usable.all():
            usable |= ~np.isfinite(rows)
        if usable.all():
            return numbers
        raise InvalidInstances(
            *(
                Fault(f"Row {row}: numbers must be finite and at most 3.4e38 in magnitude.", row=row)
                for row in np.flatnonzero(~usable.reshape(len(rows), -1).all(axis=1))[:MAX_FAULTS].tolist()
            )
        )

    def _read_pictures(
        self, files: dict[int, bytes | dict[str, Any]], place: Place, allowance: Allowance
    ) -> dict[int, Picture]:
        """The images in these files, by row, converted to the size and channels of the training images."""
        first = next(iter(files))
        if self.picture is None:
            detail = f"Row {first} is an image or an object, but the model takes numbers of the shape"
            raise InvalidInstances(Fault(f"{detail} {list(self.shape)}.", place.pointer(first), row=first))
        pictures: dict[int, Picture] = {}
        faults: list[Fault] = []
        decoded = 0
        for row, file in files.items():
            allowance.check_time()
            if decoded > MAX_PIXELS_AT_ONCE:
                detail = f"The images before row {row} have {decoded:,} pixels: post fewer per request."
                raise InvalidInstances(Fault(detail, place.pointer(row), row=row))
            try:
                pictures[row] = self._read_picture(picture_bytes(file), self.picture, allowance)
                decoded += math.prod(pictures[row].original[:2])
            except BadPicture as problem:
                name = file.name if isinstance(file, NamedFile) else None
                whose = f"Row {row}" if name is None else f"Row {row}, {name}"
                faults.append(Fault(f"{whose}: {problem}", place.pointer(row), file=name, row=row))
            if len(faults) == MAX_FAULTS:
                break
        if faults:
            raise InvalidInstances(*faults)
        return pictures

    def _read_picture(self, file: bytes, shape: tuple[int, int, int], allowance: Allowance) -> Picture:
        """The image, converted to `shape`. Raises BadPicture."""
        height, width, channels = shape
        limits = allowance.limits

        def admit(pixels: int) -> None:
            if pixels > limits.prediction_pixels:
                most = f"the limit for a prediction is {limits.prediction_pixels:,}"
                raise BadPicture(f"{pixels:,} of its pixels would be decoded; {most}.")
            allowance.take_pixels(pixels)

        size = (height, width)
        return read_picture(file, limits.pixels, size, channels, max_scans=limits.jpeg_scans, admit=admit)

    def to_document(self) -> dict[str, Any]:
        return {
            "type": "tensor",
            "shape": list(self.shape),
            "scaling": self.scaling.value,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "picture": None if self.picture is None else list(self.picture),
        } | {
            **({} if self.fill is None else {"fill": list(self.fill)}),
            **({} if self.rows is None else {"rows": self.rows.to_document()}),
            **({} if self.dtype == FLOAT32 else {"dtype": self.dtype}),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        shape, scaling = tuple(document["shape"]), Scaling(document["scaling"])
        mean, std = (np.asarray(document[name], float) for name in ("mean", "std"))
        picture = document.get("picture")
        fill = document.get("fill")
        return cls(
            shape,
            scaling,
            mean,
            std,
            None if picture is None else tuple(picture),
            None if fill is None else tuple(fill),
            dtype=document.get("dtype", FLOAT32),
        )


def _fill_nulls(value: Any, fill: tuple[float, ...], rank: int) -> Any:
    """The same nested lists, with the features' fill values instead of null. Deeper lists than `rank` stay."""
    if not isinstance(value, list) or not rank:
        return value
    if None in value:
        return [fill[place % len(fill)] if one is None else one for place, one in enumerate(value)]
    return [_fill_nulls(one, fill, rank - 1) for one in value] if value and isinstance(value[0], list) else value


def picture_shape(shape: Shape) -> tuple[int, int, int] | None:
    """Height, width and channels, if rows of the shape can be images."""
    if len(shape) == 2:
        return (shape[0], shape[1], 1)
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 and shape[2] in CHANNELS else None
