"""Limits of the operating system on what a process may take, for processes that handle what others made."""

import resource
from collections.abc import Mapping


def lower_limits(limits: Mapping[int, int]) -> None:
    """Limit this process: the most of each resource, by its `RLIMIT_…`. A lower limit that it has already stays."""
    for limit, most in limits.items():
        _, hard = resource.getrlimit(limit)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (lowest, lowest))
