"""What the exit codes say of the commands that talk to a service; docs/command-line.md lists them."""

from service import statuses

DONE = 0
OF_STATUS = {statuses.SUCCEEDED: DONE, statuses.FAILED: 1, statuses.CANCELLED: 2}
"""How a job ended that was waited for."""
REFUSED = 3
"""Nothing was done, and the same again won't help: wrong usage, or the service's refusal."""
AWAY = 4
"""The service can't be reached or is overloaded: the same may help later."""
INTERRUPTED = 130
"""Ctrl-C; a job goes on."""
READER_GONE = 141
"""Whoever read what was printed has gone, as `head` does; shells say so of programs that SIGPIPE ended."""
