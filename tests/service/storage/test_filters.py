"""Lists filtered by metadata, in databases of both kinds."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service import statuses
from service.callers import DEFAULT_PROJECT
from service.storage import datasets
from service.storage.database import Database, migrate
from service.storage.paging import PageQuery
from service.storage.records import Dataset, Record

NOTES = {
    "ds_1": {"team": "a"},
    "ds_2": {"team": "a", "phase": "1"},
    "ds_3": {"team": "b"},
    "ds_4": {'"odd".$[0]\\': "ä'\"%"},
    "ds_5": {},
}


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with a dataset for each of the notes."""
    migrate(url)
    database = Database(url).in_project(DEFAULT_PROJECT)
    with database.write() as session:
        session.query(Dataset).delete()
        for id_, notes in NOTES.items():
            columns = {"id": id_, "name": id_, "status": statuses.READY, "source": "iris", "metadata_": notes}
            session.add(Dataset(created_at=datetime.now(UTC), **columns))
    yield database
    Record.metadata.drop_all(database.engine)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    database.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"team": "a"}, ["ds_1", "ds_2"]),
        ({"team": "a", "phase": "1"}, ["ds_2"]),
        ({"phase": "2"}, []),
        ({"nothing": "a"}, []),
        ({'"odd".$[0]\\': "ä'\"%"}, ["ds_4"]),
        ({}, ["ds_1", "ds_2", "ds_3", "ds_4", "ds_5"]),
    ],
)
def test_a_list_has_the_rows_with_all_wanted_entries(
    database: Database, wanted: dict[str, str], found: list[str]
) -> None:
    with database.read() as session:
        query = PageQuery(sort="name", filters={"status": statuses.READY, "metadata": wanted})
        assert [dataset.id for dataset in datasets.page(session, query).items] == found
