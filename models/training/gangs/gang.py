"""A gang: the processes that train one network together, and what they exchange."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from models.documents import Document


class MemberLost(Exception):
    """Another member of the gang has ended, or can't be reached. The text is for the job's log."""


@dataclass(frozen=True)
class Membership(Document):
    """A process's place in a gang."""

    rank: int
    """From 0; the leader's."""
    hosts: int
    """The number of members."""
    address: str
    """The leader's address, which the others connect to."""
    port: int
    secret: str
    """What members prove to each other that they know."""
    seconds: float
    """How long the members wait for each other at the beginning."""


class Gang(Protocol):
    """What the members of a gang exchange. All of them call the same methods in the same order.

    Each method raises MemberLost once another member has ended.
    """

    rank: int
    """From 0; the leader's."""
    hosts: int

    def agree(self, decide: Callable[[], Any]) -> Any:
        """What `decide` returns in the leader, in every member. It must be plain JSON; the others don't call theirs."""

    def spread(self, values: np.ndarray) -> np.ndarray:
        """The leader's values, in every member. All members' have the same type and shape."""

    def add(self, values: np.ndarray) -> np.ndarray:
        """The sum of all members' values, the same in all of them: they are added in the order of ranks. All have the
        same type and shape."""

    def join(self, values: np.ndarray) -> np.ndarray:
        """All members' values (rows, …) in the order of ranks. Their numbers of rows may differ."""


class Alone:
    """A process that trains alone, the leader of nobody."""

    rank, hosts = 0, 1

    def agree(self, decide: Callable[[], Any]) -> Any:
        return decide()

    def spread(self, values: np.ndarray) -> np.ndarray:
        return values

    def add(self, values: np.ndarray) -> np.ndarray:
        return values

    def join(self, values: np.ndarray) -> np.ndarray:
        return values


ALONE = Alone()
