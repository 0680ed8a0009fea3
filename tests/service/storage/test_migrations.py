"""The migrations and the records describe the same tables."""

import threading
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from service.storage.database import MIGRATIONS, make_engine, migrate
from service.storage.records import Record


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


def test_the_first_migration_can_be_undone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fitserve.db'}"
    migrate(url)
    engine = make_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
