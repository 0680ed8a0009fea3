"""Runs pieces of a network as fused TensorFlow operations while it trains as a graph.

Keras composes them of elementwise operations, each of which reads and writes whole arrays: BatchNormalization took half
of the time of a convolutional step. Fused pieces round differently, so losses are close to those of `fit`, not equal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from models.training.arithmetic import EMBEDDING, LSTM, MASKING, NORMALIZATION, is_fused, makes_mask
from models.training.block_lstm import run_lstm


@contextmanager
def fused(network: keras.Model) -> Iterator[None]:
    """Within the context, BatchNormalization and LSTM layers run fused, and so does Adam if there are such layers or
    Embedding layers, whose gradients are sparse."""
    replaced: list[tuple[Any, str]] = []
    layers = [(type(layer).__name__, layer) for layer in network._flatten_layers()]
    masked = any(makes_mask(type_, layer.get_config()) for type_, layer in layers if type_ in (EMBEDDING, MASKING))
    for type_, layer in layers:
        if type_ in REPLACED and is_fused(type_, layer.get_config(), masked):
            name, fused_method = REPLACED[type_]
            setattr(layer, name, partial(fused_method, layer))
            replaced.append((layer, name))
    gains = replaced or any(type_ == EMBEDDING for type_, _ in layers)
    if gains and type(network.optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW):
        network.optimizer.update_step = partial(update_with_adam, network.optimizer)
        replaced.append((network.optimizer, "update_step"))
    try:
        yield
    finally:
        for owner, name in replaced:
            delattr(owner, name)


def normalize(layer: keras.layers.BatchNormalization, inputs: Any, training: bool = False, mask: Any = None) -> Any:
    """The output of BatchNormalization (rows, …, channels), by TensorFlow's FusedBatchNormV3 where it learns.

    Keras keeps the biased variance of the batch, TensorFlow returns the unbiased one (Ioffe and Szegedy, 2015).
    """
    if not training or mask is not None:
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
    """One step of Adam (Kingma and Ba, 2015) as one operation, which computes what Keras's dozen compute.

    A sparse gradient, which may have several values for a row, is added to the moments first, in the size that a step
    without a gradient then scales down. As in Keras, the square of a row's gradient is the sum of squares.
    """
    sparse = isinstance(gradient, tf.IndexedSlices)
    if optimizer.amsgrad or (sparse and not (optimizer.beta_1 and optimizer.beta_2)):
        type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
        return
    index = optimizer._get_variable_index(variable)
    first, second = optimizer._momentums[index].value, optimizer._velocities[index].value
    step = tf.cast(optimizer.iterations + 1, variable.dtype)
    beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (optimizer.beta_1, optimizer.beta_2))
    if sparse:
        values = tf.cast(gradient.values, variable.dtype)
        for moment, beta, added in ((first, beta_1, values), (second, beta_2, tf.square(values))):
            moment.scatter_add(tf.IndexedSlices(added * (1.0 - beta) / beta, gradient.indices))
        gradient = tf.zeros(variable.shape, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.constant(optimizer.epsilon, variable.dtype),
        grad=tf.cast(gradient, variable.dtype),
    )


REPLACED: dict[str, tuple[str, Callable[..., Any]]] = {
    NORMALIZATION: ("call", normalize),
    LSTM: ("inner_loop", run_lstm),
}
"""By the type of a layer: the method that is replaced, and the function in its place."""
