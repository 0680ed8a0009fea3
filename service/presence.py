"""Shows the other processes of a host that something is still going on.

A presence is a name that a process holds in Linux's abstract socket namespace. The kernel releases it when the process
ends, however that happens. Other processes ask the kernel, not the process, so asking never waits.
"""

import os
import socket
from pathlib import Path
from typing import Any, Self

PREFIX = "\0fitserve/"
"""The NUL makes the name abstract: no file, and no other user's file permissions, are involved."""


class Presence:
    """Holds a name until `end`, or until the last reference to it is gone. As a context manager, ends with the block.

    Raises OSError if the name is held already.
    """

    def __init__(self, name: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
            held.bind(PREFIX + name)
            self._descriptor = held.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __del__(self) -> None:
        self.end()

    def end(self) -> None:
        descriptor, self._descriptor = getattr(self, "_descriptor", -1), -1
        if descriptor >= 0:
            os.close(descriptor)


def may_be_present(name: str, place: dict[str, Any]) -> bool:
    """Return False if nobody holds the name any more. `place` is the holder's; names elsewhere can't be seen."""
    if place != here():
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(PREFIX + name)
        except ConnectionRefusedError:
            return False
    return True


def here() -> dict[str, Any]:
    """Where this process's presences can be seen: the host since its boot, and the network namespace on it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"boot": boot, "network": os.stat("/proc/self/ns/net").st_ino}
