"""Networks that test each layer of the catalogue: the input shape, its parameters, the layers after it."""

from typing import Any

Case = tuple[list[int], dict[str, Any], tuple[dict[str, Any], ...]]

VECTOR, SEQUENCE, PICTURE, VIDEO, SOUND = [5], [6, 3], [6, 6, 3], [4, 6, 6, 2], [64]
FEW_STEPS, FEW_PICTURES = [3, 3], [2, 4, 4, 2]
"""For layers that Keras copies for each step."""
SHAPES = {1: SEQUENCE, 2: PICTURE, 3: VIDEO}
INNER = {"LSTM": {"type": "LSTM", "units": 3}, "GRU": {"type": "GRU", "units": 2, "return_sequences": True}}
DENSE = {"type": "Dense", "units": 3}


def case(shape: list[int], *after: dict[str, Any], **parameters: Any) -> Case:
    return shape, parameters, after


def network_of(type_: str, case: Case) -> dict[str, Any]:
    """The spec of a case's network: the layer, named `tested`, and after it a vector of two numbers as the output."""
    shape, parameters, after = case
    tested = {"type": type_, **parameters, "name": "tested"}
    head = [{"type": "Flatten"}, {"type": "Dense", "units": 2}]
    return {
        "task": "regression",
        "input": {"shape": shape},
        "layers": [tested, *after, *head],
        "optimizer": {"type": "SGD", "learning_rate": 1e-4},
        "loss": "mse",
    }


def convolutions(rank: int) -> dict[str, list[Case]]:
    shape, channels = SHAPES[rank], SHAPES[rank][-1]
    cases = {
        f"Conv{rank}D": [
            case(shape, filters=3, kernel_size=3),
            case(shape, filters=3, kernel_size=[3, 2, 1][:rank], strides=2, padding="same", activation="relu"),
            case(shape, filters=2 * channels, kernel_size=2, groups=channels, use_bias=False),
            case(shape, filters=2, kernel_size=2, dilation_rate=2),
        ],
        f"Conv{rank}DTranspose": [
            case(shape, filters=3, kernel_size=3),
            case(shape, filters=3, kernel_size=3, strides=2, padding="same", activation="relu"),
            case(shape, filters=2, kernel_size=2, strides=[3, 1, 1][:rank], output_padding=0 if rank > 1 else 1),
            case(shape, filters=2, kernel_size=1, strides=2, use_bias=False),
        ],
    }
    if rank < 3:
        for kind, parameters in (("Depthwise", {}), ("Separable", {"filters": 3})):
            cases[f"{kind}Conv{rank}D"] = [
                case(shape, kernel_size=3, **parameters),
                case(shape, kernel_size=3, strides=2, padding="same", depth_multiplier=2, **parameters),
                case(shape, kernel_size=2, dilation_rate=2, use_bias=False, **parameters),
            ]
    return cases


def pooling(rank: int) -> dict[str, list[Case]]:
    shape = SHAPES[rank]
    cases = {}
    for kind in ("Max", "Average"):
        cases[f"{kind}Pooling{rank}D"] = [
            case(shape, pool_size=2),
            case(shape, pool_size=3, strides=[2, 1, 1][:rank], padding="same"),
        ]
        cases[f"Global{kind}Pooling{rank}D"] = [case(shape), case(shape, keepdims=True)]
        cases[f"Adaptive{kind}Pooling{rank}D"] = [case(shape, output_size=2), case(shape, output_size=[3, 5, 4][:rank])]
    return cases


def by_rank(rank: int) -> dict[str, list[Case]]:
    shape, steps = SHAPES[rank], {1: [3, 6, 2], 2: [3, 5, 4, 2], 3: [2, 4, 4, 3, 2]}[rank]
    pairs: Any = [[0, 1], [1, 0], [1, 1]][:rank] if rank > 1 else [0, 1]
    return {
        **convolutions(rank),
        **pooling(rank),
        f"ConvLSTM{rank}D": [
            case(steps, filters=2, kernel_size=2),
            case(steps, filters=2, kernel_size=2, padding="same", return_sequences=True, go_backwards=True),
        ],
        f"SpatialDropout{rank}D": [case(shape, rate=0.3)],
        f"UpSampling{rank}D": [case(shape), case(shape, size=[2, 3, 1][:rank] if rank > 1 else 3)],
        f"ZeroPadding{rank}D": [case(shape), case(shape, padding=2), case(shape, padding=pairs)],
        f"Cropping{rank}D": [case(shape, cropping=1), case(shape, cropping=pairs)],
    }


def recurrent(type_: str) -> list[Case]:
    return [
        case(SEQUENCE, units=3),
        case(SEQUENCE, units=3, return_sequences=True, go_backwards=True, activation="relu", use_bias=False),
        case(FEW_STEPS, units=3, unroll=True),
        case(SEQUENCE, units=3, dropout=0.2, recurrent_dropout=0.2, kernel_regularizer="l2"),
    ]


AUGMENTATION: dict[str, dict[str, Any]] = {
    "AugMix": {"factor": 0.5},
    "AutoContrast": {},
    "ContrastLimitedAdaptiveHistogramEqualization": {"tile_grid_size": [2, 2]},
    "CutMix": {"factor": 0.5},
    "MixUp": {},
    "RandAugment": {"num_ops": 1},
    "RandomBrightness": {"factor": 0.2},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {"brightness_factor": 0.2, "contrast_factor": 0.2, "hue_factor": 0.2},
    "RandomContrast": {"factor": [0.1, 0.2]},
    "RandomElasticTransform": {"factor": 0.5},
    "RandomErasing": {"factor": 0.5},
    "RandomFlip": {"mode": "horizontal"},
    "RandomGaussianBlur": {"factor": 0.5},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2, "value_range": [0, 1]},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 3},
    "RandomRotation": {"factor": 0.1, "fill_mode": "constant"},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": [-0.1, 0.2]},
    "RandomZoom": {"height_factor": 0.2, "interpolation": "nearest"},
    "Solarization": {"addition_factor": 0.2},
}
"""A picture after each is as it was when the network predicts."""

LAYERS: dict[str, list[Case]] = {
    **by_rank(1),
    **by_rank(2),
    **by_rank(3),
    **{type_: recurrent(type_) for type_ in ("SimpleRNN", "LSTM", "GRU")},
    **{type_: [case(PICTURE, **parameters)] for type_, parameters in AUGMENTATION.items()},
    "Dense": [
        case(VECTOR, units=3, activation="relu", use_bias=False),
        case(PICTURE, units=3),
        case(VECTOR, units=3, activity_regularizer="l2", trainable=False),
    ],
    "EinsumDense": [
        case(SEQUENCE, equation="abc,cd->abd", output_shape=[6, 4], bias_axes="d", activation="relu"),
        case(SEQUENCE, equation="abc,bcde->ade", output_shape=[3, 2]),
        case(PICTURE, equation="...x,xy->...y", output_shape=4),
    ],
    "Embedding": [
        case([6], input_dim=9, output_dim=4),
        case([6], INNER["LSTM"], input_dim=9, output_dim=4, mask_zero=True),
        case([6], {"type": "GlobalAveragePooling1D"}, input_dim=9, output_dim=4, mask_zero=True),
    ],
    "ReversibleEmbedding": [case([6], input_dim=9, output_dim=4)],
    "Masking": [
        case(SEQUENCE, INNER["LSTM"]),
        case(SEQUENCE, INNER["GRU"], {"type": "GlobalAveragePooling1D"}),
        case(SEQUENCE, {"type": "Bidirectional", "layer": INNER["LSTM"]}),
        case(SEQUENCE, {"type": "TimeDistributed", "layer": DENSE}, {"type": "SimpleRNN", "units": 2}),
        case(SEQUENCE, {"type": "RNN", "cell": {"type": "LSTMCell", "units": 2}, "zero_output_for_mask": True}),
    ],
    "Identity": [case(VECTOR)],
    "Activation": [case(PICTURE, activation="tanh")],
    "ReLU": [case(VECTOR), case(VECTOR, max_value=0.5, negative_slope=0.1, threshold=0.2)],
    "LeakyReLU": [case(VECTOR), case(PICTURE, negative_slope=0.1)],
    "PReLU": [case(VECTOR, alpha_initializer="ones"), case(PICTURE, shared_axes=[1, 2])],
    "ELU": [case(VECTOR, alpha=0.5)],
    "Softmax": [case(VECTOR), case(PICTURE, axis=1)],
    "RNN": [
        case(SEQUENCE, cell={"type": "GRUCell", "units": 3, "reset_after": False}),
        case(SEQUENCE, cell={"type": "SimpleRNNCell", "units": 3}, return_sequences=True, go_backwards=True),
        case(
            FEW_STEPS,
            cell={
                "type": "StackedRNNCells",
                "cells": [{"type": "LSTMCell", "units": 3}, {"type": "GRUCell", "units": 2}],
            },
            unroll=True,
        ),
    ],
    "Bidirectional": [
        case(SEQUENCE, layer=INNER["LSTM"], merge_mode="concat"),
        *(case(SEQUENCE, layer={"type": "SimpleRNN", "units": 3}, merge_mode=mode) for mode in ("sum", "mul", "ave")),
        case(SEQUENCE, layer=INNER["GRU"], backward_layer={**INNER["GRU"], "go_backwards": True}),
        case(SEQUENCE, layer={"type": "RNN", "cell": {"type": "LSTMCell", "units": 2}}),
        case(VIDEO, layer={"type": "ConvLSTM2D", "filters": 2, "kernel_size": 2}),
    ],
    "TimeDistributed": [
        case(VIDEO, layer={"type": "Conv2D", "filters": 2, "kernel_size": 3}),
        case(FEW_PICTURES, layer={"type": "TimeDistributed", "layer": {"type": "BatchNormalization"}}),
        case([2, *FEW_STEPS], layer={"type": "Bidirectional", "layer": INNER["LSTM"]}),
        case(SEQUENCE, layer={"type": "Discretization", "bin_boundaries": [-0.5, 0.5], "output_mode": "one_hot"}),
    ],
    "BatchNormalization": [
        case(VECTOR),
        case(PICTURE, axis=1),
        case(PICTURE, momentum=0.5, epsilon=0.01, center=False, scale=False),
        case(PICTURE, renorm=True),
    ],
    "LayerNormalization": [case(VECTOR), case(PICTURE, axis=[1, 2], center=False)],
    "GroupNormalization": [case(PICTURE, groups=3), case(PICTURE, groups=-1), case([4], groups=2, scale=False)],
    "RMSNormalization": [case(VECTOR), case(PICTURE)],
    "UnitNormalization": [case(VECTOR), case(PICTURE, axis=[1, 2])],
    "SpectralNormalization": [
        case(VECTOR, layer=DENSE),
        case(PICTURE, layer={"type": "Conv2D", "filters": 2, "kernel_size": 3}, power_iterations=2),
        case([6], layer={"type": "Embedding", "input_dim": 9, "output_dim": 3}),
    ],
    "Dropout": [case(VECTOR, rate=0.5), case(PICTURE, rate=0.2, seed=3)],
    "AlphaDropout": [case(VECTOR, rate=0.3)],
    "GaussianDropout": [case(VECTOR, rate=0.3)],
    "GaussianNoise": [case(VECTOR, stddev=0.3)],
    "ActivityRegularization": [case(VECTOR, l1=0.1, l2=0.1)],
    "Flatten": [case(PICTURE), case(VECTOR), case(PICTURE, data_format="channels_last")],
    "Reshape": [case(PICTURE, target_shape=[12, 9]), case(PICTURE, target_shape=[3, -1, 2])],
    "Permute": [case(PICTURE, dims=[3, 1, 2])],
    "RepeatVector": [case(VECTOR, n=3)],
    "Normalization": [
        case(VECTOR, mean=1, variance=2),
        case(PICTURE, mean=[1, 2, 3], variance=[1, 2, 3], invert=True),
        case(PICTURE, mean=[1, 2, 3, 4, 5, 6], variance=[1, 2, 3, 4, 5, 6], axis=1),
    ],
    "Discretization": [
        *(case(VECTOR, bin_boundaries=[-0.5, 0, 0.5], output_mode=mode) for mode in ("int", "multi_hot", "count")),
        case([1], bin_boundaries=[-0.5, 0, 0.5], output_mode="one_hot"),
        case([6], {"type": "Embedding", "input_dim": 4, "output_dim": 2}, bin_boundaries=[-0.5, 0, 0.5]),
    ],
    "CategoryEncoding": [
        *(case(VECTOR, num_tokens=8, output_mode=mode) for mode in ("multi_hot", "count")),
        case([1], num_tokens=8, output_mode="one_hot"),
    ],
    "IntegerLookup": [
        case(VECTOR, vocabulary=[2, 0, 1]),
        case(VECTOR, vocabulary=[2, 1], mask_token=0, num_oov_indices=2),
        *(case(VECTOR, vocabulary=[2, 0, 1], output_mode=mode) for mode in ("multi_hot", "count")),
        case([1], vocabulary=[2, 0, 1], output_mode="one_hot"),
    ],
    "STFTSpectrogram": [
        case([*SOUND, 1], frame_length=16, frame_step=8, mode="magnitude"),
        case([*SOUND, 2], frame_length=16, frame_step=8, fft_length=32, padding="same", window="hamming"),
    ],
    "MelSpectrogram": [
        case(SOUND, fft_length=16, sequence_stride=8, num_mel_bins=4, sampling_rate=4000),
        case(SOUND, fft_length=16, sequence_stride=8, num_mel_bins=4, sampling_rate=4000, power_to_db=False),
    ],
    "Rescaling": [case(PICTURE, scale=0.1), case(PICTURE, scale=[0.5, 2, 1], offset=[1, -1, 0])],
    "Resizing": [
        *(
            case(PICTURE, height=4, width=9, interpolation=interpolation)
            for interpolation in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
        ),
        case(PICTURE, height=4, width=3, antialias=True),
        case(PICTURE, height=4, width=9, crop_to_aspect_ratio=True),
        case(PICTURE, height=4, width=9, pad_to_aspect_ratio=True),
    ],
    "CenterCrop": [case(PICTURE, height=4, width=3), case(PICTURE, height=8, width=8)],
    "Pipeline": [
        case(PICTURE, layers=[{"type": "RandomFlip"}, {"type": "Rescaling", "scale": 0.5}, {"type": "RandomFlip"}]),
    ],
}

TWICE = {"inputs": ["input", "input"]}
LAYERS |= {
    **{type_: [case(VECTOR, **TWICE), case(PICTURE, **TWICE)] for type_ in ("Add", "Subtract", "Multiply", "Average")},
    **{type_: [case(VECTOR, inputs=["input"] * 3)] for type_ in ("Maximum", "Minimum")},
    "Concatenate": [case(VECTOR, **TWICE), case(PICTURE, **TWICE, axis=1)],
    "Dot": [case(VECTOR, **TWICE, axes=1), case([4, 3], **TWICE, axes=[2, -1], normalize=True)],
    "Attention": [
        case(SEQUENCE, **TWICE, use_scale=True, dropout=0.2),
        case(SEQUENCE, inputs=["input"] * 3, score_mode="concat"),
    ],
    "AdditiveAttention": [case(SEQUENCE, **TWICE)],
    "MultiHeadAttention": [
        case(SEQUENCE, **TWICE, num_heads=2, key_dim=3),
        case(SEQUENCE, inputs=["input"] * 3, num_heads=2, key_dim=3, value_dim=2, output_shape=5, dropout=0.1),
        case(PICTURE, **TWICE, num_heads=2, key_dim=2, attention_axes=[1, 2], use_bias=False),
    ],
    "GroupQueryAttention": [case(SEQUENCE, **TWICE, head_dim=2, num_query_heads=4, num_key_value_heads=2)],
}
LAYERS["Conv1D"].append(case(SEQUENCE, filters=3, kernel_size=3, padding="causal"))
LAYERS["UpSampling2D"] += [
    case(PICTURE, size=[2, 3], interpolation=mode) for mode in ("bilinear", "bicubic", "lanczos3")
]
LAYERS["GRU"].append(case(SEQUENCE, units=3, reset_after=False))
LAYERS["LSTM"].append(case(SEQUENCE, units=3, unit_forget_bias=False))
