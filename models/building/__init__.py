"""Turns a validated spec into a compiled Keras network: sizes it without allocating memory, then builds it."""

from models.building.network import build_network
from models.building.summary import print_summary, rows_at_once, summarize_network

__all__ = ["build_network", "print_summary", "rows_at_once", "summarize_network"]
