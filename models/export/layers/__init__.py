"""The builders of layer types, one module for each of the catalogue's categories. Importing it registers them all."""

from models.export.layers import attention, core, head_attention, pretrained, recurrent, reshaping, wrappers

__all__ = ["attention", "core", "head_attention", "pretrained", "recurrent", "reshaping", "wrappers"]
