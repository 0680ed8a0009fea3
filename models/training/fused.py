"""Runs pieces of a network as fused TensorFlow operations while it trains as a graph.

Keras composes them of elementwise operations, each of which reads and writes whole arrays: BatchNormalization took half
of the time of a convolutional step. Fused pieces round differently, so losses are close to those of `fit`, not equal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from models.training.arithmetic import LAST_AXIS


@contextmanager
def fused(network: keras.Model) -> Iterator[None]:
    """Within the context, BatchNormalization layers run fused, and so does Adam if there are such layers."""
    replaced: list[tuple[Any, str]] = []
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and can_fuse(layer):
            layer.call = partial(normalize, layer)
            replaced.append((layer, "call"))
    if replaced and type(network.optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW):
        network.optimizer.update_step = partial(update_with_adam, network.optimizer)
        replaced.append((network.optimizer, "update_step"))
    try:
        yield
    finally:
        for owner, name in replaced:
            delattr(owner, name)


def can_fuse(layer: keras.layers.BatchNormalization) -> bool:
    """Whether the layer normalizes the last axis of its input by the mean and the variance of the batch alone."""
    return layer.axis == LAST_AXIS and not layer.renorm and not layer.synchronized


def normalize(layer: keras.layers.BatchNormalization, inputs: Any, training: bool = False, mask: Any = None) -> Any:
    """The output of BatchNormalization (rows, …, channels), by TensorFlow's FusedBatchNormV3 where it learns.

    Keras keeps the biased variance of the batch, TensorFlow returns the unbiased one (Ioffe and Szegedy, 2015).
    """
    if not training or not layer.trainable or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    channels = inputs.shape[-1]
    flat = inputs if inputs.shape.rank == 4 else tf.reshape(inputs, [-1, 1, 1, channels])
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=flat,
        scale=tf.ones([channels]) if layer.gamma is None else layer.gamma.value,
        offset=tf.zeros([channels]) if layer.beta is None else layer.beta.value,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(flat) // channels, variance.dtype)
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
        moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return tf.reshape(outputs, tf.shape(inputs))


def update_with_adam(
    optimizer: keras.optimizers.Adam, gradient: Any, variable: tf.Variable, learning_rate: Any
) -> None:
    """One step of Adam (Kingma and Ba, 2015) as one operation, which computes what Keras's dozen compute."""
    if optimizer.amsgrad or isinstance(gradient, tf.IndexedSlices):
        type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
        return
    index = optimizer._get_variable_index(variable)
    step = tf.cast(optimizer.iterations + 1, variable.dtype)
    beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (optimizer.beta_1, optimizer.beta_2))
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.constant(optimizer.epsilon, variable.dtype),
        grad=tf.cast(gradient, variable.dtype),
    )
