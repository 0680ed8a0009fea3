"""What Keras's signatures don't specify about parameters: types, lengths, ranges, allowed values. Data only, no Keras.

Each table is looked up by `type.name`, then `kind.name`, then name.
"""

TYPES = {
    "layers.axis": "integer",
    "LayerNormalization.axis": "integers",
    "UnitNormalization.axis": "integers",
    "MaxNorm.axis": "integers",
    "MinMaxNorm.axis": "integers",
    "UnitNorm.axis": "integers",
    "MaxNorm.max_value": "number",
    "adam_lr_ratio": "number",
    "label_smoothing": "number",
    "data_format": "string",
    "average": "string",
    "name": "name",
    "thresholds": "number",
    "target_shape": "shape",
    **dict.fromkeys(("layer", "backward_layer"), "layer"),
    "Pipeline.layers": "layers",
    "cell": "cell",
    "cells": "cells",
    "optimizers.learning_rate": "learning_rate",
    **dict.fromkeys(("Rescaling.scale", "RandomElasticTransform.scale", "RandomErasing.scale"), "numbers"),
    "RandomPerspective.scale": "numbers",
    "offset": "numbers",
    "ReLU.max_value": "number",
    "seed": "integer",
    "pool_size": "integers",
    "strides": "integers",
    "weight_decay": "number",
    "clipnorm": "number",
    "clipvalue": "number",
    "global_clipnorm": "number",
    "ema_overwrite_frequency": "integer",
    "gradient_accumulation_steps": "integer",
    "top_k": "integer",
    "class_id": "integer",
    "ignore_class": "integer",
    "filters": "integer",
    "units": "integer",
    "kernel_size": "integers",
    "rate": "number",
    "threshold": "number",
    "recall": "number",
    "precision": "number",
    "sensitivity": "number",
    "specificity": "number",
    **dict.fromkeys(("equation", "bias_axes"), "string"),
    **dict.fromkeys(
        ("input_dim", "output_dim", "n", "height", "width", "num_bins", "num_tokens", "mask_token", "frame_step",
         "fft_length", "sequence_length", "decay_steps", "first_decay_steps", "value_dim", "sliding_window",
         "num_heads", "key_dim", "head_dim", "num_query_heads", "num_key_value_heads"),
        "integer",
    ),
    **dict.fromkeys(
        ("output_shape", "shared_axes", "output_padding", "output_size", "dilation_rate", "boundaries",
         "attention_axes", "axes"),
        "integers",
    ),
    "vocabulary": "integer_list",
    **dict.fromkeys(("RandomErasing.fill_value", "stddev", "max_freq", "decay_rate", "warmup_target"), "number"),
    "initial_learning_rate": "number",
    **dict.fromkeys(("mean", "variance", "bin_boundaries", "schedules.values", "layers.value_range"), "numbers"),
    **dict.fromkeys(
        ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor", "x_factor", "y_factor",
         "height_factor", "width_factor", "sigma", "addition_factor", "threshold_factor", "layers.factor"),
        "numbers",
    ),
    **dict.fromkeys(("AugMix.factor", "RandAugment.factor", "RandomGrayscale.factor"), "number"),
    "RandomPosterization.factor": "integer",
    "initializers.mean": "number",
    "dims": "shape",
    **dict.fromkeys(("Cropping1D.cropping", "Cropping2D.cropping", "Cropping3D.cropping"), "margins"),
    **dict.fromkeys(("ZeroPadding1D.padding", "ZeroPadding2D.padding", "ZeroPadding3D.padding"), "margins"),
}  # fmt: skip
"""Types that follow from neither the name nor the default: by `type.name`, `kind.name`, or name."""

ONE_A_DIMENSION = (
    "kernel_size", "strides", "pool_size", "dilation_rate", "output_padding", "output_size", "size", "cropping",
    "padding",
)  # fmt: skip
"""Parameters whose lists have one item per dimension in the type's name: two for Conv2D."""

MOST_A_DIMENSION = {1: 1_000_000, 2: 10_000, 3: 1_000}
"""The maximum of their items by the number of dimensions: TensorFlow multiplies them in 32 bits, and a division by an
overflowed product ends the process."""

LENGTHS = {
    "RandomGaussianBlur.kernel_size": 2,
    **dict.fromkeys(("tile_grid_size", "value_range", "layers.factor", "sigma"), 2),
    **dict.fromkeys(("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor"), 2),
    **dict.fromkeys(("x_factor", "y_factor", "height_factor", "width_factor"), 2),
    **dict.fromkeys(("addition_factor", "threshold_factor", "axes"), 2),
    **dict.fromkeys(("RandomElasticTransform.scale", "RandomErasing.scale", "RandomPerspective.scale"), 2),
}
"""The length of the lists of other parameters; a single number stands for all items, or for a range."""

REQUIRED = ("CategoryEncoding.num_tokens", "IntegerLookup.vocabulary")
"""Parameters that are required although Keras's signature has a default for them."""

SEQUENCE_LAYERS = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
KERNEL_LAYERS = (
    "Dense", "EinsumDense", "Embedding", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose",
    "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
)  # fmt: skip

ALLOWED = {
    **dict.fromkeys(("Bidirectional.layer", "Bidirectional.backward_layer"), SEQUENCE_LAYERS),
    "SpectralNormalization.layer": KERNEL_LAYERS,
    "Conv1D.padding": ("valid", "same", "causal"),
    "padding": ("valid", "same"),
    "data_format": ("channels_last",),
    "reduction": ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"),
    "curve": ("ROC", "PR"),
    "summation_method": ("interpolation", "minoring", "majoring"),
    "average": ("macro", "micro", "weighted"),
    "class_aggregation": ("uniform_average", "variance_weighted_average"),
    "OrthogonalRegularizer.mode": ("rows", "columns"),
    "VarianceScaling.mode": ("fan_in", "fan_out", "fan_avg"),
    "interpolation": ("bilinear", "nearest"),
    **dict.fromkeys(
        ("Resizing.interpolation", "UpSampling2D.interpolation"),
        ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
    ),
    "Resizing.fill_mode": ("constant",),
    "fill_mode": ("constant", "nearest", "reflect", "wrap"),
    "RandomFlip.mode": ("horizontal", "vertical", "horizontal_and_vertical"),
    "STFTSpectrogram.mode": ("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
    "window": ("hann", "hamming"),
    "scaling": ("density", "spectrum"),
    "merge_mode": ("concat", "sum", "mul", "ave"),
    "CategoryEncoding.output_mode": ("multi_hot", "one_hot", "count"),
    "output_mode": ("int", "one_hot", "multi_hot", "count"),
    "score_mode": ("dot", "concat"),
    "distribution": ("truncated_normal", "untruncated_normal", "uniform"),
}
"""The only values that a parameter may have, or the only types of a layer."""

DEFAULTS = {"average": "macro"}
"""Defaults other than Keras's: its own returns one number per class, but a metric here is a single number."""

FRACTION = (0.0, 1.0)
POSITIVE_COUNT = (1, None)
NOT_NEGATIVE = (0.0, None)
RANGES: dict[str, tuple[float | None, float | None]] = {
    **dict.fromkeys(("units", "filters", "kernel_size", "strides", "pool_size", "dilation_rate", "groups"), (1, None)),
    **dict.fromkeys(
        ("input_dim", "output_dim", "n", "height", "width", "num_tokens", "depth_multiplier", "output_size",
         "frame_step", "sequence_length", "sequence_stride",
         "sampling_rate", "size", "decay_steps", "first_decay_steps", "dims", "num_oov_indices",
         "value_dim", "sliding_window", "num_heads", "key_dim", "head_dim", "num_query_heads", "num_key_value_heads"),
        POSITIVE_COUNT,
    ),
    **dict.fromkeys(("cropping", "padding", "output_padding"), (0, None)),
    **dict.fromkeys(("frame_length", "fft_length"), (1, 65_536)),
    **dict.fromkeys(("num_mel_bins", "tile_grid_size", "RandomGaussianBlur.kernel_size"), (1, 1_000)),
    **dict.fromkeys(("AlphaDropout.rate", "GaussianDropout.rate"), (0.0, 0.999)),
    **dict.fromkeys(("power_iterations", "num_chains", "chain_depth", "num_ops"), (1, 10)),
    "GroupNormalization.groups": (-1, None),
    "Discretization.num_bins": (2, 4096),
    "Equalization.bins": (2, 65536),
    **dict.fromkeys(("dropout", "recurrent_dropout"), (0.0, 1.0)),
    **dict.fromkeys(("k", "top_k", "ns_steps", "ema_overwrite_frequency"), POSITIVE_COUNT),
    **dict.fromkeys(("class_id", "ignore_class", "num_regressors", "warmup_steps", "seed"), (0, None)),
    **dict.fromkeys(
        ("layers.momentum", "renorm_momentum", "rate", "rho", "beta_1", "beta_2", "adam_beta_1", "adam_beta_2",
         "ema_momentum", "optimizers.momentum", "label_smoothing", "threshold", "thresholds", "recall", "precision",
         "sensitivity", "specificity", "losses.alpha", "Tversky.beta", "losses.q"),
        FRACTION,
    ),
    **dict.fromkeys(
        ("learning_rate", "epsilon", "epsilon_1", "epsilon_2", "clip_threshold", "weight_decay", "adam_weight_decay",
         "clipnorm", "clipvalue", "global_clipnorm", "initial_accumulator_value", "l1_regularization_strength",
         "l2_regularization_strength", "l2_shrinkage_regularization_strength", "rms_rate", "adam_lr_ratio",
         "losses.gamma", "delta", "FBetaScore.beta", "Ftrl.beta", "l1", "l2", "factor", "stddev",
         "VarianceScaling.scale", "layers.max_value", "constraints.max_value", "constraints.min_value",
         "layers.negative_slope", "layers.alpha", "initial_learning_rate", "warmup_target", "end_learning_rate",
         "schedules.alpha", "decay_rate", "power", "t_mul", "m_mul", "min_freq", "max_freq", "top_db", "mag_exp",
         "min_power", "ref_power", "clip_limit", "layers.variance", "sigma", "schedules.values"),
        NOT_NEGATIVE,
    ),
    "ReLU.threshold": NOT_NEGATIVE,
    "layers.factor": (None, None),
    "RandomPosterization.factor": (1, 8),
    "learning_rate_power": (None, 0.0),
    "beta_2_decay": (None, 0.0),
    "gradient_accumulation_steps": (2, None),
    "num_thresholds": (2, 1000),
    "target_shape": (-1, None),
}  # fmt: skip
"""Minimum and maximum values, by `type.name`, `kind.name`, or name."""
