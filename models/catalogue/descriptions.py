"""Descriptions where Keras's own say nothing, or something that doesn't hold here. Data alone, no Keras."""

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
    "Rescaling.scale": "What the inputs are multiplied by; a list has one for each channel.",
    "BatchNormalization.scale": "If `true`, multiply by `gamma`. If `false`, `gamma` is not used.",
    "cells.name": "The cell's name in the names of its weights.",
    "data_format": "Where the channels of a row are: `channels_last`.",
    "optimizers.learning_rate": "How far a step goes against the gradient; an object with the `type` of a schedule and "
    "its parameters changes it from step to step: CosineDecay, CosineDecayRestarts, ExponentialDecay, "
    "InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay.",
    "mask_value": "Steps of which every number is this one are skipped by the layers that follow.",
    "Conv2DTranspose.dilation_rate": "How far apart the kernel's elements are, one number or one for each dimension; "
    "more than 1 only with strides of 1.",
    "Conv3DTranspose.output_padding": "How many numbers are added to one end of the output along each dimension, fewer "
    "than the strides; null leaves it to strides and padding.",
    "antialias": "Whether shrinking averages over all pixels of the original.",
    "RandomColorDegeneration.value_range": "The least and the greatest value of a pixel.",
    "vocabulary": "The numbers that are known, each once: a list.",
    "num_oov_indices": "How many outputs there are for numbers that aren't known; with more than one they are spread.",
    "Normalization.mean": "The mean of each position along `axis`, or one for all, together with `variance`. Left out, "
    "both are taken from the training rows before the first step, if the layer takes an input of the network.",
    "Normalization.variance": "The variance; see `mean`.",
    "Discretization.bin_boundaries": "The bounds between bins, rising; the first and the last bin are open. Left out, "
    "`num_bins` bins of about as many training rows each are made before the first step, if the layer takes an "
    "input of the network.",
    "Discretization.num_bins": "How many bins to make of the training rows instead of posting `bin_boundaries`.",
    "RNN.cell": "What makes one step: an object with the `type` SimpleRNNCell, LSTMCell, GRUCell or StackedRNNCells "
    "and its parameters.",
    "StackedRNNCells.cells": "The cells, each taking the output of the one before it.",
    "Bidirectional.layer": "The layer that reads the sequence: an object with the `type` of a recurrent layer and its "
    "parameters.",
    "Bidirectional.backward_layer": "The layer that reads it from the end; null for one like `layer`.",
    "TimeDistributed.layer": "The layer that every step goes through: an object with a `type` and parameters.",
    "SpectralNormalization.layer": "The layer whose kernel is normalized: an object with a `type` and parameters.",
    "Pipeline.layers": "The layers that pictures go through one after the other.",
    "EinsumDense.output_shape": "The shape of the output without the batch and without the dimensions of an ellipsis.",
}
"""Where Keras's documentation says nothing, or something that doesn't hold here."""
