"""Turns a checked spec into a compiled Keras network: sized before anything is allocated, then really built."""

from models.building.network import build_network
from models.building.summary import print_summary, rows_at_once, summarize_network

__all__ = ["build_network", "print_summary", "rows_at_once", "summarize_network"]
