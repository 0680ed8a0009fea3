"""The migrations and the records describe the same tables."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from service.errors import DatabaseUnusable
from service.storage.database import MIGRATIONS, Session, check_migrated, make_engine, migrate, migrating
from service.storage.records import Dataset, Record


def test_migrations_make_exactly_the_tables_of_the_records(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'fitserve.db'}"
    migrate(url)
    engine = make_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Record.metadata) == []
        for table in Record.metadata.sorted_tables:
            found = {check["name"]: check["sqltext"] for check in inspect(connection).get_check_constraints(table.name)}
            expected = {check.name: str(check.sqltext) for check in table.constraints if hasattr(check, "sqltext")}
            assert found == expected
    engine.dispose()


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fitserve.db'}"
    threads = [threading.Thread(target=migrate, args=(url,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    migrate(url)
    engine = make_engine(url)
    assert {*Record.metadata.tables, "alembic_version"} == {*inspect(engine).get_table_names()}
    engine.dispose()


def move(engine: Engine, direction: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        direction(config, revision)


def revision_of(engine: Engine) -> str:
    with engine.connect() as connection:
        found: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return found


def move_to(engine: Engine, revision: str) -> None:
    """Pretend that a database has the schema of this revision."""
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An empty database of either kind."""
    engine = make_engine(url)
    yield engine
    move(engine, command.downgrade, "base")
    engine.dispose()


def test_the_schema_is_checked_without_a_change(engine: Engine, url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="The database is empty"):
        check_migrated(url)
    assert inspect(engine).get_table_names() == []
    move(engine, command.upgrade, "0019")
    with pytest.raises(DatabaseUnusable, match="An earlier Fitserve made the database"):
        check_migrated(url)
    assert "rate_windows" not in inspect(engine).get_table_names()
    move(engine, command.upgrade, "head")
    check_migrated(url)
    newest = revision_of(engine)
    move_to(engine, "9999")
    with pytest.raises(DatabaseUnusable, match="A newer Fitserve made the database"):
        check_migrated(url)
    move_to(engine, newest)


def test_a_check_of_the_schema_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="The database is empty"):
        check_migrated(f"sqlite:///{tmp_path / 'fitserve.db'}")
    assert list(tmp_path.iterdir()) == []


def test_every_migration_can_be_undone(engine: Engine) -> None:
    move(engine, command.upgrade, "head")
    move(engine, command.downgrade, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_the_files_of_uploads_outlive_the_options_that_held_them(engine: Engine) -> None:
    columns = "id, name, status, source, options, created_at"
    options = {"a": '{"target": "y", "file": {"name": "a.csv", "bytes": 5}}', "b": '{"split": null}', "c": "{}"}
    move(engine, command.upgrade, "0002")
    with engine.execution_options(writes=True).begin() as connection:
        for name, value in options.items():
            values = {"name": name, "options": value, "at": "2026-01-02 03:04:05+00:00"}
            statement = f"INSERT INTO datasets ({columns}) VALUES (:name, :name, 'ready', 'upload', :options, :at)"
            connection.execute(text(statement), values)
    move(engine, command.upgrade, "head")
    with Session(engine) as session:
        found = {dataset.name: dataset.file for dataset in session.scalars(select(Dataset))}
        assert found == {"a": {"name": "a.csv", "bytes": 5}, "b": None, "c": None}
        assert compare_metadata(MigrationContext.configure(session.connection()), Record.metadata) == []
    move(engine, command.downgrade, "0002")
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT id, CAST(options AS TEXT) FROM datasets")).all()
    assert {name: orjson.loads(value) for name, value in kept} == {
        "a": {"file": {"name": "a.csv", "bytes": 5}}, "b": {}, "c": {},
    }  # fmt: skip


def test_kinds_of_jobs_are_listed_by_no_table_any_more(engine: Engine) -> None:
    job = (
        "INSERT INTO jobs (id, kind, status, desired_status, priority, queue, request, revision, token, renewals, "
        "attempt, run, last_seq, created_at) VALUES (:id, :kind, 'queued', 'running', 5, 'cpu', '{}', 1, 0, 0, 1, 0, "
        "1, '2026-01-02 03:04:05+00:00')"
    )
    event = (
        "INSERT INTO events (job_id, seq, at, type, run, data) VALUES ('tj_1', 1, '2026-01-02 03:04:05+00:00', "
        "'transition', 0, '{}')"
    )
    move(engine, command.upgrade, "0009")
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(text(job), {"id": "tj_1", "kind": "training"})
        connection.execute(text(event))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(job), {"id": "sj_1", "kind": "sleep"})
    move(engine, command.upgrade, "head")
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(text(job), {"id": "sj_1", "kind": "sleep"})
        assert connection.scalar(text("SELECT count(*) FROM events")) == 1
        connection.execute(text("DELETE FROM jobs WHERE id = 'sj_1'"))
    move(engine, command.downgrade, "0009")
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(job), {"id": "sj_1", "kind": "sleep"})
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT job_id FROM events")).all() == ["tj_1"]
