"""Turns a validated spec into a compiled Keras network: sizes it without allocating memory, then builds it."""

from models.building.compiling import compile_network, make_measures
from models.building.network import build_network
from models.building.summary import print_summary, rows_at_once, summarize_network
from models.building.target_units import SCALED_LOSS, name_losses, with_target_units

__all__ = [
    "SCALED_LOSS",
    "build_network",
    "compile_network",
    "make_measures",
    "name_losses",
    "print_summary",
    "rows_at_once",
    "summarize_network",
    "with_target_units",
]
