"""What a worker that can't run jobs ends with."""


class CannotWork(Exception):
    """The worker can't run jobs here, and retrying wouldn't help. The text is for the operator."""
