"""Many workers, and a database with a long history, beside the bars that they are held to.

    python -m benchmarks.cluster [claims] [history] [workers] [--database URL] [--workers N] [--jobs N] [--finished N]

`claims`: simulated workers, threads of a few processes, claim jobs, hold each for a while and end it. `history`: the
claims, lists, pages and the cleanup of a service with a million finished jobs. `workers`: four real workers against
one, on jobs that sleep for a second. Without `--database` an SQLite file is used. With one, it must be an empty
PostgreSQL database, which is emptied again.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.cluster import claims, history, workers
from benchmarks.serving.report import describe_rows
from service.config import Settings
from service.storage.database import make_engine, migrate

PARTS = {"claims": claims.measure, "history": history.measure, "workers": workers.measure}


@contextmanager
def database(url: str, **options: Any) -> Iterator[Settings]:
    """Settings with a folder and an empty database of their own."""
    with tempfile.TemporaryDirectory(prefix="fitserve-cluster-") as folder:
        settings = Settings(data_dir=Path(folder), database_url=url, **options)
        migrate(settings.database_url)
        try:
            yield settings
        finally:
            if url:
                _empty(url)


def _empty(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--database", default="", metavar="URL", help="an empty PostgreSQL database (SQLite)")
    parser.add_argument("--workers", type=int, default=64, help="simulated workers (64)")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs that they claim (10,000)")
    parser.add_argument("--hold", type=float, default=1.0, help="seconds that they hold each job (1)")
    parser.add_argument("--finished", type=int, default=1_000_000, help="finished jobs of the history (1,000,000)")
    parser.add_argument("--sleeps", type=int, default=40, help="jobs of a second that real workers run (40)")
    arguments = parser.parse_args()
    if arguments.workers < claims.PROCESSES:
        parser.error(f"--workers must be at least {claims.PROCESSES}.")
    for name in arguments.parts or PARTS:
        print(f"\n## {name}")
        with database(arguments.database, max_queued_jobs=1_000_000, access_log="errors") as settings:
            for line in describe_rows(PARTS[name](settings, arguments)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
