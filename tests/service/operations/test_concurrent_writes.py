"""Clients and workers that write at the same moment, on both databases: no claim, number, label or change is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.jobs.training import TrainingRequest
from service.context import Context
from service.errors import Conflict, InUse, InvalidRequest, NotFound, QueueFull, ServiceError
from service.operations.catalog import models, versions
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.storage.records import Job, Label
from tests.databases import KINDS, migrated_settings
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked

CLIENTS = 6


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """With the dataset and the model `line`."""
    with migrated_settings(request.param, tmp_path) as settings:
        context = stocked.stock(settings)
        yield context
        context.database.close()


def at_once(*works: Callable[[], Any]) -> Sequence[Any]:
    """The results of all, or their errors. They begin together."""
    start = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        start.wait(timeout=20)
        try:
            return work()
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))


def test_a_job_is_claimed_by_one_worker(context: Context) -> None:
    expected = sorted(stocked.submit(context) for _ in range(2 * CLIENTS))

    def claim_all() -> list[str]:
        claimed = []
        while (found := execution.claim(context, "wk_test", ["training"], ["cpu"], {})) is not None:
            claimed.append(found[1].id)
        return claimed

    assert sorted(job for claimed in at_once(*[claim_all] * CLIENTS) for job in claimed) == expected


def test_each_version_has_a_number_of_its_own(context: Context) -> None:
    for _ in range(CLIENTS):
        stocked.submit(context, label="newest")
    claimed = [stocked.claim(context) for _ in range(CLIENTS)]
    results = at_once(*(partial(FakeWorker(context).finish, *claim) for claim in claimed))
    assert results == [None] * CLIENTS
    assert [version.number for version in stocked.versions(context)] == list(range(1, CLIENTS + 1))
    assert versions.get_label(context, "line", "newest").number in range(1, CLIENTS + 1)


def test_clients_do_not_share_the_last_places_in_the_queue(context: Context) -> None:
    limited = replace(context, settings=replace(context.settings, max_queued_jobs=2))
    request = TrainingRequest.from_document(stocked.TRAINING).to_document()
    results = at_once(*[lambda: training_jobs.create(limited, request)] * CLIENTS)
    assert [type(result) for result in results if isinstance(result, ServiceError)] == [QueueFull] * (CLIENTS - 2)
    with context.database.read() as session:
        assert session.query(Job).filter_by(kind="training").count() == 2


def test_no_label_points_to_a_version_that_is_deleted_meanwhile(context: Context) -> None:
    for number in range(1, CLIENTS + 1):
        stocked.train(context)
        moved, deleted = at_once(
            partial(versions.put_label, context, "line", f"label-{number}", number),
            partial(versions.delete, context, "line", number),
        )
        assert isinstance(moved, InvalidRequest | NotFound) != isinstance(deleted, InUse)
    existing = {version.number for version in stocked.versions(context)}
    with context.database.read() as session:
        assert {label.number for label in session.query(Label)} == existing


def test_no_client_s_change_undoes_that_of_another(context: Context) -> None:
    changes = [{"metadata": {f"key-{number}": "here"}} for number in range(CLIENTS)]
    at_once(*(partial(models.change, context, "line", change) for change in changes))
    assert len(models.get(context, "line").model.metadata_) == CLIENTS


def test_of_the_changes_to_the_same_state_one_succeeds(context: Context) -> None:
    def is_unchanged() -> None:
        if models.get(context, "line").model.description != "":
            raise Conflict("It has changed.")

    def describe(client: int) -> None:
        with context.database.only_if(is_unchanged):
            models.change(context, "line", {"description": f"by {client}"})

    results = at_once(*(partial(describe, client) for client in range(CLIENTS)))
    assert [type(result) for result in results if result is not None] == [Conflict] * (CLIENTS - 1)
