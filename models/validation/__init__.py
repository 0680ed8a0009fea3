"""Checks a posted spec against the catalogue, without Keras, and reports all faults together."""

from models.validation.components import check_component
from models.validation.network import check_network, check_outputs

__all__ = ["check_component", "check_network", "check_outputs"]
