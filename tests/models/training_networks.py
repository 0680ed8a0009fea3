"""Tiny networks, rows and an observer for the tests of training."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from models.training.plan import Arrays, Checkpoint, Command, EpochResult, Order, Progress, TrainingPlan


def classifier(optimizer: str | keras.Optimizer = "adam", seed: int = 1, regularizer: str | None = None) -> keras.Model:
    """Dense with Dropout on 4 features, 3 classes."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(8, activation="relu", kernel_regularizer=regularizer),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return compiled((4,), layers, optimizer)


def convolution(seed: int = 1) -> keras.Model:
    """Convolution with BatchNormalization and Dropout on 6×6 pictures, 3 classes."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Conv2D(4, 3, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.LeakyReLU(),
        keras.layers.Flatten(),
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return compiled((6, 6, 2), layers, "rmsprop")


def compiled(shape: tuple[int, ...], layers: list[keras.Layer], optimizer: str | keras.Optimizer) -> keras.Model:
    network = keras.Sequential([keras.Input(shape, name="input"), *layers])
    network.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return network


def line(learning_rate: float = 0.01, seed: int = 1) -> keras.Model:
    """One unit with squared error."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input((1,), name="input"), keras.layers.Dense(1)])
    network.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error", jit_compile=False)
    return network


def line_rows() -> Arrays:
    """y = 2x − 1 at six places."""
    x = np.arange(-1, 5, dtype=np.float32)[:, None]
    return Arrays({"input": x}, 2 * x - 1)


def labelled_rows(rows: int, shape: tuple[int, ...] = (4,), seed: int = 0) -> Arrays:
    """Random rows whose class can be learned from their first numbers."""
    inputs = np.random.default_rng(seed).normal(size=(rows, *shape)).astype(np.float32)
    classes = np.digitize(inputs.reshape(rows, -1)[:, 0], [-0.5, 0.5])
    return Arrays({"input": inputs}, np.eye(3, dtype=np.float32)[classes])


def plan(epochs: int = 3, **changes: object) -> TrainingPlan:
    defaults = {"batch_size": 8, "shuffle": False, "seed": 7, "execution": "graph"}
    return TrainingPlan(epochs=epochs, **{**defaults, **changes})  # type: ignore[arg-type]


class Recorder:
    """An observer that remembers what it was told, and asks to stop or to pause when `stop` or `pause` says so."""

    def __init__(
        self,
        stop: Callable[["Recorder"], bool] = lambda recorder: False,
        pause: Callable[["Recorder"], bool] = lambda recorder: False,
        orders: Sequence[Order] = (),
    ) -> None:
        self.epochs: list[EpochResult] = []
        self.progress: list[Progress] = []
        self.checkpoints: list[Checkpoint] = []
        self.given = list(orders)
        self.taken: list[Order] = []
        self.questions = 0
        self._stop, self._pause = stop, pause

    def on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)

    def on_epoch(self, result: EpochResult) -> None:
        self.epochs.append(result)

    def on_order(self, order: Order, step: int) -> None:
        self.taken.append(order)

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)

    def command(self) -> Command:
        self.questions += 1
        if self._stop(self):
            return Command.STOP
        return Command.PAUSE if self._pause(self) else Command.RUN

    def orders(self) -> Sequence[Order]:
        return self.given

    def may_end(self) -> bool:
        new = [order for order in self.given if order.epoch is None]
        return len(self.taken) == len(new)

    def history(self, name: str) -> list[float]:
        return [result.metrics[name] for result in self.epochs]
