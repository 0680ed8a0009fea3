"""Checks a posted spec against the catalogue, without Keras, and reports every fault at once."""

from models.validation.components import check_component
from models.validation.network import check_network

__all__ = ["check_component", "check_network"]
