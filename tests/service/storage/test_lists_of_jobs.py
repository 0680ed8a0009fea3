"""Every page of a list of jobs is found by an index, in its order, however many jobs there are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from service.storage import jobs
from service.storage.database import Database, migrate
from service.storage.paging import PageQuery, encode_cursor

FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"status": "failed"},
    {"model": "m"},
    {"dataset": "d"},
    {"status": "failed", "model": "m"},
    {"status": "failed", "model": "m", "dataset": "d"},
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'fitserve.db'}"
    migrate(url)
    database = Database(url)
    yield database
    database.close()


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: ",".join(filters) or "all")
@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
@pytest.mark.parametrize("cursor", [None, encode_cursor(["tj_5"])], ids=["first", "later"])
def test_a_page_is_found_by_an_index_and_sorted_by_it(
    database: Database, filters: dict[str, Any], sort: str, cursor: str | None
) -> None:
    sent: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
    with database.read() as session:
        jobs.page(session, PageQuery(100, cursor, sort, filters), "training")
        (statement, parameters) = next(found for found in sent if "FROM jobs" in found[0])
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    (step,) = [row[-1] for row in plan]
    assert step.startswith("SEARCH jobs USING INDEX jobs_list")
    assert ("id" in step) == (cursor is not None)
