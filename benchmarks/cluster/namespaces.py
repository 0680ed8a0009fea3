"""Network namespaces: hosts of one machine that reach each other by a network only."""

import contextlib
import subprocess
from collections.abc import Iterator

NETWORK = "10.213.77"
PREFIX = "fitserve-"


@contextlib.contextmanager
def hosts(count: int) -> Iterator[dict[str, str]]:
    """Namespaces on one bridge, by name, with the address of each. Needs root and iproute2."""
    bridge, found = "fitserve-gang", {f"{PREFIX}{number}": f"{NETWORK}.{number}" for number in range(1, count + 1)}
    with contextlib.ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("link", "set", bridge, "up")
        for number, (name, address) in enumerate(found.items(), 1):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            outer, inner = f"fitserve-o{number}", f"fitserve-i{number}"
            _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
            _ip("link", "set", outer, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", inner)
            for device in ("lo", inner):
                _ip("-n", name, "link", "set", device, "up")
        yield found


def within(name: str) -> list[str]:
    """The beginning of a command that runs in a namespace."""
    return ["ip", "netns", "exec", name]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
