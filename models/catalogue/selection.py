"""What the catalogue holds, what it leaves out and why, and what Keras's signatures can't say. Data alone, no Keras.

Adding a component is adding its name here and running `python -m models.catalogue.generate`. The generator says when a
parameter's type, or a description, has to be added to the tables below.
"""

REGRESSION, BINARY, MULTICLASS, MULTILABEL = TASKS = ("regression", "binary", "multiclass", "multilabel")

LAYERS = (
    "Dense", "Flatten", "Reshape", "Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D",
    "GlobalAveragePooling2D", "BatchNormalization", "Dropout", "Activation", "ReLU", "LeakyReLU", "Softmax",
    "Rescaling", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot",
)  # fmt: skip

LIST, ARGUMENTS = "list", "arguments"
TENSORS: dict[str, tuple[int, int | None, str]] = {
    **dict.fromkeys(("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"), (2, None, LIST)),
    **dict.fromkeys(("Subtract", "Dot"), (2, 2, LIST)),
    **dict.fromkeys(("Attention", "AdditiveAttention"), (2, 3, LIST)),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), (2, 3, ARGUMENTS)),
}
"""The layers that take several tensors: the least and the greatest number of them, and whether Keras wants them in one
list or as arguments of their own. Attention's are query, value and, if it is another, key."""

OPTIMIZERS = (
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Muon", "Nadam", "RMSprop",
    "SGD", "ScheduleFreeAdamW",
)  # fmt: skip
OPTIMIZERS_LEFT_OUT = {
    "Optimizer": "the base class",
    "LossScaleOptimizer": "wraps another optimizer, for half precision, which Fitserve doesn't train in",
    "MultiOptimizer": "takes a map from layers to optimizer objects, which JSON can't carry",
    "OptimizerMap": "the map that MultiOptimizer takes",
}

LOSSES = {
    "MeanSquaredError": TASKS,
    "MeanAbsoluteError": TASKS,
    "Huber": TASKS,
    "LogCosh": TASKS,
    "MeanSquaredLogarithmicError": (REGRESSION,),
    "MeanAbsolutePercentageError": (REGRESSION,),
    "Poisson": (REGRESSION,),
    "CosineSimilarity": (REGRESSION, MULTICLASS),
    "KLDivergence": (REGRESSION, MULTICLASS),
    "BinaryCrossentropy": (BINARY, MULTICLASS, MULTILABEL),
    "BinaryFocalCrossentropy": (BINARY, MULTICLASS, MULTILABEL),
    "CategoricalCrossentropy": (MULTICLASS,),
    "SparseCategoricalCrossentropy": (MULTICLASS,),
    "CategoricalFocalCrossentropy": (MULTICLASS,),
    "Hinge": (BINARY, MULTICLASS, MULTILABEL),
    "SquaredHinge": (BINARY, MULTICLASS, MULTILABEL),
    "CategoricalHinge": (MULTICLASS,),
}
"""Each loss and the tasks whose targets and outputs it takes."""

METRICS = {
    "Accuracy": (BINARY, MULTICLASS, MULTILABEL),
    "BinaryAccuracy": (BINARY, MULTILABEL),
    "CategoricalAccuracy": (MULTICLASS,),
    "SparseCategoricalAccuracy": (MULTICLASS,),
    "TopKCategoricalAccuracy": (MULTICLASS,),
    "SparseTopKCategoricalAccuracy": (MULTICLASS,),
    "AUC": (BINARY, MULTICLASS, MULTILABEL),
    "Precision": (BINARY, MULTICLASS, MULTILABEL),
    "Recall": (BINARY, MULTICLASS, MULTILABEL),
    "F1Score": (BINARY, MULTICLASS, MULTILABEL),
    "FBetaScore": (BINARY, MULTICLASS, MULTILABEL),
    "TruePositives": (BINARY, MULTICLASS, MULTILABEL),
    "TrueNegatives": (BINARY, MULTICLASS, MULTILABEL),
    "FalsePositives": (BINARY, MULTICLASS, MULTILABEL),
    "FalseNegatives": (BINARY, MULTICLASS, MULTILABEL),
    "PrecisionAtRecall": (BINARY, MULTICLASS, MULTILABEL),
    "RecallAtPrecision": (BINARY, MULTICLASS, MULTILABEL),
    "SensitivityAtSpecificity": (BINARY, MULTICLASS, MULTILABEL),
    "SpecificityAtSensitivity": (BINARY, MULTICLASS, MULTILABEL),
    "MeanSquaredError": TASKS,
    "RootMeanSquaredError": TASKS,
    "MeanAbsoluteError": TASKS,
    "LogCoshError": TASKS,
    "MeanAbsolutePercentageError": (REGRESSION,),
    "MeanSquaredLogarithmicError": (REGRESSION,),
    "R2Score": (REGRESSION,),
    "PearsonCorrelation": (REGRESSION,),
    "ConcordanceCorrelation": (REGRESSION,),
    "CosineSimilarity": (REGRESSION, MULTICLASS),
    "Poisson": (REGRESSION,),
    "KLDivergence": (REGRESSION, MULTICLASS),
    "BinaryCrossentropy": (BINARY, MULTICLASS, MULTILABEL),
    "CategoricalCrossentropy": (MULTICLASS,),
    "SparseCategoricalCrossentropy": (MULTICLASS,),
    "Hinge": (BINARY, MULTICLASS, MULTILABEL),
    "SquaredHinge": (BINARY, MULTICLASS, MULTILABEL),
    "CategoricalHinge": (MULTICLASS,),
}
"""Each metric and the tasks that it can judge."""

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh",
    "tanh_shrink",
)  # fmt: skip
ACTIVATIONS_LEFT_OUT = {
    "glu": "halves the last dimension, which layers with an `activation` don't expect",
    "threshold": "has parameters without defaults, and an activation is only a name",
}

INITIALIZERS = (
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
)  # fmt: skip
INITIALIZERS_LEFT_OUT = {
    "Initializer": "the base class",
    "STFT": "makes the kernel of one layer that the catalogue doesn't hold",
}

REGULARIZERS = ("L1", "L1L2", "L2", "OrthogonalRegularizer")
CONSTRAINTS = ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")

PARAMETERS_LEFT_OUT = {
    "dtype": "networks are trained and served in 32-bit floats",
    "autocast": "as dtype",
    "lora_rank": "an adapter for a network trained elsewhere",
    "lora_alpha": "as lora_rank",
    "quantization_config": "takes an object of Keras's",
    "noise_shape": "depends on the batch, which JSON can't name",
    "synchronized": "for training on several devices at once",
    "renorm_clipping": "Keras itself falls back to its defaults",
    "input_axes": "for kernels of layers that Keras doesn't have",
    "output_axes": "as input_axes",
    "loss_scale_factor": "for half precision",
    "exclude_layers": "names of variables, which a spec doesn't have",
    "exclude_embeddings": "for layers that the catalogue doesn't hold",
    "num_labels": "follows from the network's output",
    "label_weights": "follows from the network's output",
    "from_sorted_ids": "for networks that put out class numbers",
    "optimizers.name": "seen nowhere",
    "losses.name": "seen nowhere",
    "losses.axis": "the output is a vector for each row",
    "metrics.axis": "as losses.axis",
}
"""Parameters of Keras's that no entry has, by name or by `kind.name`, and why."""

TYPES = {
    "layers.axis": "integer",
    "axes": "integers",
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
    "layers.scale": "numbers",
    "BatchNormalization.scale": "boolean",
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
}
"""Types that neither the name nor the default tells: by `type.name`, `kind.name`, or name."""

LENGTHS = {"kernel_size": 2, "strides": 2, "pool_size": 2, "dilation_rate": 2, "axes": 2}
"""How many integers a list has; one integer stands for all of them."""

ALLOWED = {
    "padding": ("valid", "same"),
    "data_format": ("channels_last",),
    "reduction": ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"),
    "curve": ("ROC", "PR"),
    "summation_method": ("interpolation", "minoring", "majoring"),
    "average": ("macro", "micro", "weighted"),
    "class_aggregation": ("uniform_average", "variance_weighted_average"),
    "OrthogonalRegularizer.mode": ("rows", "columns"),
    "VarianceScaling.mode": ("fan_in", "fan_out", "fan_avg"),
    "distribution": ("truncated_normal", "untruncated_normal", "uniform"),
}
"""The only values that a parameter may have."""

DEFAULTS = {"average": "macro"}
"""Defaults other than Keras's: its own makes a number for each class, and a metric here is one number."""

FRACTION = (0.0, 1.0)
POSITIVE_COUNT = (1, None)
NOT_NEGATIVE = (0.0, None)
RANGES: dict[str, tuple[float | None, float | None]] = {
    **dict.fromkeys(("units", "filters", "kernel_size", "strides", "pool_size", "dilation_rate", "groups"), (1, None)),
    **dict.fromkeys(("k", "top_k", "ns_steps", "ema_overwrite_frequency"), POSITIVE_COUNT),
    **dict.fromkeys(("class_id", "ignore_class", "num_regressors", "warmup_steps", "seed"), (0, None)),
    **dict.fromkeys(
        ("layers.momentum", "renorm_momentum", "rate", "rho", "beta_1", "beta_2", "adam_beta_1", "adam_beta_2",
         "ema_momentum", "optimizers.momentum", "label_smoothing", "threshold", "thresholds", "recall", "precision",
         "sensitivity", "specificity", "losses.alpha"),
        FRACTION,
    ),
    **dict.fromkeys(
        ("learning_rate", "epsilon", "epsilon_1", "epsilon_2", "clip_threshold", "weight_decay", "adam_weight_decay",
         "clipnorm", "clipvalue", "global_clipnorm", "initial_accumulator_value", "l1_regularization_strength",
         "l2_regularization_strength", "l2_shrinkage_regularization_strength", "rms_rate", "adam_lr_ratio",
         "losses.gamma", "delta", "FBetaScore.beta", "Ftrl.beta", "l1", "l2", "factor", "stddev",
         "VarianceScaling.scale", "layers.max_value", "constraints.max_value", "constraints.min_value",
         "layers.negative_slope"),
        NOT_NEGATIVE,
    ),
    "ReLU.threshold": NOT_NEGATIVE,
    "learning_rate_power": (None, 0.0),
    "beta_2_decay": (None, 0.0),
    "gradient_accumulation_steps": (2, None),
    "num_thresholds": (2, 1000),
    "target_shape": (-1, None),
}  # fmt: skip
"""Least and greatest values, by `type.name`, `kind.name`, or name."""

DESCRIPTIONS = {
    "Accuracy": "How often the predicted class is the true one: binary, categorical or sparse categorical accuracy, "
    "whichever fits the task and the loss.",
    "layers.name": "The layer's name in summaries and files, unique within the network.",
    "metrics.name": "What the metric is called in results; the posted type if left out.",
    "trainable": "Whether training changes the layer's weights.",
    "ignore_class": "A class number whose rows don't count; null counts all.",
    "learning_rate": "How far a step goes against the gradient.",
    "seed": "Makes what is drawn at random the same each time; drawn from the job's seed if null.",
    "thresholds": "A score above it counts as positive; 0.5 if left out.",
    "axis": "The axis that is normalized, counted with the batch as 0; -1 is the last.",
    "Concatenate.axis": "The axis along which inputs are put together, counted with the batch as 0; -1 is the last.",
    "constraints.axis": "The axis, or the axes, of the weights along which the norm is taken.",
    "average": "How the scores of the classes become one: their mean (`macro`), over all rows at once (`micro`), or "
    "their mean weighted by rows (`weighted`).",
    "offset": "Added to the inputs after scaling; a list has one for each channel.",
    "layers.scale": "What the inputs are multiplied by; a list has one for each channel.",
    "BatchNormalization.scale": "If `true`, multiply by `gamma`. If `false`, `gamma` is not used.",
}
"""Where Keras's documentation says nothing, or something that doesn't hold here."""
