"""Trains a benchmark's network as a JAX user would by hand: Flax, Optax, and each epoch one compiled `lax.scan`.

    python benchmarks/peers/jax_scan.py JOB ROWS.npz BATCH_SIZE EPOCHS

Prints the seconds, compiling included, as JSON. Runs in an environment with benchmarks/peers/requirements.txt.
"""

import json
import sys
import time
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Dense(nn.Module):
    """Flattened rows through Dense layers with relu between them."""

    units: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = x.reshape(len(x), -1)
        for units in self.units[:-1]:
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(self.units[-1])(x)


class Convolutional(nn.Module):
    """Four blocks of convolution, BatchNormalization and LeakyReLU, and a dense head with Dropout."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        for filters, stride in ((32, 1), (32, 2), (64, 1), (64, 2)):
            x = nn.Conv(filters, (3, 3), (stride, stride), padding="SAME")(x)
            x = nn.leaky_relu(nn.BatchNorm(not train, momentum=0.99)(x), 0.3)
        x = nn.Dense(128)(x.reshape(len(x), -1))
        x = nn.leaky_relu(nn.BatchNorm(not train, momentum=0.99)(x), 0.3)
        return nn.Dense(10)(nn.Dropout(0.5, deterministic=not train)(x))


class Recurrent(nn.Module):
    """An LSTM and a dense head."""

    units: int
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return nn.Dense(self.outputs)(nn.RNN(nn.OptimizedLSTMCell(self.units))(x)[:, -1])


def squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean((outputs - targets) ** 2)


def binary(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(outputs, targets).mean()


def categorical(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy(outputs, targets).mean()


Loss = Callable[[jax.Array, jax.Array], jax.Array]
JOBS: dict[str, tuple[nn.Module, Loss, optax.GradientTransformation]] = {
    "line": (Dense((1,)), squared_error, optax.sgd(0.01)),
    "rings": (Dense((4, 6, 6, 4, 1)), binary, optax.adam(0.001)),
    "mnist": (Dense((512, 10)), categorical, optax.rmsprop(0.001)),
    "cifar-dense": (Dense((200, 150, 10)), categorical, optax.adam(0.0005)),
    "cifar-convolutional": (Convolutional(), categorical, optax.adam(0.0005)),
    "lstm-series": (Recurrent(32, 1), squared_error, optax.adam(0.001)),
    "lstm-digits": (Recurrent(64, 10), categorical, optax.adam(0.001)),
}


def main(name: str, path: str, batch_size: int, epochs: int) -> None:
    network, loss, optimizer = JOBS[name]
    with np.load(path) as data:
        x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"])
    key = jax.random.key(7)
    start = time.perf_counter()
    state = dict(network.init({"params": key, "dropout": key}, x[:1], train=True))
    parameters = state.pop("params")

    def step(carry: tuple, rows: jax.Array) -> tuple[tuple, jax.Array]:
        parameters, state, moments, key = carry
        key, dropout = jax.random.split(key)

        def measure(parameters: dict) -> tuple[jax.Array, dict]:
            outputs, changed = network.apply(
                {"params": parameters, **state}, x[rows], train=True, rngs={"dropout": dropout}, mutable=list(state)
            )
            return loss(outputs, y[rows]), changed

        (value, changed), gradients = jax.value_and_grad(measure, has_aux=True)(parameters)
        updates, moments = optimizer.update(gradients, moments, parameters)
        return (optax.apply_updates(parameters, updates), dict(changed), moments, key), value

    @jax.jit
    def run_batches(carry: tuple, batches: jax.Array) -> tuple[tuple, jax.Array]:
        return jax.lax.scan(step, carry, batches)

    carry = (parameters, state, optimizer.init(parameters), key)
    full = len(x) - len(x) % batch_size
    for epoch in range(epochs):
        order = np.random.default_rng([7, epoch]).permutation(len(x))
        carry, losses = run_batches(carry, order[:full].reshape(-1, batch_size))
        if full < len(x):
            carry, losses = run_batches(carry, order[None, full:])
        losses.block_until_ready()
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": float(losses[-1])}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
