"""The components in the catalogue, the reasons for those left out, and what Keras's signatures don't say. Data only.

To add a component, add its name here and run `python -m models.catalogue.generate`. The generator reports if a type or
a description of a parameter must be added to the tables below.
"""

REGRESSION, BINARY, MULTICLASS, MULTILABEL = TASKS = ("regression", "binary", "multiclass", "multilabel")

LAYERS = (
    # core
    "Dense", "EinsumDense", "Embedding", "ReversibleEmbedding", "Masking", "Identity",
    # activations
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax",
    # convolutions
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D",
    "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
    # pooling
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    # recurrent
    "SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "TimeDistributed",
    # attention
    "Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention",
    # merging
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot",
    # normalization
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization",
    "SpectralNormalization",
    # regularization
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization",
    # reshaping
    "Flatten", "Reshape", "Permute", "RepeatVector", "Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D",
    "ZeroPadding2D", "ZeroPadding3D", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    # preprocessing
    "Normalization", "Discretization", "CategoryEncoding", "IntegerLookup", "STFTSpectrogram", "MelSpectrogram",
    # images
    "Rescaling", "Resizing", "CenterCrop", "AutoContrast", "AugMix", "CutMix", "MixUp", "RandAugment",
    "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
    "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomZoom", "Solarization", "ContrastLimitedAdaptiveHistogramEqualization", "Pipeline",
)  # fmt: skip
"""The Keras layers that a network may use, including those that wrap a layer, layers or a cell."""

LAYERS_LEFT_OUT = {
    "Layer": "the base class",
    "Wrapper": "a base class",
    "InputSpec": "not a layer; describes the inputs of one",
    "InputLayer": "replaced by a spec's `input` or `inputs`",
    "Lambda": "runs code",
    "TFSMLayer": "runs code from a file",
    "TorchModuleWrapper": "runs PyTorch code",
    "JaxLayer": "runs JAX code",
    "FlaxLayer": "runs Flax code",
    "StringLookup": "takes strings, but networks take numbers; a table's categories are encoded before the network",
    "TextVectorization": "see StringLookup",
    "MaxNumBoundingBoxes": "takes bounding boxes, which no dataset has",
    "Hashing": "hashes the decimal digits of a number; ONNX has no operator for this",
    "HashedCrossing": "see Hashing",
    "RandomCrop": "doesn't crop images in predictions (Keras 3.15), so their shape doesn't fit the next layer",
    "Equalization": "Keras 3.15 can't build a network with it: its symbolic output is its input, so the layer is lost",
}
"""The other names of `keras.layers`, and why they are not in the catalogue."""
NOT_DESCRIBABLE = (
    "Layer", "Wrapper", "InputSpec", "InputLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer",
    "FlaxLayer", "Equalization",
)  # fmt: skip
"""The layers that JSON can't describe: they need code, aren't layers of a network, or Keras can't build them."""

CELLS = ("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells")
"""The Keras layers that compute one step of a sequence; they are a parameter of the layer RNN."""

LIST, ARGUMENTS = "list", "arguments"
TENSORS: dict[str, tuple[int, int | None, str]] = {
    **dict.fromkeys(("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"), (2, None, LIST)),
    **dict.fromkeys(("Subtract", "Dot"), (2, 2, LIST)),
    **dict.fromkeys(("Attention", "AdditiveAttention"), (2, 3, LIST)),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), (2, 3, ARGUMENTS)),
}
"""The layers that take several tensors: their minimum and maximum number, and whether Keras expects one list or
separate arguments. Attention takes query, value and, if it differs, key."""

OPTIMIZERS = (
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Muon", "Nadam", "RMSprop",
    "SGD", "ScheduleFreeAdamW",
)  # fmt: skip
OPTIMIZERS_LEFT_OUT = {
    "Optimizer": "the base class",
    "LossScaleOptimizer": "wraps another optimizer for training in half precision, which is unsupported",
    "MultiOptimizer": "takes a map from layers to optimizers, which JSON can't express",
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
    "CategoricalGeneralizedCrossEntropy": (MULTICLASS,),
    "Dice": (BINARY, MULTICLASS, MULTILABEL),
    "Tversky": (BINARY, MULTICLASS, MULTILABEL),
}
"""Each loss and the tasks that it supports."""

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
"""Each metric and the tasks that it supports."""

LOSSES_LEFT_OUT = {
    "Loss": "the base class",
    "CTC": "takes sequences of classes as targets, which no dataset has",
    "Circle": "takes embeddings and compares all rows of a batch with each other",
}
METRICS_LEFT_OUT = {
    "Metric": "the base class",
    "MeanMetricWrapper": "takes a function",
    "Mean": "takes no targets",
    "Sum": "see Mean",
    "IoU": "takes class numbers as outputs, for image segmentation",
    "BinaryIoU": "see IoU",
    "MeanIoU": "see IoU",
    "OneHotIoU": "see IoU",
    "OneHotMeanIoU": "see IoU",
}

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh",
    "tanh_shrink",
)  # fmt: skip
ACTIVATIONS_LEFT_OUT = {
    "glu": "halves the last dimension, which layers with an `activation` don't support",
    "threshold": "has parameters without defaults, but an activation is only a name",
}

INITIALIZERS = (
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
)  # fmt: skip
INITIALIZERS_LEFT_OUT = {
    "Initializer": "the base class",
    "STFT": "creates the kernel of a layer that isn't in the catalogue",
}

SCHEDULES = (
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay",
    "PolynomialDecay",
)  # fmt: skip
"""The schedules that an optimizer's `learning_rate` may be instead of a number."""

REGULARIZERS = ("L1", "L1L2", "L2", "OrthogonalRegularizer")
CONSTRAINTS = ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")

PARAMETERS_LEFT_OUT = {
    "dtype": "networks are trained and served in 32-bit floats",
    "autocast": "see dtype",
    "lora_rank": "an adapter for a network trained elsewhere",
    "lora_alpha": "see lora_rank",
    "quantization_config": "takes a Keras object",
    "noise_shape": "depends on the batch, which JSON can't name",
    "synchronized": "for training on several devices",
    "renorm_clipping": "Keras itself falls back to its defaults",
    "input_axes": "for kernels of layers that Keras doesn't have",
    "output_axes": "as input_axes",
    "loss_scale_factor": "for half precision",
    "exclude_layers": "names of variables, which a spec doesn't have",
    "exclude_embeddings": "for layers that aren't in the catalogue",
    "num_labels": "follows from the network's output",
    "label_weights": "follows from the network's output",
    "return_state": "a layer hands on one tensor",
    "stateful": "rows are independent of each other",
    "use_cudnn": "Keras chooses it automatically",
    "flash_attention": "see use_cudnn",
    "weights": "weights come from training, or from a version",
    "sparse": "for sparse tensors",
    "gptq_unpacked_column_size": "for quantized weights",
    "reverse_dtype": "see dtype",
    "tie_weights": "for the reverse mapping from vectors to numbers, which networks don't use",
    "logit_soft_cap": "see tie_weights",
    "vocabulary_dtype": "see dtype",
    "max_tokens": "for a vocabulary that the layer counts",
    "pad_to_max_tokens": "see max_tokens",
    "idf_weights": "see max_tokens",
    "oov_token": "for the reverse mapping from numbers to tokens",
    "IntegerLookup.invert": "see oov_token",
    "oov_method": "the other method is hashing, for which ONNX has no operator",
    "salt": "see oov_method",
    "Discretization.epsilon": "the boundaries of learned bins are exact",
    "schedules.name": "not visible anywhere",
    "from_sorted_ids": "for networks that output class indices",
    "optimizers.name": "not visible anywhere",
    "losses.name": "not visible anywhere",
    "losses.axis": "the output is one vector per row",
    "metrics.axis": "see losses.axis",
}
"""Keras's parameters that no entry has, by name or by `kind.name`, with the reason."""
