"""Descriptions that replace missing or inapplicable ones in Keras's documentation. Data only, no Keras."""

DESCRIPTIONS = {
    "Accuracy": "The fraction of rows whose predicted class is correct: binary, categorical or sparse categorical "
    "accuracy, whichever fits the task and the loss.",
    "layers.name": "The layer's name in summaries and files, unique within the network.",
    "metrics.name": "The metric's name in results; by default the posted type.",
    "trainable": "Whether training changes the layer's weights.",
    "ignore_class": "The index of a class whose rows are ignored; null ignores none.",
    "learning_rate": "The size of a step against the gradient.",
    "seed": "The seed of the random numbers; if null, it is derived from the job's seed.",
    "thresholds": "A score above the threshold counts as positive; 0.5 by default.",
    "axis": "The axis to normalize. The batch is axis 0; -1 is the last axis.",
    "Concatenate.axis": "The axis along which inputs are concatenated. The batch is axis 0; -1 is the last axis.",
    "constraints.axis": "The axis or axes of the weights along which the norm is computed.",
    "average": "How the scores of the classes are averaged: their mean (`macro`), one score over all rows (`micro`), "
    "or their mean weighted by rows (`weighted`).",
    "offset": "Added to the inputs after scaling; a list has one number per channel.",
    "Rescaling.scale": "The factor of the inputs; a list has one number per channel.",
    "BatchNormalization.scale": "If `true`, multiply by `gamma`. If `false`, `gamma` is not used.",
    "cells.name": "The cell's name in the names of its weights.",
    "data_format": "The position of the channels: `channels_last`.",
    "optimizers.learning_rate": "The size of a step against the gradient. An object with the `type` of a schedule and "
    "its parameters changes it from step to step: CosineDecay, CosineDecayRestarts, ExponentialDecay, "
    "InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay.",
    "mask_value": "The following layers skip time steps in which every number has this value.",
    "Conv2DTranspose.dilation_rate": "The spacing of the kernel's elements: one number, or one per dimension; "
    "more than 1 requires strides of 1.",
    "Conv3DTranspose.output_padding": "The padding at one end of the output along each dimension, less than the "
    "strides; null derives it from strides and padding.",
    "antialias": "Whether to average over all original pixels when an image is reduced.",
    "RandomColorDegeneration.value_range": "The minimum and maximum value of a pixel.",
    "vocabulary": "The list of known numbers, without duplicates.",
    "num_oov_indices": "The number of outputs for unknown numbers, which are distributed over them.",
    "Normalization.mean": "The mean of each position along `axis`, or one for all, together with `variance`. If both "
    "are omitted, they are computed from the training rows before the first step; this requires that the layer takes "
    "an input of the network.",
    "Normalization.variance": "The variance; see `mean`.",
    "Discretization.bin_boundaries": "The boundaries between bins, in ascending order; the first and the last bin are "
    "open. If omitted, `num_bins` bins with about equal numbers of training rows are computed before the first step; "
    "this requires that the layer takes an input of the network.",
    "Discretization.num_bins": "The number of bins to compute from the training rows instead of `bin_boundaries`.",
    "RNN.cell": "The cell that computes one step: an object with the `type` SimpleRNNCell, LSTMCell, GRUCell or "
    "StackedRNNCells and its parameters.",
    "StackedRNNCells.cells": "The cells; each takes the output of the previous one.",
    "Bidirectional.layer": "The layer that reads the sequence: an object with the `type` of a recurrent layer and its "
    "parameters.",
    "Bidirectional.backward_layer": "The layer that reads the sequence in reverse; null for a copy of `layer`.",
    "TimeDistributed.layer": "The layer that is applied to every step: an object with a `type` and parameters.",
    "SpectralNormalization.layer": "The layer whose kernel is normalized: an object with a `type` and parameters.",
    "Pipeline.layers": "The layers that are applied to images in sequence.",
    "EinsumDense.output_shape": "The shape of the output without the batch and the dimensions of an ellipsis.",
}
"""By `type.name`, `kind.name`, or name."""
