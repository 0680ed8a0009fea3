"""Has pictures drawn by a process of its own: this process never imports matplotlib.

The process starts with the first picture. It ends when nobody has asked for one for a while, after many pictures, and
when this process ends, because its input does. At most one picture is drawn at a time; the others wait in order.
"""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from models.drawing.frames import DRAWN, read_frame, write_frame
from service.config import Settings
from service.errors import NotDrawable, Overloaded, PictureTimeout

PROCESS = "models.drawing.process"
START_SECONDS = 30.0
"""How long importing matplotlib may take; half a second is usual."""
IDLE_SECONDS = 60.0
"""After this time without a request the process ends."""
MOST_DRAWINGS = 500
"""After so many pictures another process takes over, so that memory that libraries leak is freed."""
MOST_WAITING = 64
"""The pictures that wait, with the one that is drawn, at most."""

log = structlog.get_logger()


class Drawer:
    """Draws pictures for this process."""

    def __init__(
        self, settings: Settings, idle_seconds: float = IDLE_SECONDS, most_waiting: int = MOST_WAITING
    ) -> None:
        self._limits = settings.picture_memory_bytes, settings.picture_seconds
        self._most = most_waiting
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._waiting: queue.Queue[_Request] = queue.Queue()
        self._pending = 0
        self._thread: threading.Thread | None = None
        self.process: _Process | None = None
        """The process that draws, if there is one now."""

    def draw(self, request: bytes) -> Future[bytes]:
        """Draw what the JSON of a request for models/drawing/rendering.py describes. Returns the future file.

        Raises Overloaded if too many requests wait. The future may raise PictureTimeout, NotDrawable or, if no process
        can be started, Overloaded.
        """
        with self._lock:
            if self._pending >= self._most:
                raise Overloaded("Too many pictures are being drawn.", retry_after=1)
            self._pending += 1
            waiting = _Request(request, Future())
            self._waiting.put(waiting)
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="pictures", daemon=True)
                thread.start()  # may fail; then the next request tries it again
                self._thread = thread
        return waiting.picture

    def close(self) -> None:
        """End the process, also in the middle of a picture."""
        process = self.process
        if process is not None:
            process.end()

    def _work(self) -> None:
        while True:
            try:
                request = self._waiting.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._lock:
                    if self._pending:
                        continue
                    self._thread = None
                    self._end_process()
                    return
            try:
                picture = self._draw(request.content)
            except BaseException as error:
                self._finish_one()
                request.picture.set_exception(error)
            else:
                self._finish_one()
                request.picture.set_result(picture)

    def _finish_one(self) -> None:
        with self._lock:
            self._pending -= 1

    def _draw(self, request: bytes) -> bytes:
        """The picture, by the second process if the first one crashes. Raises what `draw` says, and Overloaded."""
        for _ in range(2):
            try:
                if self.process is None or self.process.drawings >= MOST_DRAWINGS:
                    self._end_process()
                    self.process = _Process(*self._limits)
                return self.process.draw(request)
            except _Crashed as crash:
                log.warning("drawing a picture crashed", returncode=crash.returncode)
                self._end_process()
            except PictureTimeout:
                self._end_process()
                raise
            except OSError as error:
                log.error("the process that draws pictures can't start", error=str(error))
                detail = "No picture can be drawn now: the process that draws can't start; the log says why."
                raise Overloaded(detail, retry_after=10) from None
        raise NotDrawable("Drawing the picture crashed: it needs too much memory. Its numbers are available as JSON.")

    def _end_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.end()


@dataclass(frozen=True)
class _Request:
    content: bytes
    picture: Future[bytes]


class _Crashed(Exception):
    """The process ended without an answer."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__()
        self.returncode = returncode


class _Process:
    """A process that draws one picture after the other."""

    def __init__(self, memory_bytes: int, seconds: float) -> None:
        self.seconds = seconds
        self.drawings = 0
        # matplotlib writes its list of fonts there when it is imported. Its usual folder may be read-only.
        with tempfile.TemporaryDirectory(prefix="fitserve-pictures-") as folder:
            self._start(memory_bytes, folder)

    def _start(self, memory_bytes: int, folder: str) -> None:
        environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PATH": os.defpath,
            "MPLCONFIGDIR": folder,
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", PROCESS, str(memory_bytes), str(self.seconds)]
        self._process = subprocess.Popen(
            command, env=environment, cwd=os.sep, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid: int = self._process.pid
        self.end = weakref.finalize(self, _end, self._process)
        """Ends the process; also called when this process exits."""
        try:
            self._ask(None, START_SECONDS)
        except BaseException:
            self.end()
            raise

    def draw(self, request: bytes) -> bytes:
        """The picture. Raises _Crashed, PictureTimeout, NotDrawable."""
        self.drawings += 1
        answer = self._ask(request, self.seconds)
        if answer[:1] != DRAWN:
            log.error("a picture can't be drawn", error=answer[1:].decode(errors="replace"))
            raise NotDrawable("The picture can't be drawn from its numbers. They are available as JSON.")
        return answer[1:]

    def _ask(self, request: bytes | None, seconds: float) -> bytes:
        """Send a request, if there is one, and read the next answer. Kills the process if there is none in time.

        Raises _Crashed, PictureTimeout.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        is_late = threading.Event()

        def kill() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            if request is not None:
                write_frame(self._process.stdin, request)
            answer = read_frame(self._process.stdout)
        except OSError:
            answer = None
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        if is_late.is_set():
            raise PictureTimeout(
                f"Drawing the picture takes more than {seconds:g} s. Retry later, or ask for a smaller picture or for "
                "its numbers as JSON.",
                retry_after=1,
            )
        raise _Crashed(self._process.wait())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what was left to write
                pipe.close()
