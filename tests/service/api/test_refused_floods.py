"""Requests that are refused cost little, count for the rate limits, and delay nobody whose key is valid."""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.api.front.access import Access
from service.api.front.request import Request
from service.callers import Caller
from service.config import Settings
from service.context import Context
from service.errors import ServiceError
from service.operations.access.key_ring import Credentials, KeyRing
from service.operations.memory import Memory
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys
from tests.service.api.shared_routes import make_front


def invented_key() -> str:
    return f"fsk_{secrets.token_hex(12)}_{secrets.token_hex(24)}"


class Queries(KeyRing):
    """A key ring that counts what it reads, and reads unknown keys only when it may."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.count = 0
        self.may_read = threading.Event()

    def look_up(self, credentials: Credentials) -> Caller:
        self.count += 1
        if not self.knows(credentials):
            self.may_read.wait(10)
        return super().look_up(credentials)


@pytest.fixture
def ring(context: Context) -> Queries:
    return Queries(context)


@pytest.fixture
def access(ring: Queries) -> Iterator[Access]:
    access = Access(Settings(), ring)
    yield access
    access.close()


def request(key: str | None) -> Request:
    headers = [] if key is None else [(b"authorization", f"Bearer {key}".encode())]
    scope = {"method": "GET", "path": "/v1/models", "headers": headers}
    return Request(scope, None, Memory(1))  # type: ignore[arg-type]


async def status(access: Access, key: str | None) -> str:
    """Whether a key is allowed."""
    try:
        await access.check(request(key))
    except ServiceError as error:
        return error.code
    return "allowed"


def test_what_can_not_be_a_key_is_not_looked_up(of: Keys, ring: Queries, access: Access) -> None:
    async def flood() -> list[str]:
        ring.may_read.set()
        return [await status(access, key) for key in (None, *["fsk_x", None] * 10)]

    assert set(asyncio.run(flood())) == {"unauthenticated"}
    assert ring.count == 1


def test_invented_keys_delay_no_known_one(of: Keys, ring: Queries, access: Access) -> None:
    async def flood() -> str:
        ring.may_read.set()
        assert await status(access, of.admin) == "allowed"
        ring.may_read.clear()
        invented = [asyncio.create_task(status(access, invented_key())) for _ in range(50)]
        await asyncio.sleep(0)
        of.make_project("another")  # what was remembered may have changed
        allowed = await asyncio.wait_for(status(access, of.admin), 5)
        assert not any(task.done() for task in invented)
        ring.may_read.set()
        assert {await task for task in invented} == {"unauthenticated"}
        return allowed

    assert asyncio.run(flood()) == "allowed"


@pytest.fixture
def limited(of: Keys, context: Context) -> Keys:
    """The same keys, for an api with rate limits."""
    changed = replace(context.settings, rate_limits="read=3/hour,write=3/hour,predict=3/hour")
    of.client = ApiClient(FrontClient(make_front(replace(context, settings=changed))))
    return of


def send(limited: Keys, method: str, path: str, key: str | None, address: str = "10.0.0.1") -> Any:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    options: dict[str, Any] = {"json": {}} if method == "POST" else {}
    return limited.client.http.open(
        path, method=method, headers=headers, environ_overrides={"REMOTE_ADDR": address}, **options
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/models"), ("POST", "/v1/models/m/predictions")]
)
def test_requests_without_a_valid_key_count_for_their_address(method: str, path: str, limited: Keys) -> None:
    answers = [send(limited, method, path, key) for key in (None, "wrong", invented_key(), None)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert send(limited, method, path, None, "10.0.0.2").status_code == 401
    assert send(limited, method, path, limited.admin).status_code not in (401, 429)


def test_requests_without_the_scope_count_for_their_key(limited: Keys, of: Keys) -> None:
    key = limited.make("predict", expires_at=None)
    answers = [send(limited, "GET", "/v1/models", key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
