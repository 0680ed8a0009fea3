"""What the services of the tests stand on with FITSERVE_TEST_CLUSTER=1: PostgreSQL, S3 and Redis.

Without it, they stand on an SQLite file and a folder. `make test` runs some journeys on both.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.postgresql_server import empty_database
from tests.redis_server import RedisServer
from tests.s3_server import S3Server

IS_WANTED = os.environ.get("FITSERVE_TEST_CLUSTER") == "1"
_open = ExitStack()

needs_folder = pytest.mark.skipif(IS_WANTED, reason="looks at the SQLite file or the artifacts folder of its service")
"""Marks tests that a service in a cluster has nothing to show."""


@cache
def variables(data_dir: Path) -> Mapping[str, str]:
    """The variables of a service with this data folder. A service that starts in the folder again finds all it had."""
    s3 = _start_s3()
    broker = _open.enter_context(RedisServer(data_dir.parent))
    return {
        "FITSERVE_DATABASE_URL": _open.enter_context(empty_database()),
        "FITSERVE_ARTIFACT_URL": f"s3://{s3.make_bucket()}/fitserve",
        "FITSERVE_BROKER_URL": broker.url,
        **s3.environment,
    }


@cache
def _start_s3() -> S3Server:
    s3 = S3Server()
    _open.enter_context(s3.running())
    return s3


def close() -> None:
    """End what has been started."""
    _open.close()
