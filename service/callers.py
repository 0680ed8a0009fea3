"""Who sends a request, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PROJECT = "default"
"""The project of everything that was made without a key."""


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    PREDICT = "predict"
    TRAIN = "train"
    ADMIN = "admin"


INCLUDED = {Scope.TRAIN: frozenset({Scope.READ, Scope.PREDICT}), Scope.ADMIN: frozenset(Scope)}
"""The scopes that another scope includes."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: a key, or anybody while the service has no keys."""

    project: str
    """The name of the project in which the caller acts."""
    scopes: frozenset[Scope]
    """With those that they include."""
    key_id: str | None = None
    """None for a caller without a key."""

    def may(self, scope: Scope) -> bool:
        """Whether the caller may do what needs the scope."""
        return scope in self.scopes


def with_included(scopes: Iterable[str]) -> frozenset[Scope]:
    """The scopes of a key and those that they include."""
    given = frozenset(map(Scope, scopes))
    return given.union(*(INCLUDED.get(scope, ()) for scope in given))


ANYBODY = Caller(DEFAULT_PROJECT, frozenset(Scope))
"""The caller of a service without keys."""
STRANGER = Caller(DEFAULT_PROJECT, frozenset())
"""The caller without a valid key of a service with keys, who may do nothing."""
