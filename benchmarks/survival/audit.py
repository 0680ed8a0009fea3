"""Compares what clients were promised with what there is."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.survival.clients import BATCHES, DATASETS, EPOCHS, MODEL, TRAININGS, UNDISTURBED, Accepted, Persistent
from benchmarks.survival.site import Site
from service.config import Settings
from service.context import Context
from service.operations.upkeep import orphans, references
from service.storage.artifact_keys import GROUPS, parse

SHOWN = 3


class Audit:
    """The state of a service whose jobs are all final, beside what it has `accepted`.

    `expected` has the digests of undisturbed results: trainings by seed, others by path.
    """

    def __init__(self, client: Persistent, accepted: list[Accepted], expected: dict[str | int, str]) -> None:
        self._client = client
        self._accepted = accepted
        self._expected = expected
        self._found = {path: client.items(path) for path in (DATASETS, TRAININGS, BATCHES)}
        self._by_id = {item["id"]: item for items in self._found.values() for item in items}

    def lost(self) -> str:
        """Accepted resources that don't exist or have failed."""
        return _few(
            f"{made.url} ({self._status(made)})"
            for made in self._accepted
            if self._status(made) not in ("ready", "succeeded")
        )

    def _status(self, made: Accepted) -> str:
        found = self._by_id.get(made.id)
        if found is None:
            return "missing"
        error = found.get("error")
        return str(found["status"]) if error is None else f"{found['status']}: {error['type'].rpartition('/')[2]}"

    def doubled(self) -> str:
        """Keys with several resources, resources that no client was promised, and trainings with several versions."""
        known = {made.id for made in self._accepted}
        items = [item for items in self._found.values() for item in items if "key" in item["metadata"]]
        keys = Counter((item["metadata"]["key"]) for item in items)
        versions = Counter(v["training_job"] for v in self._client.items(f"/v1/models/{MODEL}/versions"))
        return _few(
            [
                *(f"{key} × {number}" for key, number in keys.items() if number > 1),
                *(item["id"] for item in items if item["id"] not in known and not _is_undisturbed(item)),
                *(f"versions of {job} × {number}" for job, number in versions.items() if number > 1),
            ]
        )

    def unequal(self) -> str:
        """Resources whose rows, weights or predictions differ from those of an undisturbed service."""
        return _few(
            made.url
            for made in self._accepted
            if self._status(made) in ("ready", "succeeded")
            and self._client.digest(made, self._by_id[made.id]) != self._expected[made.seed or made.path]
        )

    def bad_logs(self) -> str:
        """Trainings whose events have gaps, an epoch twice, or a checkpoint or a line twice in an execution."""
        trainings = [made for made in self._accepted if made.path == TRAININGS and made.id in self._by_id]
        return _few(f"{made.url} {fault}" for made in trainings for fault in self._faults_of_log(made))

    def _faults_of_log(self, made: Accepted) -> Iterator[str]:
        events = self._client.items(f"{made.url}/events")
        if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
            yield "numbers"
        epochs = [event["data"]["epoch"] for event in events if event["type"] == "epoch"]
        if self._status(made) == "succeeded" and epochs != list(range(1, EPOCHS + 1)):
            yield f"epochs {epochs}"
        for execution in _executions(events):
            yield from (f"{told} × {number}" for told, number in Counter(_told(execution)).items() if number > 1)


def _executions(events: list[Any]) -> list[list[Any]]:
    """The events of each execution. One that resumes where the last one ended may report the same position again."""
    found: list[list[Any]] = [[]]
    for event in events:
        if event["data"].get("status") == "running":
            found.append([])
        found[-1].append(event)
    return found


def _told(events: list[Any]) -> Iterator[str]:
    """The positions of checkpoints, and the printed lines."""
    for event in events:
        data = event["data"]
        if event["type"] == "checkpoint":
            yield f"checkpoint {data['epoch'], data['step']}"
        elif event["type"] == "message":
            yield from (f"line {line}" for line in data["text"].splitlines() if line)


def _is_undisturbed(item: dict[str, Any]) -> bool:
    return str(item["metadata"]["key"]).startswith(UNDISTURBED)


def sweep(site: Site) -> list[str]:
    """Run the cleanup on a stopped service, as if long after; the kinds of folders to which nothing refers then."""
    return [left for service in site.services for left in _sweep_host(site, service.data_dir)]


def _sweep_host(site: Site, data_dir: Path) -> list[str]:
    backing = site.backing
    settings = Settings(data_dir=data_dir, database_url=backing.database_url, artifact_url=backing.artifact_url)
    context, later = Context.from_settings(settings), datetime.now(UTC) + timedelta(days=3)
    orphans.remove(context, later)
    orphans.remove_from_host(context, later)
    with context.database.read() as session:
        needed = references.needed(session)
    context.database.close()
    store = context.artifacts
    published = [key for group in GROUPS for key in store.published_before(math.inf, group)]
    left = [parse(key)[0] for key in published + store.copies_before(math.inf) if key not in needed]
    hidden = (".staging", ".removed", ".partial")
    return left + [path.parent.name for name in hidden for path in store.root.glob(f"{name}/*")]


def _few(found: Any) -> str:
    """The first of the things that were found, and how many there are."""
    things = list(found)
    more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    return ", ".join(map(str, things[:SHOWN])) + more
