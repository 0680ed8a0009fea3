"""Answering a repeated request as the first time: keys are claimed before the work, and settled with the answer."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.context import Context
from service.errors import KeyReused, StillRunning
from service.identity import identify, may_live
from service.storage import idempotency
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.records import IdempotencyKey

KEPT = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=5)
"""No request takes so long once its body has arrived: its process is gone, though that can't be seen from here."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """The right to settle a key, or to release it."""

    key_id: str
    token: str
    resource_id: str | None = None
    """What an earlier request with the key made, which ended without an answer."""


def claim(context: Context, scope: tuple[str, ...], fingerprint: str) -> Claim | Answer:
    """The right to answer the first request with a key, or the answer that it was given.

    `scope` is what the key belongs to and the key itself, `fingerprint` a digest of all that makes requests the same.
    The claim carries on what an earlier one noted. Raises StillRunning, and KeyReused for another fingerprint.
    """
    key_id = hashlib.sha256("\n".join(scope).encode()).hexdigest()
    token, owner, now = new_identifier("ik"), identify(os.getpid()), datetime.now(UTC)
    with context.database.write() as session:
        known = idempotency.get(session, key_id)
        if known is not None and _is_void(known, now):
            idempotency.remove(session, known)
            known = None
        if known is None:
            key = IdempotencyKey(id=key_id, fingerprint=fingerprint, token=token, owner=owner, created_at=now)
            idempotency.add(session, key)
            return Claim(key_id, token)
        if known.fingerprint != fingerprint:
            detail = "This Idempotency-Key came with another body or query before. Use a new key for a new request."
            raise KeyReused(detail)
        if known.status is not None:
            return Answer(known.status, known.headers or {}, known.body or b"")
        if not _is_abandoned(known, now):
            raise StillRunning
        known.token, known.owner = token, owner
        return Claim(key_id, token, known.resource_id)


def _is_void(key: IdempotencyKey, now: datetime) -> bool:
    """Whether the key's time is over, or its request ended without having made or answered anything."""
    return now - key.created_at > KEPT or (key.resource_id is None and _is_abandoned(key, now))


def _is_abandoned(key: IdempotencyKey, now: datetime) -> bool:
    """Whether the process that answers the key's request has died, or given up."""
    if key.status is not None:
        return False
    return not key.owner or now - key.created_at > ABANDONED_AFTER or not may_live(key.owner)


def record_resource(session: Session, claim: Claim | None, resource_id: str) -> None:
    """Keep, in the transaction that makes a resource, that the request with the key made it.

    Should the process be killed before it answers, the next request with the key finds the resource. Raises
    StillRunning when another request has taken the key over, so that nothing is made twice.
    """
    if claim is None:
        return
    key = idempotency.get(session, claim.key_id)
    if key is None or key.token != claim.token:
        raise StillRunning
    key.resource_id = resource_id


def settle(context: Context, claim: Claim, answer: Answer) -> None:
    """Keep the answer for those who send the same request again."""
    with context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is not None and key.token == claim.token:
            key.status, key.headers, key.body = answer.status, dict(answer.headers), answer.body


def release(context: Context, claim: Claim) -> None:
    """Let the same request be tried again, as if it had never been sent, or to be told of what it has made."""
    with context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is None or key.token != claim.token:
            return
        if key.resource_id is None:
            idempotency.remove(session, key)
        else:
            key.owner = {}


def forget_expired(context: Context) -> None:
    """Remove the keys whose time is over."""
    with context.database.write() as session:
        idempotency.forget_before(session, datetime.now(UTC) - KEPT)
