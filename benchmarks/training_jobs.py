"""The networks and rows for the training benchmarks."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.journeys.specs import CIFAR_CONVOLUTIONAL, CIFAR_DENSE, DIGITS, LINE, LINE_DATASET, RINGS
from tests.reference_data import DATA, MNIST

SEED = 7
LSTM_DIGITS = {
    **DIGITS,
    "name": "lstm-digits",
    "layers": [{"type": "LSTM", "units": 64}, {"type": "Dense", "units": 10, "activation": "softmax"}],
    "optimizer": "adam",
}
"""Reads a digit row by row: sequences of 28 steps with 28 features."""
LSTM_SERIES = {
    "name": "lstm-series",
    "task": "regression",
    "input": {"shape": [24, 3]},
    "layers": [{"type": "LSTM", "units": 32}, {"type": "Dense", "units": 1}],
    "optimizer": "adam",
    "loss": "mean_squared_error",
}
"""Predicts the next hour of a series from the last day of three series."""
GRU_SERIES = {
    **LSTM_SERIES,
    "name": "gru-series",
    "layers": [{"type": "GRU", "units": 32}, {"type": "Dense", "units": 1}],
}
WORDS = 10_000
"""The vocabulary of the made-up texts."""
EMBEDDING = {
    "name": "embedding",
    "task": "binary",
    "input": {"shape": [64]},
    "layers": [
        {"type": "Embedding", "input_dim": WORDS, "output_dim": 64},
        {"type": "GlobalAveragePooling1D"},
        {"type": "Dense", "units": 64, "activation": "relu"},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
    "optimizer": "adam",
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
}
"""Tells two kinds of texts apart by the mean of their words."""
ATTENTION = {
    **EMBEDDING,
    "name": "attention",
    "layers": [
        {"type": "Embedding", "input_dim": WORDS, "output_dim": 64},
        {"type": "MultiHeadAttention", "inputs": ["embedding", "embedding"], "num_heads": 4, "key_dim": 16},
        {"type": "Add", "inputs": ["embedding", "multi_head_attention"]},
        {"type": "LayerNormalization"},
        {"type": "Dense", "units": 128, "activation": "relu"},
        {"type": "Dense", "units": 64},
        {"type": "Add", "inputs": ["layer_normalization", "dense_1"]},
        {"type": "LayerNormalization"},
        {"type": "GlobalAveragePooling1D"},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
}
"""The same with the encoder block of a Transformer (Vaswani et al., 2017)."""


@dataclass(frozen=True)
class Rows:
    """Rows as the network takes them, (rows, …) each."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Job:
    """A network, its training rows, and the number of epochs."""

    document: dict[str, Any]
    load: Callable[[], Rows]
    batch_size: int
    epochs: int
    needs: str | None = None
    """The file of DATA with the rows; None if they are generated."""
    has_peers: bool = True
    """Whether benchmarks/peers have the network too."""


def line() -> Rows:
    x, y = (np.array(LINE_DATASET[name], np.float32) for name in ("inputs", "targets"))
    return Rows(x, y, x, y)


def rings() -> Rows:
    from sklearn.datasets import make_circles

    inputs, classes = make_circles(1000, noise=0.05, factor=0.5, random_state=SEED)
    x, y = inputs.astype(np.float32), classes.astype(np.float32)[:, None]
    return Rows(x[:600], y[:600], x[600:], y[600:])


def series() -> Rows:
    """Windows of 24 hours over three noisy waves; the target is the next value of the first."""
    hours = np.arange(8_024)
    periods, noise = np.array([[24], [168], [33]]), np.random.default_rng(SEED).normal(0, 0.1, (3, len(hours)))
    waves = (np.sin(2 * np.pi * hours / periods) + noise).astype(np.float32)
    x = np.lib.stride_tricks.sliding_window_view(waves[:, :-1], 24, axis=1).transpose(1, 2, 0).copy()
    y = waves[0, 24:, None]
    return Rows(x[:6_400], y[:6_400], x[6_400:], y[6_400:])


def texts() -> Rows:
    """Texts of 64 words, the frequent ones first as in Zipf's law; class 1 has more words of even numbers."""
    rng = np.random.default_rng(SEED)
    words = np.minimum(rng.zipf(1.3, (8_000, 64)), WORDS - 1)
    y = rng.integers(0, 2, (8_000, 1))
    even = y & (rng.random(words.shape) < 0.3)
    x = (words & ~even).astype(np.float32)
    return Rows(x[:6_400], y[:6_400].astype(np.float32), x[6_400:], y[6_400:].astype(np.float32))


def mnist(rows: int = 60_000) -> Rows:
    with np.load(MNIST) as data:
        x, x_test = (data[name].astype(np.float32) / 255 for name in ("x_train", "x_test"))
        y, y_test = (np.eye(10, dtype=np.float32)[data[name]] for name in ("y_train", "y_test"))
    return Rows(x[:rows], y[:rows], x_test, y_test)


def cifar(rows: int = 50_000) -> Rows:
    """A fixed random sample of training images, and 2,000 test images."""
    from PIL import Image

    with zipfile.ZipFile(DATA / "cifar10-images.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        classes = sorted({name.split("/")[1] for name in names})
        splits: list[np.ndarray] = []
        for split, count in (("train/", rows), ("test/", 2_000)):
            pictures = np.array([name for name in names if name.startswith(split)])
            chosen = np.random.default_rng(SEED).permutation(pictures)[:count].tolist()
            x = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(name))), np.float32) for name in chosen]) / 255
            splits += [x, np.eye(10, dtype=np.float32)[[classes.index(name.split("/")[1]) for name in chosen]]]
    return Rows(*splits)


JOBS = {
    "line": Job(LINE, line, batch_size=32, epochs=500),
    "rings": Job(RINGS, rings, batch_size=32, epochs=50),
    "mnist": Job(DIGITS, mnist, batch_size=128, epochs=5, needs="mnist.npz"),
    "cifar-dense": Job(CIFAR_DENSE, cifar, batch_size=32, epochs=3, needs="cifar10-images.zip"),
    "cifar-convolutional": Job(
        CIFAR_CONVOLUTIONAL, lambda: cifar(16_000), batch_size=32, epochs=2, needs="cifar10-images.zip"
    ),
    "lstm-series": Job(LSTM_SERIES, series, batch_size=32, epochs=10),
    "lstm-digits": Job(LSTM_DIGITS, lambda: mnist(12_800), batch_size=64, epochs=4, needs="mnist.npz"),
    "gru-series": Job(GRU_SERIES, series, batch_size=32, epochs=10, has_peers=False),
    "embedding": Job(EMBEDDING, texts, batch_size=32, epochs=5, has_peers=False),
    "attention": Job(ATTENTION, texts, batch_size=32, epochs=5, has_peers=False),
}
