"""Tries one fault: clients work while it disturbs the service, and what they were promised is compared afterwards."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.report import Row, Rows, none_of
from benchmarks.survival.audit import Audit, sweep
from benchmarks.survival.backing import Kind, Skipped
from benchmarks.survival.clients import MOONS, SEEDS, UNDISTURBED, Persistent, Session, Trouble, predict, train, upload
from benchmarks.survival.jobs import count_each
from benchmarks.survival.networks import Host
from benchmarks.survival.site import Needs, Site, open_site
from benchmarks.survival.watching import Watcher
from tests.journeys.specs import STATEFUL

__all__ = ["Fault", "Skipped", "Tools", "try_fault"]

SESSIONS = 3


@dataclass(frozen=True)
class Tools:
    """What a fault works with: the site, chance, and `wait`, which returns True when the fault must end.

    `expected` has the digests of undisturbed results: trainings by seed, others by path.
    """

    site: Site
    expected: Mapping[str | int, str]
    seconds: float
    """How long the fault lasts."""
    random: random.Random
    wait: Callable[[float], bool]
    counts: dict[str, int] = field(default_factory=dict)
    """How often each thing was done."""

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


@dataclass(frozen=True)
class Fault(Needs):
    """`disturb` disturbs the service until `wait` returns True, and leaves it undisturbed."""

    disturb: Callable[[Tools], None]
    check: Callable[[Kind], None] = lambda kind: None
    """Raises Skipped if the fault isn't possible here."""
    spares_loaded: bool = False
    """Whether versions that are loaded go on answering meanwhile, on every host."""


def try_fault(fault: Fault, kind: Kind, folder: Path, seconds: float, seed: int) -> Rows:
    """Figures of one fault, each beside its bar. Raises Skipped."""
    fault.check(kind)
    with open_site(kind, folder, fault) as site:
        client = Persistent(site.service.client.base_url)
        expected = _prepare(site, client)
        urls = [service.client.base_url for service in site.services]
        sessions = [Session(urls[number % len(urls)], len(urls), number, seed) for number in range(SESSIONS)]
        hosts: Sequence[Host | None] = site.hosts or [None]
        watchers = [Watcher(url, host) for url, host in zip(urls, hosts, strict=True)]
        if fault.spares_loaded:
            for watcher in watchers:
                watcher.begin()
        for session in sessions:
            session.start()
        counts, failure = _disturb(fault, site, expected, seconds, seed)
        if fault.spares_loaded:
            yield from _judge_watchers(watchers)
        began = time.monotonic()
        for session in sessions:
            session.end()
        for session in sessions:
            session.join()
        yield Row("disturbed", f"{seconds:.0f} s: {_describe(counts)}")
        yield Row("clients finished", f"{time.monotonic() - began:.0f} s later")
        yield from _judge(client, sessions, expected)
        yield none_of("failures of the fault itself", failure)
        site.stop()
        left = sweep(site)
        yield none_of("files left after the cleanup", count_each(left) if left else "")


def _prepare(site: Site, client: Persistent) -> dict[str | int, str]:
    """Make what the clients need; the undisturbed digests of trainings by seed, and of the others by path."""
    site.service.client.post("/v1/datasets", MOONS, wait=60)
    site.service.client.post("/v1/models", STATEFUL, wait=60)
    hosts = len(site.services)
    made = [train(client, f"{UNDISTURBED}-{SEEDS[0]}", SEEDS[0], hosts)]
    client.wait_until_final(made[0])  # version 1, with which clients predict
    made += [train(client, f"{UNDISTURBED}-{seed}", seed, hosts) for seed in SEEDS[1:]]
    made += [upload(client, f"{UNDISTURBED}-table"), predict(client, f"{UNDISTURBED}-rows")]
    final = [(one, client.wait_until_final(one)) for one in made]
    if unsuccessful := [found for _, found in final if found["status"] not in ("ready", "succeeded")]:
        raise Trouble(f"an undisturbed job didn't succeed: {unsuccessful[0]}")
    return {one.seed or one.path: client.digest(one, found) for one, found in final}


def _disturb(
    fault: Fault, site: Site, expected: Mapping[str | int, str], seconds: float, seed: int
) -> tuple[dict[str, int], str]:
    """Disturb the service for that time; what was done how often, and what went wrong while doing it."""
    ending = threading.Event()
    tools = Tools(site, expected, seconds, random.Random(seed), ending.wait)
    timer = threading.Timer(seconds, ending.set)
    timer.start()
    try:
        fault.disturb(tools)
        ending.wait()
    except Exception as error:
        return tools.counts, repr(error)
    finally:
        timer.cancel()
    return tools.counts, ""


def _judge_watchers(watchers: list[Watcher]) -> Rows:
    for watcher in watchers:
        watcher.end()
    number, slowest = sum(each.answered for each in watchers), max(each.slowest for each in watchers)
    yield Row("predictions of a loaded version", f"{number}, the slowest took {slowest:.1f} s")
    yield none_of("of these failed", "; ".join(each.failure for each in watchers if each.failure))


def _judge(client: Persistent, sessions: list[Session], expected: dict[str | int, str]) -> Rows:
    accepted = [made for session in sessions for made in session.accepted]
    audit = Audit(client, accepted, expected)
    yield Row("accepted", count_each(made.path.rpartition("/")[2] for made in accepted))
    yield Row("temporary answers", count_each(e for s in sessions for e in s.client.refusals.elements()))
    conflict = max(session.client.longest_conflict for session in sessions)
    yield Row("longest `request-in-progress` of a key", f"{conflict:.1f} s", "≤ 5 s", conflict <= 5)
    yield none_of("clients that were refused", "; ".join(s.trouble for s in sessions if s.trouble))
    yield none_of("lost", audit.lost())
    yield none_of("doubled", audit.doubled())
    yield none_of("results unlike the undisturbed", audit.unequal())
    yield none_of("event logs with gaps or repetitions", audit.bad_logs())


def _describe(counts: dict[str, int]) -> str:
    return ", ".join(f"{what} {number}" for what, number in sorted(counts.items())) or "nothing"
