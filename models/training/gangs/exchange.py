"""What the graph of a training step exchanges with the other members, so that all of them do the step of one host."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.training.arithmetic import NORMALIZATION, is_fused
from models.training.gangs.gang import Gang

SEED = "seed_generator_state"
"""The name of the variables from which layers draw random numbers: a seed and a counter."""


class Exchange:
    """The exchanges of one training within its graphs."""

    def __init__(self, gang: Gang) -> None:
        self._gang = gang
        self.share = tf.Variable(1.0, trainable=False, name="share")
        """This member's share of the rows of the batch. 0: it has none, and computes on another one's row."""
        self._latest: tf.Tensor | None = None
        """What was exchanged last. Members exchange in the order in which they trace, which is the same in all."""

    def add(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of all members' values."""
        return tf.ensure_shape(self._call(self._gang.add, values), values.shape)

    def join(self, values: tf.Tensor) -> tf.Tensor:
        """All members' values (rows, …), in the order of ranks."""
        return tf.ensure_shape(self._call(self._gang.join, values), [None, *values.shape[1:]])

    def _call(self, function: Callable[[np.ndarray], np.ndarray], values: tf.Tensor) -> tf.Tensor:
        same_graph = self._latest is not None and self._latest.graph is values.graph
        with tf.control_dependencies([self._latest] if same_graph else []):
            self._latest = tf.numpy_function(function, [values], values.dtype)
        return self._latest

    def add_all(self, gradients: Sequence[Any]) -> list[Any]:
        """The sums of all members' gradients. Those of a sparse gradient are joined, as one host would have them."""
        dense = [gradient for gradient in gradients if isinstance(gradient, tf.Tensor)]
        sums = iter(self._add_dense(dense))
        return [next(sums) if isinstance(each, tf.Tensor) else each and self._join_sparse(each) for each in gradients]

    def _add_dense(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        if not gradients:
            return []
        flat = self.add(tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0))
        parts = tf.split(flat, [gradient.shape.num_elements() for gradient in gradients])
        return [tf.reshape(part, gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]

    def _join_sparse(self, gradient: tf.IndexedSlices) -> tf.IndexedSlices:
        return tf.IndexedSlices(self.join(gradient.values), self.join(gradient.indices), gradient.dense_shape)

    def moments(self, flat: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean and the biased variance of the columns of all members' rows (rows, columns)."""
        has_rows = tf.cast(self.share > 0.0, flat.dtype)
        count = tf.cast(tf.shape(flat)[0], flat.dtype) * has_rows
        mean = tf.reduce_mean(flat, 0)
        deviations = tf.reduce_sum(tf.math.squared_difference(flat, mean), 0) * has_rows
        stacked = self._join_with_gradient(tf.stack([tf.fill(tf.shape(mean), count), mean, deviations])[None])
        counts, means, squares = stacked[:, 0], stacked[:, 1], stacked[:, 2]
        total = tf.reduce_sum(counts, 0)
        mean = tf.reduce_sum(means * counts, 0) / total
        squares = tf.reduce_sum(squares + counts * tf.math.squared_difference(means, mean), 0)
        return mean, squares / total

    def _join_with_gradient(self, own: tf.Tensor) -> tf.Tensor:
        """As `join`, of one row each; every member's loss depends on all rows, so the gradients of all are added."""
        rank = self._gang.rank

        @tf.custom_gradient
        def joined(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            together = tf.ensure_shape(self.join(values), [self._gang.hosts, *values.shape[1:]])
            return together, lambda gradient: self.add(gradient)[rank : rank + 1]

        return joined(own)


@contextmanager
def together(network: keras.Model, exchange: Exchange) -> Iterator[None]:
    """Within the context, the network's training step is that of all members: the losses are weighted by the members'
    shares of the batch, the gradients added, and BatchNormalization normalizes by the whole batch."""
    optimizer = network.optimizer
    methods: list[tuple[Any, str, Any]] = [
        (optimizer, "scale_loss", lambda loss: loss * tf.cast(exchange.share, loss.dtype)),
        (optimizer, "apply_gradients", partial(apply_sums, optimizer, exchange)),
    ]
    for layer in network._flatten_layers():
        if type(layer).__name__ == NORMALIZATION and is_fused(NORMALIZATION, layer.get_config()):
            methods.append((layer, "call", partial(normalize, layer, exchange)))
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in methods]
    for owner, name, method in methods:
        setattr(owner, name, method)
    try:
        yield
    finally:
        for owner, name, method in before:
            delattr(owner, name) if method is None else setattr(owner, name, method)


def apply_sums(optimizer: keras.Optimizer, exchange: Exchange, gradients: Any) -> None:
    """As `Optimizer.apply_gradients`, with the sums of all members' gradients."""
    own, variables = zip(*gradients, strict=True)
    optimizer.apply(exchange.add_all(own), list(variables))


def normalize(
    layer: keras.layers.BatchNormalization, exchange: Exchange, inputs: Any, training: bool = False, mask: Any = None
) -> Any:
    """The output of BatchNormalization (rows, …, channels), normalized by the rows of all members where it learns."""
    if not training or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    precise = tf.cast(inputs, tf.float32)
    mean, variance = exchange.moments(tf.reshape(precise, [-1, inputs.shape[-1]]))
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    offset = None if layer.beta is None else layer.beta.value
    scale = None if layer.gamma is None else layer.gamma.value
    return tf.cast(tf.nn.batch_normalization(precise, mean, variance, offset, scale, layer.epsilon), inputs.dtype)


def draw_apart(network: keras.Model, rank: int) -> None:
    """Let the network's random layers draw other numbers than those of the other members."""
    for variable in network.variables:
        if variable.name == SEED:
            seed, counter = variable.numpy()
            variable.assign([seed + rank, counter])


def spread_variables(network: keras.Model, gang: Gang) -> None:
    """Give all members the leader's weights and the state of its optimizer: different processors may round
    differently."""
    for variable in {id(each): each for each in [*network.variables, *network.optimizer.variables]}.values():
        if variable.name != SEED:
            variable.assign(gang.spread(variable.numpy()))
