"""Sessions of PostgreSQL: they wait for nothing forever, and a connection that was closed is replaced."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import make_url, text

from service.errors import DatabaseUnavailable
from service.storage.database import Database, make_engine, migrating
from service.storage.engines import local_address
from tests.postgresql_server import empty_database
from tests.running_service import free_port

SHOWN = "SELECT current_setting('{}')"
LOCK = text("SELECT pg_advisory_xact_lock(1)")


@pytest.fixture
def url() -> Iterator[str]:
    with empty_database() as url:
        yield url


def with_options(url: str, options: str) -> str:
    found = make_url(url).update_query_dict({"options": options})
    return found.render_as_string(hide_password=False)


def shown(database: Database, name: str) -> str:
    with database.read() as session:
        return str(session.execute(text(SHOWN.format(name))).scalar_one())


def test_a_session_has_timeouts_which_the_url_can_change(url: str) -> None:
    with closing(Database(with_options(url, "-c lock_timeout=7s"))) as database:
        assert shown(database, "lock_timeout") == "7s"
        assert shown(database, "statement_timeout") == "1min"
        assert shown(database, "idle_in_transaction_session_timeout") == "1min"


def test_the_url_can_change_how_a_connection_is_made(url: str) -> None:
    slow = make_url(url).update_query_dict({"connect_timeout": "20"}).render_as_string(hide_password=False)
    with closing(Database(slow)) as database, database.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        found = driver.info.get_parameters()
    assert (found["connect_timeout"], found["keepalives_idle"]) == ("20", "5")


def test_a_host_knows_its_address_also_if_the_url_has_several_servers(url: str) -> None:
    server = make_url(url)
    hosts = (f"{server.host}:{free_port()}", f"{server.host}:{server.port or 5432}")
    several = server.set(host=None, port=None).update_query_dict({"host": hosts})
    with closing(Database(several.render_as_string(hide_password=False))) as database, database.read() as session:
        seen_by_the_server = session.execute(text("SELECT host(inet_client_addr())")).scalar_one()
        assert local_address(session) == seen_by_the_server


def test_a_migration_may_take_long(url: str) -> None:
    engine = make_engine(url)
    with migrating(engine) as connection:
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            assert connection.execute(text(SHOWN.format(name))).scalar_one() == "0"


def test_a_write_that_waits_too_long_for_a_lock_may_be_retried(url: str) -> None:
    with closing(Database(url)) as holder, closing(Database(with_options(url, "-c lock_timeout=50ms"))) as other:
        with holder.write() as session:
            session.execute(LOCK)
            with pytest.raises(DatabaseUnavailable) as raised, other.write() as waiting:
                waiting.execute(LOCK)
            assert raised.value.retry_after
        with other.write() as session:
            session.execute(LOCK)


def test_a_process_that_is_suspended_within_a_transaction_loses_its_locks(url: str) -> None:
    suspended = Database(with_options(url, "-c idle_in_transaction_session_timeout=50ms"))
    with closing(suspended), closing(Database(url)) as other:

        def lock_twice() -> None:
            with suspended.write() as session:
                session.execute(LOCK)
                with other.write() as waiting:
                    waiting.execute(LOCK)  # until the server ends the session of the first
                session.execute(LOCK)

        with pytest.raises(DatabaseUnavailable):
            lock_twice()
        assert shown(suspended, "lock_timeout") == "30s"


def test_no_request_notices_that_the_server_closed_the_connections(url: str) -> None:
    with closing(Database(url)) as database, closing(Database(url)) as operator:
        shown(database, "lock_timeout")
        with operator.write() as session:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        assert shown(database, "lock_timeout") == "30s"
