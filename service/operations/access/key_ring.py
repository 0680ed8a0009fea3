"""The callers that an api process has seen, so that few requests ask the database who sent them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from service.callers import ANYBODY, DEFAULT_PROJECT, Caller, Scope, with_included
from service.context import Context
from service.errors import NotFound, ScopeMissing, Unauthenticated
from service.operations.access import keys, projects
from service.operations.recently_read import RecentlyRead
from service.storage import api_keys
from service.storage.database import Session
from service.storage.records import ApiKey

MOST_REMEMBERED = 1000
USE_RECORDED_EVERY = timedelta(minutes=1)
NO_KEY = "The request has no API key. Send one as `Authorization: Bearer KEY`."
UNKNOWN_KEY = "The API key is unknown."


class UnknownProject(NotFound):
    """The project in which an administrator wants to act doesn't exist."""


class Credentials(NamedTuple):
    """What a request says about its caller."""

    key: str | None
    """The whole key; None without one."""
    project: str | None = None
    """The project in which an administrator wants to act."""


class Remembered(NamedTuple):
    """A caller, and until when its key is valid (seconds since 1970)."""

    caller: Caller
    valid_until: float

    @property
    def is_valid(self) -> bool:
        return self.valid_until > time.time()


class KeyRing:
    """Finds out who sends requests. A revoked key is refused within a second."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._remembered: RecentlyRead[Credentials, Remembered] = RecentlyRead(MOST_REMEMBERED)
        self._has_keys = False

    def knows(self, credentials: Credentials) -> bool:
        """Whether these credentials were valid lately."""
        return credentials in self._remembered

    def check_form(self, credentials: Credentials) -> None:
        """Refuse what no database has to be asked about. Raises Unauthenticated."""
        if self._has_keys:  # keys can't be deleted
            if credentials.key is None:
                raise Unauthenticated(NO_KEY)
            if keys.KEY.fullmatch(credentials.key) is None:
                raise Unauthenticated(UNKNOWN_KEY)

    def recall(self, credentials: Credentials) -> Caller | None:
        """The caller, if it is remembered and current. Reads nothing."""
        known = self._remembered.fresh(credentials)
        return known.caller if known is not None and known.is_valid else None

    def look_up(self, credentials: Credentials) -> Caller:
        """The caller. While the database is unavailable, whom it last resolved to.

        Raises Unauthenticated, ScopeMissing, UnknownProject, StorageError.
        """
        found = self._remembered.read(credentials, partial(self._read, credentials), may_be_old=self._may_be_old)
        return found.caller

    def _read(self, credentials: Credentials) -> Remembered:
        with self._database.read() as session:
            return self._find(session, credentials)

    def _may_be_old(self, known: Remembered) -> bool:
        """Whether a caller is accepted while the database is unavailable."""
        return known.is_valid and not (self._has_keys and known.caller.key_id is None)

    def _find(self, session: Session, credentials: Credentials) -> Remembered:
        key = None if credentials.key is None else keys.match(session, credentials.key)
        self._has_keys = self._has_keys or key is not None or api_keys.any_exists(session)
        if not self._has_keys:  # generated clients send a key although none exists
            return Remembered(_act_in(session, ANYBODY, credentials.project), float("inf"))
        if key is None:
            raise Unauthenticated(NO_KEY if credentials.key is None else UNKNOWN_KEY)
        reason = keys.why_unusable(key, datetime.now(UTC))
        if reason is not None:
            raise Unauthenticated(f"{reason} Ask an administrator for a new one.", key.id, key.project)
        caller = Caller(key.project or DEFAULT_PROJECT, with_included(key.scopes), key.id)
        valid_until = float("inf") if key.expires_at is None else key.expires_at.timestamp()
        return Remembered(_act_in(session, caller, credentials.project), valid_until)

    def record_use(self, key_id: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Record that a key was used, if that wasn't recorded within a minute. Raises StorageError."""
        with self._database.read() as session:
            key = api_keys.get(session, key_id)
        if key is not None and _is_due(key, now()):
            # Nothing that is remembered depends on it.
            with self._database.write_aside() as session:
                written = api_keys.get(session, key_id)
                if written is not None:
                    written.last_used_at = now()


def _is_due(key: ApiKey, now: datetime) -> bool:
    return key.last_used_at is None or now - key.last_used_at > USE_RECORDED_EVERY


def _act_in(session: Session, caller: Caller, project: str | None) -> Caller:
    """The caller, in the project that the request names. Raises ScopeMissing, UnknownProject."""
    if project is None or project == caller.project:
        return caller
    if not caller.may(Scope.ADMIN):
        detail = 'Only an API key with the scope "admin" can act in another project than its own.'
        raise ScopeMissing(detail, caller.key_id, caller.project)
    if not projects.exists(session, project):
        raise UnknownProject(f'There is no project "{project[:200]}".')
    return Caller(project, caller.scopes, caller.key_id)
