"""Hosts as network namespaces of this machine. A bridge connects them, and each can be cut off. Needs root."""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.survival.backing import Skipped

NAMESPACES = Path("/var/run/netns")
CLONE_NEWNET = 0x40000000
PREFIX_BITS = 24
RENAMED = 'hostname "$0" && exec "$@"'
"""A shell command: run a command in a namespace of host names that has this one."""


@dataclass(frozen=True)
class Host:
    """A host. Its `link` is the end of its cable at the bridge."""

    name: str
    address: str
    link: str

    @property
    def prefix(self) -> Sequence[str]:
        """What starts a command on this host if it is put before it."""
        return ("ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", RENAMED, self.name)

    def enter(self) -> None:
        """Let the connections that this thread opens from now on be those of the host. Raises OSError."""
        libc = ctypes.CDLL(None, use_errno=True)
        with (NAMESPACES / self.name).open() as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"the namespace {self.name} can't be entered")

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let nothing reach the host, or leave it, during the block."""
        _ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.link, "up")


@dataclass(frozen=True)
class Network:
    """Hosts, and the `address` at which they reach this machine."""

    address: str
    hosts: Sequence[Host]


@contextmanager
def open_network(count: int) -> Iterator[Network]:
    """So many hosts. Raises Skipped if this isn't allowed here."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        raise Skipped("network namespaces need root and the command `ip`")
    number, subnet = os.getpid() % 100_000, f"10.213.{os.getpid() % 250}"
    bridge, address = f"fsbr{number}", f"{subnet}.1"
    with contextlib.ExitStack() as stack:
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except subprocess.CalledProcessError as error:
            raise Skipped(f"a network can't be made here: {error.stderr.strip()}") from None
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{address}/{PREFIX_BITS}", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [
            stack.enter_context(_host(bridge, f"fs{number}-{place}", f"{subnet}.{place + 2}")) for place in range(count)
        ]
        yield Network(address, hosts)


@contextmanager
def _host(bridge: str, name: str, address: str) -> Iterator[Host]:
    """A namespace with a cable to the bridge."""
    link, inner = f"{name}b", f"{name}h"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", inner, "netns", name)
        _ip("link", "set", link, "master", bridge, "up")
        for settings in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/{PREFIX_BITS}", "dev", inner),
            ("link", "set", inner, "up"),
        ):
            _ip("-netns", name, *settings)
        yield Host(name, address, link)
    finally:
        _ip("netns", "delete", name)  # and its cable


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
