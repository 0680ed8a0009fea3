"""Spectrograms of sound.

The formulas are those of keras/src/layers/preprocessing/stft_spectrogram.py and mel_spectrogram.py.
"""

import math

import numpy as np
import onnx_ir as ir

from models.export.graph import Layer, Tensor
from models.export.registry import builds, row_shape
from models.export.spatial import channels_first, channels_of, lengths_of, pads, same_padding

EPSILON = 1e-7
"""keras.backend.epsilon()."""
MEL_FACTOR, MEL_BREAK = np.float32(1127), np.float32(700)
"""Of the Hidden Markov Model Toolkit: mel(f) = 1127 · log(1 + f / 700)."""


@builds("STFTSpectrogram")
def stft_spectrogram(layer: Layer, x: Tensor) -> ir.Value:
    """A function of the Fourier transform of each frame of each channel, whose real and imaginary parts are
    convolutions with the weights real_kernel and imag_kernel (frame_length, 1, frequencies)."""
    op, mode = layer.op, layer["mode"]
    real = fourier_part(layer, x, "real_kernel") if mode != "imag" else None
    imaginary = fourier_part(layer, x, "imag_kernel") if mode != "real" else None
    if real is None or imaginary is None:
        return spectra(layer, real or imaginary)
    if mode == "angle":
        return spectra(layer, angle(layer, imaginary, real))
    if mode == "stft":
        return spectra(layer, op.Concat(real, imaginary, axis=2))
    power = op.Add(op.Mul(real, real), op.Mul(imaginary, imaginary))
    if mode == "psd":
        return spectra(layer, op.Mul(power, both_sides(layer, power)))
    smallest = layer.graph.constant(EPSILON)
    magnitude = op.Sqrt(op.Max(spectra(layer, power), smallest))
    return magnitude if mode == "magnitude" else op.Log(op.Max(magnitude, smallest))


def fourier_part(layer: Layer, x: Tensor, kernel: str) -> ir.Value:
    """The convolution of each channel with one of the weights: (rows, channels, frequencies, frames)."""
    op, (samples,), channels = layer.op, lengths_of(x), channels_of(x)
    size, step = layer["frame_length"], frame_step(layer)
    padding = same_padding([samples], [size], [step], [1]) if layer["padding"] == "same" else [(0, 0)]
    sound = op.Reshape(channels_first(layer, x), [-1, 1, samples])
    weights = op.Transpose(layer.weight(kernel), perm=[2, 1, 0])
    part = op.Conv(sound, weights, strides=[step], pads=pads(padding))
    frequencies, frames = row_shape(part)
    return op.Reshape(part, [-1, channels, frequencies, frames])


def frame_step(layer: Layer) -> int:
    step: int = layer["frame_step"] or layer["frame_length"] // 2
    return step


def both_sides(layer: Layer, power: ir.Value) -> ir.Value:
    """2 for the frequencies that stand for a negative one too, 1 for the first and the last."""
    _, frequencies, _ = row_shape(power)
    sides = np.full((frequencies, 1), 2, np.float32)
    sides[[0, -1]] = 1
    return layer.graph.constant(sides)


def angle(layer: Layer, y: ir.Value, x: ir.Value) -> ir.Value:
    """The angle of the point (x, y), from -π to π; ONNX has no operator for it."""
    op, zero, pi = layer.op, layer.graph.constant(0), layer.graph.constant(math.pi)
    half = op.Atan(op.Div(y, x))  # from -π/2 to π/2, NaN at the origin
    turned = op.Add(half, op.Where(op.Less(y, zero), op.Neg(pi), pi))
    known = op.Where(op.Less(x, zero), turned, half)
    return op.Where(op.And(op.Equal(x, zero), op.Equal(y, zero)), zero, known)


def spectra(layer: Layer, values: ir.Value | None) -> ir.Value:
    """(rows, channels, frequencies, frames) as (rows, frames, frequencies, channels). Without `expand_dims` as
    (rows, frames, channels · frequencies): each channel's frequencies follow those of the channel before."""
    assert values is not None
    op, (channels, frequencies, frames) = layer.op, row_shape(values)
    if layer["expand_dims"]:
        return op.Transpose(values, perm=[0, 3, 2, 1])
    values = op.Reshape(values, [-1, channels * frequencies, frames])
    return op.Transpose(values, perm=[0, 2, 1])


@builds("MelSpectrogram")
def mel_spectrogram(layer: Layer, x: Tensor) -> ir.Value:
    """The power of each frame in bands of the mel scale, (rows, ..., bands, frames). In decibels it is at most `top_db`
    below the maximum, which is that of all rows of a call, as in Keras.

    The Fourier transform is in 64 bits: in 32 bits, rounding would hide weak frequencies next to strong ones.
    """
    op, graph, (*channels, samples) = layer.op, layer.graph, x.shape
    sound = op.Cast(op.Reshape(x.value, [-1, samples, 1]), to=ir.DataType.DOUBLE)
    margin = layer["fft_length"] // 2
    framed = op.Pad(sound, [0, margin, 0, 0, margin, 0], mode="reflect")
    stride = graph.constant(layer["sequence_stride"], np.int64)
    parts = op.STFT(framed, stride, graph.constant(mel_window(layer), np.float64), onesided=1)
    power = op.ReduceSumSquare(parts, [3], keepdims=0)
    strength = op.Cast(op.Pow(power, graph.constant(layer["mag_exp"] / 2, np.float64)), to=ir.DataType.FLOAT)
    bands = op.MatMul(strength, graph.constant(mel_matrix(layer)))
    if layer["power_to_db"]:
        bands = decibels(layer, bands)
    frames = 1 + (samples + 2 * margin - layer["fft_length"]) // layer["sequence_stride"]
    return op.Reshape(op.Transpose(bands, perm=[0, 2, 1]), [-1, *channels, layer["num_mel_bins"], frames])


def decibels(layer: Layer, power: ir.Value) -> ir.Value:
    op, constant, least = layer.op, layer.graph.constant, layer["min_power"]
    with np.errstate(divide="ignore"):
        reference = 10 * np.log10(np.float64(max(abs(layer["ref_power"]), least)))
    level = op.Mul(op.Log(op.Max(power, constant(least))), constant(10 / math.log(10)))
    level = op.Sub(level, constant(reference))
    return op.Max(level, op.Sub(op.ReduceMax(level, keepdims=0), constant(layer["top_db"])))


def mel_window(layer: Layer) -> np.ndarray:
    """The window of `sequence_length` samples in the middle of `fft_length` zeros, as tf.signal.hann_window and
    hamming_window compute it: periodic, but symmetric if the length is odd."""
    size, length = layer["sequence_length"] or layer["fft_length"], layer["fft_length"]
    window = np.ones(size)
    if size > 1:
        mean = {"hann": 0.5, "hamming": 0.54}[layer["window"]]
        window = mean - (1 - mean) * np.cos(2 * np.pi * np.arange(size) / (size - size % 2))
    before = (length - size) // 2
    return np.pad(window, (before, length - size - before))


def mel_matrix(layer: Layer) -> np.ndarray:
    """The share of each frequency in each band: triangles on the mel scale whose feet are the peaks of their
    neighbours. The frequency 0 has no share. Keras computes it in 32 bits, which a share shows in its fifth digit."""
    rate, highest = layer["sampling_rate"], layer["max_freq"] or layer["sampling_rate"] // 2
    frequencies = steps(0, np.float32(rate) / np.float32(2), layer["fft_length"] // 2 + 1)
    edges = steps(mel(np.float32(layer["min_freq"])), mel(np.float32(highest)), layer["num_mel_bins"] + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (mel(frequencies)[:, None] - lower) / (center - lower)
        falling = (upper - mel(frequencies)[:, None]) / (upper - center)
    matrix = np.maximum(np.float32(0), np.minimum(rising, falling))
    matrix[0] = 0
    return matrix


def mel(frequencies: np.ndarray | np.float32) -> np.ndarray:
    return np.asarray(MEL_FACTOR * np.log(np.float32(1) + frequencies / MEL_BREAK))


def steps(first: np.ndarray | float, last: np.ndarray | np.float32, number: int) -> np.ndarray:
    """Evenly spaced numbers, rounded as tf.linspace rounds them."""
    delta = (np.float32(last) - np.float32(first)) / np.float32(max(number - 1, 1))
    numbers = np.float32(first) + delta * np.arange(number, dtype=np.float32)
    numbers[1:][-1:] = last
    return numbers
