"""Finds out who sends a request, and refuses what the caller may not do."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import structlog

from service.api.front.request import Request
from service.api.http.browser_session import read_session
from service.api.http.errors import InvalidHeader, RequestFault
from service.api.http.links import METRICS
from service.api.http.scopes import Needed, Special, find_needed
from service.callers import DEFAULT_PROJECT, STRANGER, Caller, Scope
from service.config import Settings
from service.errors import ScopeMissing, StorageError, Unauthenticated
from service.operations.access.key_ring import Credentials, KeyRing, UnknownProject

BEARER = re.compile(r"Bearer +([\x21-\x7e]+)", re.IGNORECASE)
PROJECT_HEADER = "fitserve-project"
MOST_REMEMBERED = 1000
MOST_READ = 256
"""The headers whose credentials are remembered at most. Unlike keys, clients can make them up, of 8 KB each."""
KNOWN_THREADS = 4
USE_SECONDS = 60.0
"""How often the use of a key is recorded at most."""

log = structlog.get_logger()


class Access:
    """The access control of one process. It belongs to one event loop.

    A few threads read the keys that were valid lately. All other keys wait for a thread of their own: a flood of
    invented keys delays nobody whose key is known. No key waits for a request that waits for the database.
    """

    def __init__(self, settings: Settings, ring: KeyRing) -> None:
        self._ring = ring
        self._known = ThreadPoolExecutor(KNOWN_THREADS, "known-keys")
        self._unknown = ThreadPoolExecutor(1, "unknown-keys")
        self._uses = ThreadPoolExecutor(1, "key-uses")
        self._open_metrics = settings.metrics_open
        self._needed: dict[tuple[str, str], Needed] = {}
        self._used_at: dict[str, float] = {}

    async def check(self, request: Request) -> None:
        """Set the request's caller. Raises Unauthenticated, ScopeMissing, InvalidHeader, StorageError."""
        needed = self._find_needed(request.method, request.path)
        if needed is Special.NOTHING:
            return
        try:
            credentials = find_credentials(request)
            caller = self._ring.recall(credentials) or await self._look_up(credentials)
        except (Unauthenticated, ScopeMissing, InvalidHeader) as error:
            request.caller = _refused(error)
            if needed is Special.ANY_CALLER:
                return
            raise
        request.caller = caller
        if isinstance(needed, Scope) and not caller.may(needed):
            raise ScopeMissing(f'This request needs an API key with the scope "{needed}".')
        if caller.key_id is not None:
            self._note_use(caller.key_id)

    def _find_needed(self, method: str, path: str) -> Needed:
        needed = self._needed.get((method, path))
        if needed is None:
            needed = find_needed(method, path)
            if self._open_metrics and path == METRICS:
                needed = Special.NOTHING
            if len(self._needed) < MOST_REMEMBERED:
                self._needed[method, path] = needed
        return needed

    async def _look_up(self, credentials: Credentials) -> Caller:
        self._ring.check_form(credentials)
        pool = self._known if self._ring.knows(credentials) else self._unknown
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, self._ring.look_up, credentials)
        except UnknownProject as error:
            raise InvalidHeader(error.detail, [RequestFault(error.detail, header="Fitserve-Project")]) from None

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self._known, self._unknown, self._uses):
            pool.shutdown(wait=False, cancel_futures=True)

    def _note_use(self, key_id: str) -> None:
        now = time.monotonic()
        if now - self._used_at.get(key_id, -USE_SECONDS) >= USE_SECONDS:
            if len(self._used_at) >= MOST_REMEMBERED:
                self._used_at.clear()
            self._used_at[key_id] = now
            self._uses.submit(self._record_use, key_id)

    def _record_use(self, key_id: str) -> None:
        try:
            self._ring.record_use(key_id)
        except StorageError as error:
            log.warning("the use of a key was not recorded", key=key_id, detail=error.detail)


def find_credentials(request: Request) -> Credentials:
    """What a request says about its caller: in its headers, else in the cookies of a browser's session.

    Raises Unauthenticated for a malformed `Authorization` of the scheme Bearer, InvalidHeader.
    """
    headers = request.headers
    authorization, project = headers.get("authorization"), headers.get(PROJECT_HEADER)
    # A proxy may have checked another scheme, whose credentials the browser sends besides its cookie.
    if "cookie" in headers and not _is_bearer(authorization):
        session = read_session(request.method, headers)
        return Credentials(session.key, project or session.project)
    return _read(authorization, project)


def _refused(error: Unauthenticated | ScopeMissing | InvalidHeader) -> Caller:
    """The caller of a refused request, as far as it is known."""
    if isinstance(error, InvalidHeader):
        return STRANGER
    return Caller(error.project or DEFAULT_PROJECT, frozenset(), error.key_id)


@lru_cache(MOST_READ)
def _read(authorization: str | None, project: str | None) -> Credentials:
    """Raises Unauthenticated for a malformed `Authorization` of the scheme Bearer, InvalidHeader."""
    if project is not None and not project:
        detail = "Fitserve-Project must be the name of a project."
        raise InvalidHeader(detail, [RequestFault(detail, header="Fitserve-Project")])
    if authorization is None or not _is_bearer(authorization):
        return Credentials(None, project)  # a proxy may have checked another scheme
    match = BEARER.fullmatch(authorization)
    if match is None:
        raise Unauthenticated("Authorization must be `Bearer KEY`.")
    return Credentials(match[1], project)


def _is_bearer(authorization: str | None) -> bool:
    return authorization is not None and authorization[:6].lower() == "bearer"
