"""Answering a repeated request as the first time: keys are claimed before the work, and settled with the answer."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.context import Context
from service.errors import KeyReused, StillRunning
from service.identity import identify, may_live
from service.storage import idempotency
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


def claim(context: Context, scope: tuple[str, ...], fingerprint: str) -> Claim | Answer:
    """The right to answer the first request with a key, or the answer that it was given.

    `scope` is what the key belongs to and the key itself, `fingerprint` a digest of all that makes requests the same.
    Raises StillRunning, and KeyReused for another fingerprint.
    """
    key_id = hashlib.sha256("\n".join(scope).encode()).hexdigest()
    now = datetime.now(UTC)
    with context.database.write() as session:
        known = idempotency.get(session, key_id)
        if known is not None and _is_void(known, now):
            idempotency.remove(session, known)
        elif known is not None:
            return _answer(known, fingerprint)
        token = new_identifier("ik")
        owner = identify(os.getpid())
        key = IdempotencyKey(id=key_id, fingerprint=fingerprint, token=token, owner=owner, created_at=now)
        idempotency.add(session, key)
        return Claim(key_id, token)


def _is_void(key: IdempotencyKey, now: datetime) -> bool:
    """Whether the key's time is over, or the process that answered its request died."""
    age = now - key.created_at
    return age > KEPT or (key.status is None and (age > ABANDONED_AFTER or not may_live(key.owner)))


def _answer(key: IdempotencyKey, fingerprint: str) -> Answer:
    if key.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key came with another body or query before. Use a new key for a new request.")
    if key.status is None:
        raise StillRunning
    return Answer(key.status, key.headers or {}, key.body or b"")


def settle(context: Context, claim: Claim, answer: Answer) -> None:
    """Keep the answer for those who send the same request again."""
    with context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is not None and key.token == claim.token:
            key.status, key.headers, key.body = answer.status, dict(answer.headers), answer.body


def release(context: Context, claim: Claim) -> None:
    """Let the same request be tried again, as if it had never been sent."""
    with context.database.write() as session:
        key = idempotency.get(session, claim.key_id)
        if key is not None and key.token == claim.token:
            idempotency.remove(session, key)


def forget_expired(context: Context) -> None:
    """Remove the keys whose time is over."""
    with context.database.write() as session:
        idempotency.forget_before(session, datetime.now(UTC) - KEPT)
