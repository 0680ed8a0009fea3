"""Writes a Python script that builds and trains a network of a spec with Keras alone, without Fitserve."""

from models.keras_code.rendering import Call, Code, render
from models.keras_code.script import write_script

__all__ = ["Call", "Code", "render", "write_script"]
