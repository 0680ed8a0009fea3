"""Strategies of Hypothesis for the layers of sequences, images, volumes and sounds."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Spatial = tuple[list[int], dict[str, Any]]
"""The shape of a row, and parameters of a layer."""

CHANNELS = st.integers(1, 4)
INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]


def per_dimension(rank: int, most: int) -> SearchStrategy[Any]:
    """A number for all dimensions, or one for each."""
    number = st.integers(1, most)
    return number | st.lists(number, min_size=rank, max_size=rank)


def ends(rank: int, most: int) -> SearchStrategy[Any]:
    """Margins: a number for all ends, one per dimension, or two."""
    number = st.integers(0, most)
    pair = st.lists(number, min_size=2, max_size=2)
    if rank == 1:
        return number | pair
    return number | st.lists(number, min_size=rank, max_size=rank) | st.lists(pair, min_size=rank, max_size=rank)


@st.composite
def drawn(draw: Any, rank: int, longest: int = 9, channels: SearchStrategy[int] = CHANNELS, **given: Any) -> Spatial:
    """A row of `rank` dimensions and channels, and the parameters; those without a value are omitted."""
    lengths = draw(st.lists(st.integers(1, longest), min_size=rank, max_size=rank))
    parameters = {name: draw(strategy) for name, strategy in given.items()}
    last = draw(channels)
    return [*lengths, last], {name: value for name, value in parameters.items() if value is not None}


def convolution(rank: int, **more: SearchStrategy[Any]) -> SearchStrategy[Spatial]:
    spread = st.fixed_dictionaries({"strides": per_dimension(rank, 3)})
    dilated = st.fixed_dictionaries({"dilation_rate": per_dimension(rank, 3)})
    layer = drawn(
        rank,
        kernel_size=per_dimension(rank, 4),
        padding=st.sampled_from(["valid", "same"]),
        activation=st.sampled_from([None, "relu", "softmax"]),
        use_bias=st.booleans(),
        **more,
    )
    return st.tuples(layer, spread | dilated).map(lambda pair: (pair[0][0], pair[0][1] | pair[1]))


def grouped(rank: int) -> SearchStrategy[Spatial]:
    """Convolutions whose filters and inputs are multiples of their groups."""

    def in_groups(pair: tuple[Spatial, int]) -> Spatial:
        (shape, parameters), groups = pair
        more = {"groups": groups, "filters": parameters["filters"] * groups}
        return [*shape[:-1], shape[-1] * groups], parameters | more

    padding = st.sampled_from(["valid", "same", *["causal"] * (rank == 1)])
    layer = convolution(rank, filters=st.integers(1, 3)).flatmap(
        lambda drawn: padding.map(lambda value: (drawn[0], drawn[1] | {"padding": value}))
    )
    return st.tuples(layer, st.integers(1, 3)).map(in_groups)


def layers_of(rank: int) -> dict[str, SearchStrategy[Spatial]]:
    strategies = {
        f"Conv{rank}D": grouped(rank),
        f"Conv{rank}DTranspose": convolution(
            rank,
            filters=st.integers(1, 3),
            output_padding=st.none() | st.sampled_from([0, 0, 1, 2]),
        ),
        f"ZeroPadding{rank}D": drawn(rank, padding=ends(rank, 3)),
        f"Cropping{rank}D": drawn(rank, cropping=ends(rank, 3)),
        f"UpSampling{rank}D": drawn(rank, longest=5, size=per_dimension(rank, 3) if rank > 1 else st.integers(1, 4)),
    }
    for kind in ("Max", "Average"):
        strategies[f"{kind}Pooling{rank}D"] = drawn(
            rank,
            pool_size=per_dimension(rank, 4),
            strides=st.none() | per_dimension(rank, 3),
            padding=st.sampled_from(["valid", "same"]),
        )
        strategies[f"Global{kind}Pooling{rank}D"] = drawn(rank, keepdims=st.booleans())
        strategies[f"Adaptive{kind}Pooling{rank}D"] = drawn(rank, output_size=per_dimension(rank, 9))
    if rank < 3:
        depth = st.integers(1, 3)
        strategies[f"DepthwiseConv{rank}D"] = convolution(rank, depth_multiplier=depth)
        strategies[f"SeparableConv{rank}D"] = convolution(rank, depth_multiplier=depth, filters=st.integers(1, 3))
    return strategies


SPATIAL: dict[str, SearchStrategy[Spatial]] = {
    **layers_of(1),
    **layers_of(2),
    **layers_of(3),
    "UpSampling2D": drawn(2, size=per_dimension(2, 3), interpolation=st.sampled_from(INTERPOLATIONS)),
    "Resizing": drawn(
        2,
        longest=20,
        height=st.integers(1, 20),
        width=st.integers(1, 20),
        interpolation=st.sampled_from(INTERPOLATIONS),
        antialias=st.booleans(),
    ).flatmap(
        lambda drawn: st.sampled_from([{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}]).map(
            lambda kept: (drawn[0], drawn[1] | kept | {"fill_value": 0.5})
        )
    ),
    "CenterCrop": drawn(2, height=st.integers(1, 12), width=st.integers(1, 12)),
    "STFTSpectrogram": drawn(
        1,
        longest=80,
        channels=st.integers(1, 3),
        mode=st.sampled_from(["magnitude", "psd", "real", "imag", "stft"]),
        frame_length=st.integers(2, 32),
        frame_step=st.none() | st.integers(1, 32),
        fft_length=st.none() | st.integers(2, 40),
        window=st.sampled_from(["hann", "hamming"]),
        periodic=st.booleans(),
        scaling=st.none() | st.sampled_from(["density", "spectrum"]),
        padding=st.sampled_from(["valid", "same"]),
        expand_dims=st.booleans(),
    ),
    "MelSpectrogram": drawn(
        1,
        longest=3,
        channels=st.integers(20, 200),
        fft_length=st.integers(2, 40),
        sequence_stride=st.integers(1, 20),
        sequence_length=st.none() | st.integers(2, 40),
        window=st.sampled_from(["hann", "hamming"]),
        sampling_rate=st.integers(100, 8000),
        num_mel_bins=st.integers(1, 9),
        min_freq=st.integers(0, 40),
        power_to_db=st.booleans(),
        top_db=st.integers(10, 100),
        mag_exp=st.sampled_from([1, 1.5, 2]),
    ),
}
"""Of each layer type the shape of its rows and its parameters."""
