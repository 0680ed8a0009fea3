"""Layers that change images in the training, and the two of them that also do so in predictions.

The formulas are those of keras/src/layers/preprocessing/image_preprocessing.
"""

import numpy as np
import onnx_ir as ir

from models.errors import NotServable
from models.export.graph import Layer, Tensor
from models.export.registry import builds

COLORS = 256


@builds(
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
)
def augmentation(layer: Layer, x: Tensor) -> Tensor:
    """x. Images keep their mask; rows of two axes, which Keras takes for one image, lose it."""
    return Tensor(x.value, x.shape, x.mask if len(x.shape) == 3 else None)


@builds("AutoContrast")
def auto_contrast(layer: Layer, x: Tensor) -> Tensor:
    """Each channel of an image stretched to value_range; channels of one color stay. Channels are last.

    Keras takes rows of two axes for one image, whose height is the batch.
    """
    op, axes = layer.op, [1, 2] if len(x.shape) == 3 else [0, 1]
    pixels = to_colors(layer, x.value)
    low, high = op.ReduceMin(pixels, axes, keepdims=1), op.ReduceMax(pixels, axes, keepdims=1)
    scale = op.Div(255.0, op.Sub(high, low))
    stretched = op.Clip(op.Add(op.Mul(pixels, scale), op.Neg(op.Mul(low, scale))), 0.0, 255.0)
    return Tensor(op.Where(op.Equal(high, low), x.value, from_colors(layer, stretched)), x.shape)


@builds("ContrastLimitedAdaptiveHistogramEqualization")
def equalize_adaptively(layer: Layer, x: Tensor) -> Tensor:
    """Each pixel at its place in the cumulated histogram of its tile, interpolated between the four nearest tiles.

    Counts above clip_limit (0: none) times the mean are distributed over all 256 colors. The image is mirrored at the
    bottom and the right until its sides are multiples of the tiles.
    """
    if len(x.shape) != 3:
        raise NotServable(f"The network can't be exported to ONNX: {layer.type} needs images of three axes.")
    height, width, channels = x.shape
    tiles = [Tiles(length, count) for length, count in zip((height, width), layer["tile_grid_size"], strict=True)]
    pixels = layer.op.Cast(layer.op.Clip(to_colors(layer, x.value), 0.0, 255.0), to=ir.DataType.INT64)
    cumulated = cumulate(layer, pixels, tiles, channels)
    return Tensor(from_colors(layer, interpolate(layer, cumulated, pixels, tiles, channels)), x.shape)


class Tiles:
    """The tiles along one side of an image, and the two nearest of each pixel."""

    def __init__(self, pixels: int, count: int) -> None:
        self.count = count
        self.pixels = pixels
        self.length = -(-pixels // count)
        places = np.arange(self.length * count, dtype=np.float32)
        self.mirrored = [*range(pixels), *range(pixels - 1, -1, -1)][: len(places)]
        self.of_pixels = np.arange(len(places)) // self.length
        center = (places[:pixels] - np.float32(self.length / 2)) / np.float32(self.length)
        before = np.floor(center)
        self.weight = center - before
        """Of the second of the two tiles."""
        self.nearest = [np.clip(before + step, 0, count - 1).astype(np.int64) for step in (0, 1)]


def offsets(rows: np.ndarray, columns: np.ndarray, width: int, channels: int) -> np.ndarray:
    """Where the histograms of tiles begin among those of all tiles and channels: (height, width, channels)."""
    tile = rows[:, None] * width + columns[None, :]
    return (tile[..., None] * channels + np.arange(channels)) * COLORS


def cumulate(layer: Layer, pixels: ir.Value, tiles: list[Tiles], channels: int) -> ir.Value:
    """The cumulated histograms of all tiles and channels, from 0 to 255: (rows, tiles · channels · 256)."""
    op, constant, (down, across) = layer.op, layer.graph.constant, tiles
    for axis, side in ((1, down), (2, across)):
        if len(side.mirrored) > side.pixels:
            pixels = op.Gather(pixels, constant(side.mirrored, np.int64), axis=axis)
    starts = offsets(down.of_pixels, across.of_pixels, across.count, channels)
    places = op.Reshape(op.Add(pixels, constant(starts, np.int64)), [-1, starts.size])
    ones = op.Cast(op.GreaterOrEqual(places, 0), to=ir.DataType.FLOAT)
    total = down.count * across.count * channels * COLORS
    shape = op.Concat(op.Shape(pixels, end=1), constant([total], np.int64), axis=0)
    counts = op.ScatterElements(op.Expand(0.0, shape), places, ones, axis=1, reduction="add")
    counts = op.Reshape(counts, [-1, down.count * across.count * channels, COLORS])
    size = down.length * across.length
    if layer["clip_limit"] > 0:
        clipped = op.Min(counts, float(np.float32(layer["clip_limit"] * size / COLORS)))
        excess = op.ReduceSum(op.Sub(counts, clipped), [-1], keepdims=1)
        counts = op.Add(clipped, op.Div(excess, float(COLORS)))
    sums = op.CumSum(counts, -1)
    least = op.ReduceMin(sums, [-1], keepdims=1)
    rest = op.Sub(float(size), least)
    rest = op.Where(op.Equal(rest, 0.0), 1.0, rest)
    sums = op.Clip(op.Div(op.Mul(op.Sub(sums, least), 255.0), rest), 0.0, 255.0)
    return op.Reshape(sums, [-1, total])


def interpolate(layer: Layer, cumulated: ir.Value, pixels: ir.Value, tiles: list[Tiles], channels: int) -> ir.Value:
    """The colors of pixels in the histograms of the nearest tiles, weighted by their nearness."""
    op, constant, (down, across) = layer.op, layer.graph.constant, tiles
    shape = [-1, down.pixels, across.pixels, channels]

    def colors(rows: np.ndarray, columns: np.ndarray) -> ir.Value:
        starts = offsets(rows, columns, across.count, channels)
        places = op.Reshape(op.Add(pixels, constant(starts, np.int64)), [-1, starts.size])
        return op.Reshape(op.GatherElements(cumulated, places, axis=1), shape)

    def between(pair: list[ir.Value], weight: np.ndarray) -> ir.Value:
        return op.Add(op.Mul(pair[0], constant(1 - weight)), op.Mul(pair[1], constant(weight)))

    lines = [
        between([colors(rows, columns) for columns in across.nearest], across.weight[:, None]) for rows in down.nearest
    ]
    return between(lines, down.weight[:, None, None])


def to_colors(layer: Layer, value: ir.Value) -> ir.Value:
    """Numbers of value_range as 0 to 255."""
    op, (low, high) = layer.op, map(float, layer["value_range"])
    if (low, high) == (0, 255):
        return value
    return op.Mul(op.Div(op.Sub(value, low), high - low), 255.0)


def from_colors(layer: Layer, value: ir.Value) -> ir.Value:
    """0 to 255 as numbers of value_range."""
    op, (low, high) = layer.op, map(float, layer["value_range"])
    if (low, high) == (0, 255):
        return value
    return op.Add(op.Mul(op.Div(value, 255.0), high - low), low)
