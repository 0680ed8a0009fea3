"""The console that tables and progress are printed on."""

import rich.console


class Console(rich.console.Console):
    """Rich's, except that a reader who has gone is left to the command."""

    def on_broken_pipe(self) -> None:
        """Called by Rich, which would end the process with a code of its own. Raises BrokenPipeError."""
        raise  # what Rich is handling
