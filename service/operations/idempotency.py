"""Idempotency keys: a repeated request gets the first response. A key is claimed before the work and settled with the
response."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from service.context import Context
from service.errors import KeyReused, StillRunning
from service.presence import Presence, here, may_be_present
from service.storage import idempotency
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.records import IdempotencyKey

RETENTION = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=5)
"""No request takes longer once its body has arrived. If it does, its process, on another host, has crashed. Requests
on this host that have ended are noticed at once."""


@dataclass(frozen=True)
class Answer:
    """The response to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """The right to settle a key, or to release it. It shows that the request is still being processed."""

    key_id: str
    token: str
    presence: Presence
    resource_id: str | None = None
    """The resource that an earlier request with the key created before it ended without a response."""


def claim(context: Context, scope: tuple[str, ...], fingerprint: str) -> Claim | Answer:
    """A claim for the first request with a key, or the response that the first request got.

    `scope` is what the key belongs to, followed by the key. `fingerprint` is a digest of everything that must be equal
    in a repeated request. The claim has the `resource_id` that an earlier claim recorded. Raises StillRunning, and
    KeyReused for another fingerprint.
    """
    key_id = hashlib.sha256("\n".join(scope).encode()).hexdigest()
    with ExitStack() as stack:
        token = new_identifier("ik")
        mine = Claim(key_id, token, stack.enter_context(Presence(token)))
        found = _claim(context, mine, fingerprint)
        if isinstance(found, Claim):
            stack.pop_all()
        return found


def _claim(context: Context, mine: Claim, fingerprint: str) -> Claim | Answer:
    now = datetime.now(UTC)
    with context.database.write() as session:
        known = idempotency.get(session, mine.key_id)
        if known is not None and _is_void(known, now):
            idempotency.remove(session, known)
            known = None
        if known is None:
            key = IdempotencyKey(
                id=mine.key_id, fingerprint=fingerprint, token=mine.token, owner=here(), created_at=now
            )
            idempotency.add(session, key)
            return mine
        if known.fingerprint != fingerprint:
            detail = "An earlier request used this Idempotency-Key with another body or query. Use a new key."
            raise KeyReused(detail)
        if known.status is not None:
            return Answer(known.status, known.headers or {}, known.body or b"")
        if not _is_abandoned(known, now):
            raise StillRunning
        known.token, known.owner = mine.token, here()
        return replace(mine, resource_id=known.resource_id)


def _is_void(key: IdempotencyKey, now: datetime) -> bool:
    """Whether the key has expired, or its request ended without a resource and without a response."""
    return now - key.created_at > RETENTION or (key.resource_id is None and _is_abandoned(key, now))


def _is_abandoned(key: IdempotencyKey, now: datetime) -> bool:
    """Whether the key's request has ended without a response: it released the key, or could not even do that."""
    if key.status is not None:
        return False
    return not key.owner or now - key.created_at > ABANDONED_AFTER or not may_be_present(key.token, key.owner)


def record_resource(session: Session, claim: Claim | None, resource_id: str) -> None:
    """Record in the transaction that creates a resource that the request with the key created it.

    If the process is killed before it responds, the next request with the key finds the resource. Raises StillRunning
    if another request has claimed the key meanwhile, so that no resource is created twice.
    """
    if claim is None:
        return
    key = idempotency.get(session, claim.key_id)
    if key is None or key.token != claim.token:
        raise StillRunning
    key.resource_id = resource_id


def settle(context: Context, claim: Claim, answer: Answer) -> None:
    """Store the response for repetitions of the request. The claim ends, also if storing fails."""
    with claim.presence, context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is not None and key.token == claim.token:
            key.status, key.headers, key.body = answer.status, dict(answer.headers), answer.body


def release(context: Context, claim: Claim) -> None:
    """Let the client retry the request: as a new one, or to get the resource that it has already created.

    The claim ends, also if the database can't be written.
    """
    with claim.presence, context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is None or key.token != claim.token:
            return
        if key.resource_id is None:
            idempotency.remove(session, key)
        else:
            key.owner = {}


def forget_expired(context: Context, now: datetime) -> int:
    """Remove the expired keys; returns how many."""
    with context.database.write() as session:
        return idempotency.forget_before(session, now - RETENTION)
