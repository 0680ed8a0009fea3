"""Balances new connections over the api's processes.

The processes accept from one listener. The kernel wakes whichever of them waits first, and that is often the same one:
8 clients have had all their connections with one of two processes. The other core is then idle for as long as these
connections last.
"""

import asyncio
import mmap
import socket
from collections.abc import Callable

import structlog
import uvloop

PATIENCE_SECONDS = 0.005
"""How long a process with more connections than another lets that one accept first."""
EXHAUSTED_SECONDS = 0.5
"""The pause after the system had no file descriptor or memory for a connection."""
PLACES = 256
"""More than the processes that run concurrently: each has the place of its number, which increases with every start."""

log = structlog.get_logger()


class Shares:
    """The number of connections of each process, in memory that processes forked later share."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 8 * PLACES)).cast("q")
        """The connections of each process plus one; 0 if no process that accepts connections has the place."""
        self._place: int | None = None
        """The place of this process; None if it accepts no connections."""

    def join(self, number: int) -> None:
        """This process, which has the number, accepts connections from now on."""
        self._place = number % PLACES
        self.note(0)

    def note(self, connections: int) -> None:
        """Tell the other processes how many connections this one has."""
        if self._place is not None:
            self._counts[self._place] = connections + 1

    def leave(self) -> None:
        """This process accepts no more connections."""
        if self._place is not None:
            self.forget(self._place)
            self._place = None

    def forget(self, number: int) -> None:
        """The process with the number has ended."""
        self._counts[number % PLACES] = 0

    def is_ahead(self) -> bool:
        """Whether this process has more connections than another one."""
        return self._place is not None and self._counts[self._place] > min(filter(None, self._counts))


SHARES = Shares()


class BalancedServer:
    """Accepts connections from a listener that processes share. Has the methods of a server that uvicorn calls."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, make_protocol: Callable[[], asyncio.Protocol], listener: socket.socket
    ) -> None:
        self._loop = loop
        self._make_protocol = make_protocol
        self._listener = listener
        self._resuming: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[object]] = set()
        loop.add_reader(listener, self._accept_in_turn)

    def close(self) -> None:
        """Close the listener in this process."""
        SHARES.leave()
        if self._resuming is None:
            self._loop.remove_reader(self._listener)
        # The kernel would reset the connections that it has accepted and no process has.
        while self._accept():
            pass
        if self._resuming is not None:
            self._resuming.cancel()
        self._listener.close()

    async def wait_closed(self) -> None:
        """Closing takes no time."""

    def _accept_in_turn(self) -> None:
        if SHARES.is_ahead():
            self._pause(PATIENCE_SECONDS)
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._resuming = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_reader(self._listener, self._accept_in_turn)
        self._accept()

    def _accept(self) -> bool:
        """Accept a connection; False if there is none."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another process was faster, or the client has left
        except OSError as error:
            log.error("no connection can be accepted", reason=str(error))
            self._pause(EXHAUSTED_SECONDS)
            return False
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opening = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        return True


class BalancingLoop(uvloop.Loop):
    """uvicorn's event loop, whose servers leave connections to processes that have fewer."""

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *, sock: socket.socket, ssl: None, backlog: int
    ) -> BalancedServer:
        """A server for a socket that is bound. Called by uvicorn."""
        sock.setblocking(False)
        sock.listen(backlog)
        return BalancedServer(self, protocol_factory, sock)
