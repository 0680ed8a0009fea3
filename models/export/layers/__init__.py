"""The builders of layer types, one module for each of the catalogue's categories. Importing it registers them all."""

from models.export.layers import (
    attention,
    audio,
    convolutional,
    core,
    head_attention,
    padding,
    pooling,
    pretrained,
    recurrent,
    reshaping,
    resizing,
    wrappers,
)

__all__ = [
    "attention",
    "audio",
    "convolutional",
    "core",
    "head_attention",
    "padding",
    "pooling",
    "pretrained",
    "recurrent",
    "reshaping",
    "resizing",
    "wrappers",
]
