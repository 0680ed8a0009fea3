"""Trains a benchmark's network as a JAX user would by hand: Flax, Optax, and each epoch one compiled `lax.scan`.

    python benchmarks/peers/jax_scan.py JOB ROWS.npz BATCH_SIZE EPOCHS

Prints the seconds, compiling included, as JSON. Runs in an environment with benchmarks/peers/requirements.txt. The
rows are arguments of what is compiled, since XLA folds constants for seconds, and the state is donated. Convolutions
run batch by batch: in a loop, XLA's CPU compiler gives them none of its fast kernels.
"""

import functools
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


BATCH_BY_BATCH = {"cifar-convolutional"}

Carry = tuple[dict, dict, optax.OptState, jax.Array]
"""Parameters, what normalization keeps, the optimizer's state, and the key of the masks to come."""
Step = Callable[[Carry, jax.Array, jax.Array], tuple[Carry, jax.Array]]
Epoch = Callable[[Carry, np.ndarray], tuple[Carry, jax.Array]]
"""From the state and the rows' order, (batches, batch size), to the next state and the last loss."""


def make_begin(network: nn.Module, optimizer: optax.GradientTransformation) -> Callable[[jax.Array, jax.Array], Carry]:
    """From a key and a row to the state before the first batch."""

    @jax.jit
    def begin(key: jax.Array, row: jax.Array) -> Carry:
        state = dict(network.init({"params": key, "dropout": key}, row, train=True))
        parameters = state.pop("params")
        return parameters, state, optimizer.init(parameters), key

    return begin


def make_step(network: nn.Module, loss: Loss, optimizer: optax.GradientTransformation) -> Step:
    """From the state, a batch and its targets to the next state and the loss."""

    def step(carry: Carry, x: jax.Array, y: jax.Array) -> tuple[Carry, jax.Array]:
        parameters, state, moments, key = carry
        key, dropout = jax.random.split(key)

        def measure(parameters: dict) -> tuple[jax.Array, dict]:
            variables = {"params": parameters, **state}
            outputs, changed = network.apply(variables, x, train=True, rngs={"dropout": dropout}, mutable=list(state))
            return loss(outputs, y), changed

        (value, changed), gradients = jax.value_and_grad(measure, has_aux=True)(parameters)
        updates, moments = optimizer.update(gradients, moments, parameters)
        return (optax.apply_updates(parameters, updates), dict(changed), moments, key), value

    return step


def scanned(step: Step, rows: np.ndarray, targets: np.ndarray) -> Epoch:
    """Many batches in one call, which takes them from rows that JAX holds."""
    x, y = jnp.asarray(rows), jnp.asarray(targets)

    @functools.partial(jax.jit, donate_argnums=0)
    def run(carry: Carry, x: jax.Array, y: jax.Array, order: jax.Array) -> tuple[Carry, jax.Array]:
        carry, losses = jax.lax.scan(lambda carry, batch: step(carry, x[batch], y[batch]), carry, order)
        return carry, losses[-1]

    return lambda carry, order: run(carry, x, y, order)


def batch_by_batch(step: Step, rows: np.ndarray, targets: np.ndarray) -> Epoch:
    """A call for each batch."""
    compiled = jax.jit(step, donate_argnums=0)

    def run(carry: Carry, order: np.ndarray) -> tuple[Carry, jax.Array]:
        for batch in order:
            carry, loss = compiled(carry, rows[batch], targets[batch])
        return carry, loss

    return run


def main(name: str, path: str, batch_size: int, epochs: int) -> None:
    network, loss, optimizer = JOBS[name]
    with np.load(path) as data:
        rows, targets = data["x"], data["y"]
    run = (batch_by_batch if name in BATCH_BY_BATCH else scanned)(make_step(network, loss, optimizer), rows, targets)
    full = len(rows) - len(rows) % batch_size
    start = time.perf_counter()
    carry = make_begin(network, optimizer)(jax.random.key(7), rows[:1])
    for epoch in range(epochs):
        order = np.random.default_rng([7, epoch]).permutation(len(rows))
        for batches in (order[:full].reshape(-1, batch_size), order[None, full:]):
            if batches.size:
                carry, value = run(carry, batches)
        value.block_until_ready()
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": float(value)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
