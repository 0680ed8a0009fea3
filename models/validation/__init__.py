"""Checks a posted spec against the catalogue, without Keras, and reports all faults together."""

from models.validation.components import check_component
from models.validation.network import check_network, check_outputs
from models.validation.targets import complete_target

__all__ = ["check_component", "check_network", "check_outputs", "complete_target"]
