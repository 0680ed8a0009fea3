"""What a worker computes with. TensorFlow isn't asked: the supervisor doesn't import it."""

import shutil
import subprocess
from typing import Any

from service.processes import usable_cores, usable_memory

NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
"""Prints a line per GPU: its name and its memory in MiB. NVIDIA's driver contains the program."""
TIMEOUT_SECONDS = 10
MEBIBYTE = 1024**2


def find_devices() -> dict[str, Any]:
    """The cores and the bytes of memory that the process may use, and the accelerators of its machine."""
    return {"cpus": usable_cores(), "memory_bytes": usable_memory(), "accelerators": _find_accelerators()}


def _find_accelerators() -> list[dict[str, Any]]:
    """The GPUs that NVIDIA's driver shows; none without the driver."""
    if shutil.which(NVIDIA[0]) is None:
        return []
    try:
        printed = subprocess.run(NVIDIA, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [_read_line(line) for line in printed.splitlines() if line]


def _read_line(line: str) -> dict[str, Any]:
    name, _, mebibytes = line.rpartition(", ")
    size = int(mebibytes) * MEBIBYTE if mebibytes.isdigit() else None
    return {"type": "gpu", "name": name, "memory_bytes": size}
