"""Exit codes of the client commands; docs/command-line.md documents them."""

from service import statuses

DONE = 0
OF_STATUS = {statuses.SUCCEEDED: DONE, statuses.FAILED: 1, statuses.CANCELLED: 2}
"""By the final status of a job that the command waited for."""
REFUSED = 3
"""Nothing was done, and a retry won't help: invalid usage, or the service refused the request."""
AWAY = 4
"""The service is unreachable or overloaded; a retry may help."""
INTERRUPTED = 130
"""Ctrl-C; a job continues."""
READER_GONE = 141
"""The reader of the output has exited, as `head` does; shells report SIGPIPE with this code."""
