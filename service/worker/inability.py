"""What a worker that can't run jobs ends with."""


class CannotWork(Exception):
    """The worker can't start processes for jobs, and retrying didn't help. The text is for the operator."""
