"""Opens the listening socket of the api."""

import socket

BACKLOG = 2048


class AddressUnavailable(Exception):
    """The api can't listen on the configured address. The text is one line."""


def listen(host: str, port: int) -> socket.socket:
    """Open a socket that listens on the address. Raises AddressUnavailable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AddressUnavailable(
            f"The api can't listen on port {port} of {host}: {error.strerror}. "
            "Set FITSERVE_PORT or FITSERVE_HOST, or stop the program that uses the port."
        ) from None
    return listener
