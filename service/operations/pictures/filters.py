"""The document of filters: the weights of a version's first layer with weights, in the shape of what it takes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import NoPicture
from models.graph import Node, resolve
from models.spec import Column, InputSpec, NetworkSpec
from models.version_files import TRAINED, WEIGHTS, read_spec
from service.context import Context
from service.operations.catalog import versions
from service.operations.pictures.rounding import plain
from service.operations.stored_files import version_folder

KINDS = ("tiles", "bars", "matrix", "none")
KERNELS = ("kernel", "depthwise_kernel", "embeddings")
MOST_TILES = 64
MOST_SIDE = 48
"""The numbers of a tile on each side, at most: larger ones are averaged."""
MOST_NUMBERS = 40_000
"""The numbers of all tiles together, at most, but MIN_TILES are always shown."""
MIN_TILES = 8
MOST_ROWS, MOST_COLUMNS = 40, 48
"""The rows and the columns of a matrix, at most."""
MOST_BYTES = 2**28
"""The size of a layer's weights that are read, at most."""
MOST_BARS = 4
"""The units of a layer whose weights are drawn as bars, at most."""
COLOURS = 3
PASSING = (
    "Activation", "BatchNormalization", "Dropout", "Flatten", "GaussianDropout", "GaussianNoise", "LayerNormalization",
    "Normalization", "Rescaling", "SpatialDropout1D", "SpatialDropout2D",
)  # fmt: skip
"""The layers after which each number still stands for the same one of the input."""


@dataclass(frozen=True)
class Kernel:
    """The weights of a layer, and what is known of the layer."""

    layer: str
    type: str
    values: np.ndarray
    input_: InputSpec | None
    """The network's input if the layer takes its numbers, possibly flattened."""
    units: tuple[str, ...] = ()
    """The names of its units, if it is the last layer: those of the classes."""

    @property
    def sentence(self) -> str:
        shape = " × ".join(f"{length:,}" for length in self.values.shape)
        return f"The weights ({shape}) of the layer {self.layer}"


def describe(context: Context, model: str, number: int) -> dict[str, Any]:
    """The weights of a version's first layer that has any. Raises NotFound, NotReady, NoPicture,
    DamagedNetwork, IncompleteVersion."""
    version = versions.find_available(context, model, number)
    title = f"{model}, version {number}"
    document = {"title": title, "description": f"No filters of {title}.", "model": model, "version": number, **NOTHING}
    if versions.is_onnx(version):
        return document | {"notes": [f"The version has no layers. {versions.ONNX_REASON}"]}
    folder = version_folder(context, version.folder, WEIGHTS, TRAINED)
    with np.load(folder / WEIGHTS, allow_pickle=False) as file:
        kernel = _find_kernel(read_spec(folder), file, version.details.classes or [])
    if kernel is None:
        return document | {"notes": ["The network has no weights that can be drawn."]}
    shown = {"layer": kernel.layer, "layer_type": kernel.type, "shape": list(kernel.values.shape)}
    return document | shown | {"description": f"{kernel.sentence} of {title}."} | _show(kernel)


NOTHING: dict[str, Any] = {
    "kind": "none", "layer": None, "layer_type": None, "shape": None, "colours": False, "tiles": [], "matrix": None,
    "largest": None, "notes": [],
}  # fmt: skip


def _find_kernel(spec: NetworkSpec, weights: Any, classes: Sequence[Any]) -> Kernel | None:
    """The first kernel in the order of the layers, of weights by their Keras paths."""
    nodes = resolve(spec)
    names = [name for name in weights.files if name.rpartition("/")[2] in KERNELS]
    for node in nodes:
        own = next((name for name in names if name.startswith(f"{node.name}/")), None)
        if own is not None:
            values = _read(weights, own)
            units = _name_units(values.shape[-1], classes) if node is nodes[-1] else ()
            return Kernel(node.name, node.layer.type, values, _find_input(spec, nodes, node), units)
    if not names:
        return None
    return Kernel(names[0].rpartition("/")[0], "", _read(weights, names[0]), None)


def _name_units(count: int, classes: Sequence[Any]) -> tuple[str, ...]:
    """The classes of the units of the last layer. A single one is that of the second of two classes."""
    named = classes[1:] if count == 1 and len(classes) == 2 else classes
    return tuple(map(str, named)) if len(named) == count else ()


def _read(weights: Any, name: str) -> np.ndarray:
    size = weights.zip.getinfo(f"{name}.npy").file_size
    if size > MOST_BYTES:
        raise NoPicture(f"The weights {name} take {size:,} bytes; at most {MOST_BYTES:,} can be drawn.")
    values: np.ndarray = weights[name]
    return values


def _find_input(spec: NetworkSpec, nodes: Sequence[Node], node: Node) -> InputSpec | None:
    """The network's input whose numbers a layer takes; None if another layer changes them before."""
    before = {each.name: each for each in nodes}
    while len(node.inputs) == 1:
        (name,) = node.inputs
        if name in spec.inputs:
            return spec.inputs[name]
        node = before[name]
        if node.layer.type not in PASSING:
            return None
    return None


def _show(kernel: Kernel) -> dict[str, Any]:
    values = kernel.values
    if "Conv" in kernel.type and values.ndim >= 3:
        return _show_convolution(kernel)
    if kernel.type == "Dense" and kernel.input_ is not None and len(kernel.input_.shape) in (2, 3):
        shape = kernel.input_.shape
        if math.prod(shape) == len(values) and (len(shape) == 2 or shape[2] in (1, COLOURS)):
            return _show_tiles(values.T.reshape(-1, *shape), "unit", names=kernel.units)
    matrix = values.reshape(len(values), -1) if values.ndim > 1 else values[:, None]
    if kernel.type == "Embedding":
        return _show_matrix(matrix, [f"{number}" for number in range(len(matrix))], "number", [])
    names = _name_rows(kernel, len(matrix))
    order = np.argsort(-np.abs(np.nan_to_num(matrix)).sum(axis=1), kind="stable")
    if len(matrix) <= MOST_ROWS:
        return _show_matrix(matrix, names, "unit", [], kernel.units)
    notes = [f"{MOST_ROWS} of {len(matrix):,} inputs are shown: those with the largest weights."]
    chosen = order[:MOST_ROWS]
    return _show_matrix(matrix[chosen], [names[place] for place in chosen.tolist()], "unit", notes, kernel.units)


def _show_convolution(kernel: Kernel) -> dict[str, Any]:
    """The kernels of a convolution as tiles: one for each filter, or for some channels of some filters."""
    values, notes = kernel.values, []
    if values.ndim == 3:  # (steps, channels, filters)
        notes.append("Each tile has the steps from left to right, and the channels from top to bottom.")
        return _show_tiles(values.transpose(2, 1, 0), "filter", notes)
    if values.ndim == 5:
        notes.append(f"The middle one of {len(values)} slices is shown.")
        values = values[len(values) // 2]
    height, width, channels, count = values.shape
    if "Depthwise" in kernel.type or "Separable" in kernel.type:
        tiles = values.reshape(height, width, channels * count).transpose(2, 0, 1)
        return _show_tiles(tiles, "filter", notes)
    if channels in (1, COLOURS):
        return _show_tiles(values.transpose(3, 0, 1, 2), "filter", notes)
    shown = min(channels, MIN_TILES)
    filters = min(count, MOST_TILES // shown)
    if shown < channels or filters < count:
        notes.append(f"{shown} of {channels} channels of {filters} of {count} filters are shown.")
    tiles = values[:, :, :shown, :filters].transpose(3, 2, 0, 1).reshape(-1, height, width)
    names = [f"filter {each // shown + 1}, channel {each % shown + 1}" for each in range(len(tiles))]
    return _show_tiles(tiles, "filter", notes, names=names)


def _show_tiles(
    tiles: np.ndarray,
    word: str,
    notes: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Tiles (tiles, rows, columns) or, in colours, (tiles, rows, columns, 3)."""
    notes = [*notes]
    if tiles.ndim == 4 and tiles.shape[-1] == 1:
        tiles = tiles[..., 0]
    count, height, width = tiles.shape[:3]
    factor = math.ceil(max(height, width) / MOST_SIDE)
    if factor > 1:
        tiles = _average(tiles, factor)
        notes.append(f"Tiles of {width} × {height} are shrunk by averaging {factor} × {factor} weights.")
    most = max(MIN_TILES, min(MOST_TILES, MOST_NUMBERS // tiles[0].size))
    if count > most:
        notes.append(f"{most} of {count:,} {word}s are shown.")
    shown = tiles[:most]
    names = names or [f"{word} {number}" for number in range(1, len(shown) + 1)]
    numbers = plain(shown, digits=3)
    return {
        "kind": "tiles",
        "colours": tiles.ndim == 4,
        "tiles": [{"name": name, "values": values} for name, values in zip(names, numbers, strict=False)],
        "largest": _largest(shown),
        "notes": notes,
    }


def _average(tiles: np.ndarray, factor: int) -> np.ndarray:
    """Tiles whose rows and columns are averaged in groups; the last group may be smaller."""
    for axis in (1, 2):
        starts = np.arange(0, tiles.shape[axis], factor)
        lengths = np.diff([*starts.tolist(), tiles.shape[axis]])
        shape = [1] * tiles.ndim
        shape[axis] = len(lengths)
        tiles = np.add.reduceat(tiles, starts, axis=axis) / lengths.reshape(shape)
    return tiles


def _show_matrix(
    matrix: np.ndarray, names: Sequence[str], word: str, notes: list[str], units: Sequence[str] = ()
) -> dict[str, Any]:
    """A matrix of inputs (rows) and units (columns)."""
    rows, columns = matrix.shape
    if rows > MOST_ROWS:
        notes = [*notes, f"The first {MOST_ROWS} of {rows:,} rows are shown."]
    if columns > MOST_COLUMNS:
        notes = [*notes, f"The first {MOST_COLUMNS} of {columns:,} {word}s are shown."]
    shown = matrix[:MOST_ROWS, :MOST_COLUMNS]
    return {
        "kind": "bars" if columns <= MOST_BARS else "matrix",
        "matrix": {
            "rows": list(names[:MOST_ROWS]),
            "columns": list(units[:MOST_COLUMNS] or [f"{word} {number}" for number in range(1, shown.shape[1] + 1)]),
            "values": plain(shown, digits=4),
        },
        "largest": _largest(shown),
        "notes": notes,
    }


def _largest(values: np.ndarray) -> float | None:
    finite = np.abs(values[np.isfinite(values)])
    return float(f"{finite.max():.4g}") if finite.size else None


def _name_rows(kernel: Kernel, count: int) -> list[str]:
    """The names of the numbers that a layer takes."""
    input_ = kernel.input_
    if input_ is not None and input_.columns is not None and input_.size == count:
        return [name for column in input_.columns for name in _name_numbers(column)]
    return [f"x{number}" for number in range(1, count + 1)] if count > 1 else ["x"]


def _name_numbers(column: Column) -> Iterator[str]:
    """The names of the numbers that encode a column."""
    if column.type == "category":
        yield from (f"{column.name} = {category}" for category in column.categories)
        yield f"{column.name} = other"
        return
    yield column.name
    yield from (f"{column.name}, {wave} of {part}" for part in column.parts for wave in ("sine", "cosine"))
    if column.missing_indicator:
        yield f"{column.name} is missing"
