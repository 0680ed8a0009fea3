"""Rate limits that several hosts count in the database."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from service.api.front import database_counter
from service.api.front.database_counter import SHARE, WAIT_SECONDS, DatabaseCounter
from service.context import Context
from service.storage.database import migrate
from tests.databases import KINDS, migrated_settings
from tests.service.api.api_client import ApiClient
from tests.service.api.counting_flood import flood
from tests.service.api.front_client import FrontClient, alive
from tests.service.api.shared_routes import make_front

SECONDS = 600
"""A window that no test outlasts."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than the service does: other tests run at the same time."""
    monkeypatch.setattr(database_counter, "WAIT_SECONDS", 20)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database of either kind is, with the tables."""
    with migrated_settings(request.param, tmp_path) as settings:
        yield settings.database_url


def run(use: Callable[..., Awaitable[None]], *urls: str) -> None:
    """Call with a counter per URL, as hosts have them."""

    async def call() -> None:
        counters = [DatabaseCounter(url) for url in urls]
        try:
            await use(*counters)
        finally:
            for counter in counters:
                await counter.close()

    asyncio.run(call())


async def admit(counter: DatabaseCounter, amount: int, most: int, key: str = "key") -> int:
    """Count `most` requests, one after the other; returns how many are within the limit."""
    found = [await counter.count(key, SECONDS, amount) for _ in range(most)]
    return sum(counted is not None and counted[0] <= amount for counted in found)


def test_hosts_count_small_limits_exactly(url: str) -> None:
    async def count(*hosts: DatabaseCounter) -> None:
        found = [await host.count("key", SECONDS, SHARE - 1) for host in (*hosts, *hosts)]
        assert [counted and counted[0] for counted in found] == [1, 2, 3, 4]
        assert all(counted is not None and SECONDS - 60 < counted[1] <= SECONDS for counted in found)
        (other,) = [await hosts[0].count("other", SECONDS, 10)]
        assert other is not None
        assert other[0] == 1

    run(count, url, url)


def test_requests_that_wait_together_are_counted_one_after_the_other(url: str) -> None:
    async def count(counter: DatabaseCounter) -> None:
        found = await asyncio.gather(*(counter.count("key", SECONDS, 5) for _ in range(8)))
        assert [counted and counted[0] for counted in found] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert await admit(counter, 5, 3) == 0

    run(count, url)


def test_a_window_that_has_ended_begins_again(url: str) -> None:
    async def count(*hosts: DatabaseCounter) -> None:
        assert [await host.count("key", 1, 1) is not None for host in hosts] == [True, True]
        until = time.monotonic() + 10
        while (counted := await hosts[1].count("key", 1, 1)) is not None and counted[0] > 1:
            assert time.monotonic() < until
            await asyncio.sleep(max(0.0, counted[1]))

    run(count, url, url)


def test_the_bound_is_reached_when_each_host_uses_its_share_at_the_last_moment(url: str) -> None:
    amount, hosts = 5 * SHARE, 4

    async def count(*counters: DatabaseCounter) -> None:
        # Each knows the window from its first request. Then the last one uses up the limit.
        firsts = [await admit(counter, amount, 1) for counter in counters]
        rest = await admit(counters[-1], amount, 2 * amount)
        assert sum(firsts) + rest == amount
        assert [await admit(counter, amount, 2 * amount) for counter in counters] == [amount // SHARE] * (hosts - 1) + [
            0
        ]

    run(count, *[url] * hosts)


def test_processes_that_flood_at_once_admit_no_more_than_the_bound(url: str) -> None:
    amount, processes = 1000, 3
    admitted = flood(url, amount, processes)
    assert amount <= sum(admitted) <= amount + (processes - 1) * (amount // SHARE), admitted


def test_requests_pass_while_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database_counter, "WAIT_SECONDS", WAIT_SECONDS)

    async def count(counter: DatabaseCounter) -> None:
        began = time.monotonic()
        assert [await counter.count("key", SECONDS, 1) for _ in range(3)] == [None] * 3
        assert time.monotonic() < began + 8 * WAIT_SECONDS
        assert capsys.readouterr().out.count("The database doesn't answer: rate limits don't apply") == 1

    with socket.create_server(("127.0.0.1", 0)) as silent:
        run(count, f"postgresql+psycopg://nobody@127.0.0.1:{silent.getsockname()[1]}/none")


def test_limits_apply_again_after_another_process_kept_the_file_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fitserve.db"
    migrate(f"sqlite:///{path}")

    async def count(counter: DatabaseCounter) -> None:
        assert await admit(counter, 10, 2) == 2
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + 30
            while await counter.count("key", SECONDS, 10) is not None:
                assert time.monotonic() < until
        while (counted := await counter.count("key", SECONDS, 10)) is None:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        assert counted[0] == 3
        assert "rate limits apply again" in capsys.readouterr().out

    run(count, f"sqlite:///{path}")


def test_what_was_counted_is_merged_at_the_end(url: str) -> None:
    async def count(counter: DatabaseCounter) -> None:
        await admit(counter, 10 * SHARE, 3)

    run(count, url)

    async def count_again(counter: DatabaseCounter) -> None:
        counted = await counter.count("key", SECONDS, 10 * SHARE)
        assert counted is not None
        assert counted[0] == 4

    run(count_again, url)


def test_a_process_that_forgets_windows_finds_them_in_the_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_counter, "MOST_WINDOWS", 2)

    async def count(counter: DatabaseCounter) -> None:
        assert [await admit(counter, 1, 1, key) for key in "abcabc"] == [1, 1, 1, 0, 0, 0]

    run(count, url)


def test_the_api_counts_in_its_database_and_refuses(context: Context) -> None:
    settings = replace(context.settings, rate_limits="read=1/hour", rate_limit_storage="database")
    hosts = [make_front(replace(context, settings=settings)) for _ in range(2)]
    with alive(hosts[0]), alive(hosts[1]):
        first, second = (ApiClient(FrontClient(host)) for host in hosts)
        assert first.send("GET", "/v1/models", 200).headers["RateLimit"].startswith('"read";r=0;t=3')
        assert int(second.send("GET", "/v1/models", 429).headers["Retry-After"]) > 3500
        first.get("/v1/models", 429)
