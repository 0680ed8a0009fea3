"""Computed sources: points in the plane and on curves, for experiments. NumPy only."""

import numpy as np

from models.datasets.examples import Examples, vectors


def line(samples: int, slope: float, intercept: float, noise: float, seed: int) -> Examples:
    """y = slope · x + intercept, x evenly spaced from -1 to 4: with 6 samples -1, 0, 1, 2, 3, 4."""
    x = np.linspace(-1, 4, samples)
    return vectors(x[:, None], slope * x + intercept + _noise((samples,), noise, seed))


def sine(samples: int, cycles: float, amplitude: float, noise: float, seed: int) -> Examples:
    """y = amplitude · sin(2π · cycles · x), x evenly spaced from 0 to 1."""
    x = np.linspace(0, 1, samples)
    return vectors(x[:, None], amplitude * np.sin(2 * np.pi * cycles * x) + _noise((samples,), noise, seed))


def circles(samples: int, noise: float, factor: float, seed: int) -> Examples:
    """Two concentric circles: class 0 of radius 1, class 1 of radius `factor`."""
    outer, inner = _circle(samples - samples // 2), factor * _circle(samples // 2)
    return _classes([outer, inner], noise, seed)


def moons(samples: int, noise: float, seed: int) -> Examples:
    """Two interleaving half circles."""
    upper = _arc(np.linspace(0, np.pi, samples - samples // 2))
    lower = np.array([1, 0.5]) - _arc(np.linspace(0, np.pi, samples // 2))
    return _classes([upper, lower], noise, seed)


def spirals(samples: int, classes: int, turns: float, noise: float, seed: int) -> Examples:
    """Arms of Archimedean spirals, from the centre to radius 1, one arm per class."""
    arms = []
    for arm, size in enumerate(_shares(samples, classes)):
        radius = np.linspace(0.05, 1, size)
        arms.append(radius[:, None] * _arc(2 * np.pi * (turns * radius + arm / classes)))
    return _classes(arms, noise, seed)


def xor(samples: int, noise: float, seed: int) -> Examples:
    """Points around the corners of a square; the class is the exclusive or of the signs of x and y."""
    corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])
    clouds = [np.repeat(corners[[i]], size, axis=0) for i, size in enumerate(_shares(samples, 4))]
    return _classes([np.concatenate(clouds[:2]), np.concatenate(clouds[2:])], noise, seed)


def blobs(samples: int, classes: int, features: int, spread: float, seed: int) -> Examples:
    """Gaussian clusters around random centres between -10 and 10, one per class."""
    centres = np.random.default_rng([seed, 1]).uniform(-10, 10, (classes, features))
    clouds = [np.repeat(centres[[i]], size, axis=0) for i, size in enumerate(_shares(samples, classes))]
    return _classes(clouds, spread, seed)


def _classes(points: list[np.ndarray], noise: float, seed: int) -> Examples:
    """Points with noise from one array per class, mixed so that training without shuffling sees all classes."""
    inputs = np.concatenate(points)
    targets = np.repeat(np.arange(len(points)), [len(part) for part in points])
    order = np.random.default_rng([seed, 2]).permutation(len(targets))
    noisy = inputs + _noise(inputs.shape, noise, seed)
    return vectors(noisy[order], targets[order], tuple(range(len(points))))


def _circle(samples: int) -> np.ndarray:
    return _arc(np.linspace(0, 2 * np.pi, samples, endpoint=False))


def _arc(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _shares(samples: int, parts: int) -> list[int]:
    return [samples // parts + (part < samples % parts) for part in range(parts)]


def _noise(shape: tuple[int, ...], deviation: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, deviation, shape)
