"""API keys: making, listing and revoking them."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from models.errors import Fault
from service.callers import DEFAULT_PROJECT, Caller, Scope
from service.context import Context
from service.errors import InvalidRequest, NotFound
from service.operations import idempotency
from service.operations.access import projects
from service.operations.idempotency import Claim
from service.storage import api_keys
from service.storage.database import Session
from service.storage.identifiers import new_sortable_id
from service.storage.paging import Page, PageQuery
from service.storage.records import ApiKey

KEY = re.compile(r"fsk_(?P<id>[0-9a-f]{24})_(?P<secret>[0-9a-f]{48})")
"""The form of a key: its id, which sorts by time and isn't secret, and 192 random bits."""


@dataclass(frozen=True)
class CurrentKey:
    """A caller, and the key that it sent."""

    caller: Caller
    key: ApiKey | None


def create(
    context: Context,
    name: str,
    scopes: Sequence[str],
    project: str | None = None,
    expires_at: datetime | None = None,
    claim: Claim | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; returns its row and the whole key, which nothing stores. Raises InvalidRequest.

    Without a project, a key belongs to `default`; one with the scope `admin` belongs to none.
    """
    key_id = new_sortable_id()
    text = f"fsk_{key_id}_{secrets.token_hex(24)}"
    now = datetime.now(UTC)
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest(Fault('"expires_at" must be in the future.', "#/expires_at"))
    is_admin = Scope.ADMIN in scopes
    if is_admin and project is not None:
        detail = 'A key with the scope "admin" acts in every project: leave "project" out.'
        raise InvalidRequest(Fault(detail, "#/project"))
    key = ApiKey(
        id=key_id,
        name=name,
        project=None if is_admin else project or DEFAULT_PROJECT,
        scopes=sorted(set(scopes)),
        digest=_digest(text),
        created_at=now,
        expires_at=expires_at,
    )
    with context.database.write() as session:
        if key.project is not None and not projects.exists(session, key.project, lock=True):
            raise InvalidRequest(Fault(f'There is no project "{key.project}".', "#/project"))
        session.add(key)
        idempotency.record_resource(session, claim, key.id)
    return key, text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find(session: Session, key_id: str, *, lock: bool = False) -> ApiKey:
    """The key of that id. Raises NotFound."""
    key = api_keys.get(session, key_id, lock=lock)
    if key is None:
        raise NotFound(f'There is no API key "{key_id}".')
    return key


def get(context: Context, key_id: str) -> ApiKey:
    """Raises NotFound."""
    with context.database.read() as session:
        return find(session, key_id)


def current(context: Context, caller: Caller) -> CurrentKey:
    """The caller's own key. Raises NotFound."""
    return CurrentKey(caller, None if caller.key_id is None else get(context, caller.key_id))


def list_page(context: Context, query: PageQuery) -> Page[ApiKey]:
    with context.database.read() as session:
        return api_keys.page(session, query)


def revoke(context: Context, key_id: str) -> ApiKey:
    """Refuse a key from now on. It can't be undone. Raises NotFound."""
    with context.database.write() as session:
        key = find(session, key_id, lock=True)
        key.revoked_at = key.revoked_at or datetime.now(UTC)
        return key


def has_usable_admin(context: Context) -> bool:
    """Whether a key with the scope `admin` is neither revoked nor expired."""
    with context.database.read() as session:
        return api_keys.usable_of(session, None, datetime.now(UTC)) is not None


def match(session: Session, text: str) -> ApiKey | None:
    """The row of a whole key, which may be revoked or expired; None if nobody made it."""
    form = KEY.fullmatch(text)
    key = None if form is None else api_keys.get(session, form["id"])
    return key if key is not None and hmac.compare_digest(key.digest, _digest(text)) else None


def why_unusable(key: ApiKey, now: datetime) -> str | None:
    """Why a key is refused; None if it isn't."""
    if key.revoked_at is not None:
        return "The API key was revoked."
    if key.expires_at is not None and key.expires_at <= now:
        return "The API key has expired."
    return None
