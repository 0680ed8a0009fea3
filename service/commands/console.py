"""The console for tables and progress bars."""

import rich.console


class Console(rich.console.Console):
    """Rich's console, but it leaves broken pipes to the command."""

    def on_broken_pipe(self) -> None:
        """Called by Rich, whose own version exits with another code. Raises BrokenPipeError."""
        raise  # the exception that Rich is handling
