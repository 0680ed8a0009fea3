"""The primary of PostgreSQL goes away for good, and its standby takes its place."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import make_url, text

from service.errors import DatabaseUnavailable, OutcomeUnknown
from service.storage import commits
from service.storage.database import Database
from tests.postgresql_proxy import CommitProxy
from tests.postgresql_replicas import Node, database_url, open_replicas
from tests.running_service import wait_for


def write(database: Database, number: int) -> None:
    with database.write() as session:
        session.execute(text("INSERT INTO rows VALUES (:number)"), {"number": number})


def either_of(*nodes: Node) -> str:
    """The URL of the database on whichever of these servers is the primary."""
    urls = [make_url(database_url(node)) for node in nodes]
    query = {"host": [f"{url.host}:{url.port}" for url in urls], "target_session_attrs": "read-write"}
    return urls[0].set(host=None, port=None).update_query_dict(query).render_as_string(hide_password=False)


def test_a_write_took_effect_if_the_standby_received_it_also_when_others_get_its_transaction_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commits, "LOOKUP_SECONDS", 0.0)
    with (
        open_replicas() as replicas,
        CommitProxy(database_url(replicas.primary)) as proxy,
        closing(Database(proxy.url)) as database,
        ThreadPoolExecutor(1) as pool,
        ExitStack() as stack,
    ):
        old = replicas.primary
        with database.write() as session:
            session.execute(text("CREATE TABLE rows (number integer)"))
        with database.engine.connect() as connection:
            transaction = connection.begin()
            received = commits.identify(connection)
            connection.execute(text("INSERT INTO rows VALUES (1)"))
            transaction.commit()
        replicas.cut_off_standby()
        unheard = pool.submit(write, database, 2)
        wait_for(replicas.count_waiting, what="a commit that the standby doesn't receive")
        replicas.lose_primary()
        unknown = unheard.exception()
        assert isinstance(unknown, OutcomeUnknown)

        either = stack.enter_context(closing(Database(either_of(old, replicas.standby))))
        with pytest.raises(DatabaseUnavailable):
            either.ping()
        proxy.redirect(database_url(replicas.standby))
        with pytest.raises(OutcomeUnknown):  # the standby may still receive it
            unknown.was_committed()
        with pytest.raises(DatabaseUnavailable):  # nobody can write yet
            write(database, 3)

        replicas.promote()
        either.ping()
        for number in range(10, 20):
            write(database, number)  # with the ids that the standby hasn't heard of
        assert unknown.was_committed() is False
        assert received is not None
        assert commits.was_committed(database.engine, received) is True
        with database.read() as session:
            assert session.scalars(text("SELECT number FROM rows ORDER BY number")).all() == [1, *range(10, 20)]
