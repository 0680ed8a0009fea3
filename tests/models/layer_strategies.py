"""Strategies of Hypothesis for the parameters and input shapes of layers, by type, for the fuzz of the exporter.

To add a type, add its strategy to `CASES`. What Keras refuses is discarded: a strategy may be generous.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from models.catalogue.selection import ACTIVATIONS
from tests.models.layer_cases import AUGMENTATION
from tests.models.spatial_strategies import SPATIAL, Spatial

Shape = tuple[int, ...]
Parameters = SearchStrategy[dict[str, Any]]


@dataclass(frozen=True)
class FuzzCase:
    """A layer, the shapes of its inputs without the batch, and the numbers that it gets."""

    type: str
    parameters: dict[str, Any]
    shapes: tuple[Shape, ...]
    numbers: str = "normal"
    """`normal`: around 0; `pixels`: from 0 to 255; `integers`: from 0 to `below` - 1."""
    below: int = 0
    masked: tuple[bool, ...] = field(default=())
    """Which inputs are masked in the steps that are zero; those beyond its end aren't."""

    def draw_rows(self, shape: Shape, rows: int, generator: np.random.Generator) -> np.ndarray:
        """Random rows of an input of this shape, (rows, *shape): some end in zeros, which layers may mask,
        and some have zeros anywhere."""
        if self.numbers == "integers":
            drawn = generator.integers(0, self.below, (rows, *shape)).astype(np.float32)
        elif self.numbers == "pixels":
            drawn = generator.uniform(0, 255, (rows, *shape)).astype(np.float32)
        else:
            drawn = generator.normal(0, 2, (rows, *shape)).astype(np.float32)
        drawn[::2, shape[0] // 2 :] = 0
        drawn[1::2][generator.random((rows // 2, shape[0])) < 0.4] = 0
        return drawn


def lengths(least: int = 1, most: int = 5) -> SearchStrategy[int]:
    return st.integers(least, most)


def shapes(least: int = 1, most: int = 4) -> SearchStrategy[Shape]:
    """Shapes of a row with a number of axes in this range."""
    return st.lists(lengths(), min_size=least, max_size=most).map(tuple)


def axes(shape: Shape) -> SearchStrategy[int]:
    """An axis of a row of this shape, counted from either end."""
    return st.integers(1, len(shape)) | st.integers(-len(shape), -1)


def several_axes(shape: Shape) -> SearchStrategy[int | list[int]]:
    return axes(shape) | st.lists(
        axes(shape), min_size=1, max_size=len(shape), unique_by=lambda i: i % (len(shape) + 1)
    )


def floats(least: float, most: float) -> SearchStrategy[float]:
    """Numbers that JSON and 32-bit floats agree on."""
    return st.floats(least, most, width=32, allow_subnormal=False)


def optional(**parameters: SearchStrategy[Any]) -> Parameters:
    """Some of the parameters."""
    return st.fixed_dictionaries({}, optional=parameters)


def booleans(*names: str) -> Parameters:
    return optional(**dict.fromkeys(names, st.booleans()))


def chosen(parameters: Parameters, **required: Any) -> Parameters:
    """The parameters and those that have only one value here."""
    return parameters.map(lambda drawn: required | drawn)


def activation() -> SearchStrategy[str]:
    return st.sampled_from(ACTIVATIONS)


@st.composite
def one_input(
    draw: st.DrawFn,
    type_: str,
    parameters: Parameters | None = None,
    least: int = 1,
    most: int = 4,
    numbers: str = "normal",
    below: int = 0,
    masks: bool = True,
) -> FuzzCase:
    """A layer of one input, whose parameters don't depend on the shape."""
    shape = draw(shapes(least, most))
    masked = (masks and numbers == "normal" and draw(st.booleans()),)
    return FuzzCase(type_, {} if parameters is None else draw(parameters), (shape,), numbers, below, masked)


@st.composite
def with_axis(
    draw: st.DrawFn, type_: str, parameters: Parameters, several: bool = False, name: str = "axis"
) -> FuzzCase:
    """A layer with an axis, or with several axes, of its input."""
    shape = draw(shapes())
    axis = draw(several_axes(shape) if several else axes(shape))
    return FuzzCase(type_, draw(parameters) | {name: axis}, (shape,), masked=(draw(st.booleans()),))


def layer_of(type_: str, **parameters: SearchStrategy[Any]) -> SearchStrategy[FuzzCase]:
    """A layer of any shape with required parameters."""
    return one_input(type_, st.fixed_dictionaries(parameters))


@st.composite
def spatial(draw: st.DrawFn, type_: str, layer: SearchStrategy[Spatial]) -> FuzzCase:
    """A layer of sequences, images, volumes or sounds."""
    shape, parameters = draw(layer)
    return FuzzCase(type_, parameters, (tuple(shape),), masked=(draw(st.booleans()),))


@st.composite
def prelu(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    shared = draw(st.none() | st.lists(st.integers(1, len(shape)), unique=True))
    return FuzzCase("PReLU", {} if shared is None else {"shared_axes": shared}, (shape,), masked=(draw(st.booleans()),))


@st.composite
def einsum_dense(draw: st.DrawFn) -> FuzzCase:
    """Equations that keep some axes, contract others and add new ones, in any order."""
    shape = draw(shapes(1, 3))
    letters, new = "bcd"[: len(shape)], "xyz"
    contracted = draw(st.lists(st.sampled_from(letters), min_size=1, unique=True))
    added = new[: draw(st.integers(0, 2))]
    kept = [letter for letter in letters if letter not in contracted]
    shared = draw(st.lists(st.sampled_from(kept), unique=True)) if kept else []
    kernel = "".join(draw(st.permutations([*contracted, *shared, *added])))
    output = "".join(draw(st.permutations([*kept, *added])))
    sizes = dict(zip(letters, shape, strict=True)) | {letter: draw(lengths()) for letter in added}
    elided = not shared and kernel != "" and draw(st.booleans())
    equation = f"a{letters},{kernel}->a{output}"
    if elided and letters[-1:] == "".join(contracted) and output[:-1] == letters[:-1] and len(added) == 1:
        equation, output = f"...{letters[-1]},{kernel}->...{output[-1]}", output[-1]
    parameters: dict[str, Any] = {"equation": equation, "output_shape": [sizes[letter] for letter in output]}
    if output and draw(st.booleans()):
        parameters["bias_axes"] = "".join(draw(st.lists(st.sampled_from(output), min_size=1, unique=True)))
    return FuzzCase("EinsumDense", parameters | draw(optional(activation=activation())), (shape,))


@st.composite
def embedding(draw: st.DrawFn, type_: str) -> FuzzCase:
    parameters = {"input_dim": draw(lengths(1, 9)), "output_dim": draw(lengths())} | draw(booleans("mask_zero"))
    return FuzzCase(type_, parameters, (draw(shapes(1, 3)),), "integers", parameters["input_dim"])


@st.composite
def masking(draw: st.DrawFn) -> FuzzCase:
    return FuzzCase("Masking", draw(optional(mask_value=st.sampled_from([0, 0.0, 1, -1.5]))), (draw(shapes(1, 4)),))


@st.composite
def group_normalization(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    axis = draw(axes(shape))
    channels = shape[axis - 1 if axis > 0 else axis]
    groups = draw(st.sampled_from([-1, *(n for n in range(1, channels + 1) if channels % n == 0)]))
    parameters = {"axis": axis, "groups": groups} | draw(SCALED)
    return FuzzCase("GroupNormalization", parameters, (shape,), masked=(draw(st.booleans()),))


@st.composite
def reshape(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    target = list(draw(st.permutations([*shape, *[1] * draw(st.integers(0, 2))])))
    if draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return FuzzCase("Reshape", {"target_shape": target}, (shape,), masked=(draw(st.booleans()),))


@st.composite
def permute(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    dims = list(draw(st.permutations(range(1, len(shape) + 1))))
    return FuzzCase("Permute", {"dims": dims}, (shape,), masked=(draw(st.booleans()),))


@st.composite
def merged(draw: st.DrawFn, type_: str, most: int = 3) -> FuzzCase:
    """Inputs of shapes that fit each other, some of them with axes of length 1 or fewer axes."""
    shape = draw(shapes(1, 3))
    taken = []
    for _ in range(draw(st.integers(2, most))):
        kept = shape[draw(st.integers(0, len(shape) - 1)) if draw(st.integers(0, 3)) == 0 else 0 :]
        taken.append(tuple(1 if draw(st.integers(0, 4)) == 0 else length for length in kept))
    return FuzzCase(type_, {}, tuple(taken), masked=tuple(draw(st.booleans()) for _ in taken))


@st.composite
def concatenate(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes(1, 3))
    axis = draw(axes(shape))
    place = axis - 1 if axis > 0 else axis % len(shape)
    taken = [(*shape[:place], draw(lengths()), *shape[place + 1 :]) for _ in range(draw(st.integers(2, 3)))]
    return FuzzCase("Concatenate", {"axis": axis}, tuple(taken), masked=tuple(draw(st.booleans()) for _ in taken))


@st.composite
def dot(draw: st.DrawFn) -> FuzzCase:
    length = draw(lengths())
    pair, taken = [], []
    for _ in range(2):
        others = draw(st.lists(lengths(), max_size=2))
        place = draw(st.integers(0, len(others)))
        taken.append((*others[:place], length, *others[place:]))
        pair.append(draw(st.sampled_from([place + 1, place - len(others) - 1])))
    one = pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair
    parameters = {"axes": one} | draw(booleans("normalize"))
    return FuzzCase("Dot", parameters, tuple(taken), masked=tuple(draw(st.booleans()) for _ in taken))


@st.composite
def normalization(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    axis = draw(axes(shape))
    count = shape[axis - 1 if axis > 0 else axis]
    mean: Any = draw(floats(-9, 9) | st.lists(floats(-9, 9), min_size=count, max_size=count))
    variance = [draw(floats(0, 9)) for _ in mean] if isinstance(mean, list) else draw(floats(0, 9))
    parameters = {"axis": axis, "mean": mean, "variance": variance} | draw(booleans("invert"))
    return FuzzCase("Normalization", parameters, (shape,), masked=(draw(st.booleans()),))


MODES = st.sampled_from(["one_hot", "multi_hot", "count"])


@st.composite
def discretization(draw: st.DrawFn) -> FuzzCase:
    boundaries = sorted(draw(st.lists(floats(-4, 4), min_size=1, max_size=6)))
    parameters = {"bin_boundaries": boundaries} | draw(optional(output_mode=MODES | st.just("int")))
    return FuzzCase("Discretization", parameters, (draw(shapes(1, 3)),))


@st.composite
def category_encoding(draw: st.DrawFn) -> FuzzCase:
    parameters = {"num_tokens": draw(lengths(1, 9))} | draw(optional(output_mode=MODES))
    return FuzzCase("CategoryEncoding", parameters, (draw(shapes(1, 3)),), "integers", draw(lengths(1, 12)))


@st.composite
def integer_lookup(draw: st.DrawFn) -> FuzzCase:
    below, unknown = draw(lengths(1, 12)), draw(st.integers(0, 3))
    vocabulary = draw(st.lists(st.integers(0, 12), min_size=1, max_size=8, unique=True))
    if not unknown:
        vocabulary = list(draw(st.permutations(range(below))))
    token = draw(st.none() | st.integers(-1, 12).filter(lambda number: number not in vocabulary))
    if draw(st.integers(0, 4)) == 0:
        vocabulary = [*([] if token is None else [token]), *[-1] * unknown, *vocabulary]
    parameters = {"vocabulary": vocabulary, "num_oov_indices": unknown, "mask_token": token}
    parameters |= draw(optional(output_mode=MODES | st.just("int")))
    return FuzzCase("IntegerLookup", parameters, (draw(shapes(1, 3)),), "integers", below)


@st.composite
def rescaling(draw: st.DrawFn) -> FuzzCase:
    shape = draw(shapes())
    either = floats(-4, 4) | st.lists(floats(-4, 4), min_size=shape[-1], max_size=shape[-1])
    parameters = {"scale": draw(either)} | draw(optional(offset=either))
    return FuzzCase("Rescaling", parameters, (shape,), masked=(draw(st.booleans()),))


RANGES = st.sampled_from([[0, 255], [0, 1], [-1, 1], [0, 127.5]])


@st.composite
def adaptive_equalization(draw: st.DrawFn) -> FuzzCase:
    shape = tuple(draw(lengths(1, 9)) for _ in range(3))
    grid = st.lists(lengths(1, 4), min_size=2, max_size=2)
    chosen = optional(clip_limit=floats(0, 8), tile_grid_size=grid)
    return FuzzCase("ContrastLimitedAdaptiveHistogramEqualization", draw(chosen), (shape,), "pixels")


INNER: list[dict[str, Any]] = [
    {"type": "RandomFlip"},
    {"type": "Rescaling", "scale": 0.5},
    {"type": "Dense", "units": 3},
    {"type": "ReLU"},
    {"type": "Dropout", "rate": 0.5},
    {"type": "LayerNormalization"},
    {"type": "Masking"},
]


@st.composite
def pipeline(draw: st.DrawFn) -> FuzzCase:
    inner = st.sampled_from(INNER)
    layers = draw(st.lists(inner, min_size=1, max_size=4))
    return FuzzCase("Pipeline", {"layers": layers}, (draw(shapes(3, 3)),), masked=(draw(st.booleans()),))


EPSILON = floats(2**-10, 0.125)
"""Not less, because Keras rounds x · s - mean · s, which for a tiny variance leaves few digits."""
FLAGS = {"center": st.booleans(), "scale": st.booleans()}
SCALED = optional(epsilon=EPSILON, **FLAGS)
RATE = floats(0, 0.875)

CASES: dict[str, SearchStrategy[FuzzCase]] = {
    "Dense": one_input("Dense", chosen(optional(activation=activation(), use_bias=st.booleans()), units=3)),
    "EinsumDense": einsum_dense(),
    "Embedding": embedding("Embedding"),
    "ReversibleEmbedding": embedding("ReversibleEmbedding"),
    "Masking": masking(),
    "Identity": one_input("Identity"),
    "Activation": layer_of("Activation", activation=activation()),
    "ReLU": one_input("ReLU", optional(max_value=floats(0, 8), negative_slope=floats(0, 2), threshold=floats(0, 2))),
    "LeakyReLU": one_input("LeakyReLU", optional(negative_slope=floats(0, 2))),
    "PReLU": prelu(),
    "ELU": one_input("ELU", optional(alpha=floats(-2, 2))),
    "Softmax": with_axis("Softmax", st.just({})),
    **{type_: merged(type_) for type_ in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Subtract": merged("Subtract", most=2),
    "Concatenate": concatenate(),
    "Dot": dot(),
    "BatchNormalization": with_axis("BatchNormalization", optional(epsilon=EPSILON, **FLAGS, renorm=st.booleans())),
    "LayerNormalization": with_axis("LayerNormalization", SCALED, several=True),
    "GroupNormalization": group_normalization(),
    "RMSNormalization": with_axis("RMSNormalization", optional(epsilon=EPSILON)),
    "UnitNormalization": with_axis("UnitNormalization", st.just({}), several=True),
    **{type_: layer_of(type_, rate=RATE) for type_ in ("Dropout", "AlphaDropout", "GaussianDropout")},
    "SpatialDropout1D": one_input("SpatialDropout1D", st.just({"rate": 0.5}), 2, 2),
    "SpatialDropout2D": one_input("SpatialDropout2D", st.just({"rate": 0.5}), 3, 3),
    "SpatialDropout3D": one_input("SpatialDropout3D", st.just({"rate": 0.5}), 4, 4),
    "GaussianNoise": layer_of("GaussianNoise", stddev=floats(0, 2)),
    "ActivityRegularization": layer_of("ActivityRegularization", l1=floats(0, 1), l2=floats(0, 1)),
    "Flatten": one_input("Flatten"),
    "Reshape": reshape(),
    "Permute": permute(),
    "RepeatVector": one_input("RepeatVector", st.fixed_dictionaries({"n": lengths()}), 1, 1),
    "Normalization": normalization(),
    "Discretization": discretization(),
    "CategoryEncoding": category_encoding(),
    "IntegerLookup": integer_lookup(),
    "Rescaling": rescaling(),
    **{type_: one_input(type_, st.just(parameters), 3, 3) for type_, parameters in AUGMENTATION.items()},
    "AutoContrast": one_input("AutoContrast", optional(value_range=RANGES), 2, 3, "pixels"),
    "ContrastLimitedAdaptiveHistogramEqualization": adaptive_equalization(),
    "Pipeline": pipeline(),
    **{type_: spatial(type_, layer) for type_, layer in SPATIAL.items()},
}  # fmt: skip
"""The strategy of each layer type."""
