"""Fixtures of tests that run the tasks of child processes."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def task_in_this_process() -> Iterator[None]:
    """Let tasks run where TensorFlow has already been used; the number of threads can only be set before that."""
    from models.tasks import evaluation, training

    with pytest.MonkeyPatch.context() as patch:
        for task in (evaluation, training):
            patch.setattr(task, "configure_threads", lambda threads: None)
        yield
