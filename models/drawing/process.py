"""The process that draws pictures, one after the other until its input ends, with limits on its memory and time.

Requests and answers are frames (frames.py). A request is the JSON of `rendering.render`'s arguments. An answer begins
with DRAWN or FAILED. The first frame that the process writes is empty: it is ready then.
"""

import os
import resource
import signal
import sys
import traceback

import orjson

from models.drawing.frames import DRAWN, FAILED, read_frame, write_frame
from models.process_limits import lower_limits

NICENESS = 10
"""Predictions and other requests come first."""


def main() -> None:
    """Draw. The arguments are the bytes of memory and the seconds per picture, at most."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that of a terminal is for the service, which ends this process
    os.nice(NICENESS)
    # Libraries that print must not disturb the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    from models.drawing.rendering import render

    lower_limits({resource.RLIMIT_AS: memory, resource.RLIMIT_CORE: 0})
    write_frame(answers, b"")
    while (request := read_frame(sys.stdin.buffer)) is not None:
        # The service kills this process sooner, unless it has ended itself.
        signal.setitimer(signal.ITIMER_REAL, 2 * seconds + 1)
        try:
            answer = DRAWN + render(**orjson.loads(request))
        except MemoryError:
            answer = FAILED + b"The memory doesn't suffice."
        except Exception:
            answer = FAILED + traceback.format_exc(limit=-4).encode(errors="replace")
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(answers, answer)


if __name__ == "__main__":
    main()
