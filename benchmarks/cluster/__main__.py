"""Many workers, and a database with a long history, beside the bars that they are held to.

    python -m benchmarks.cluster [claims] [history] [workers] [batches] [gang] [--databases NAME...] [--workers N]
                                 [--jobs N] [--finished N] [--rows N] [--formats FORMAT...] [--epochs N]
                                 [--network NAME]

`claims`: simulated workers, threads of a few processes, claim jobs, hold each for a while and end it. `history`: the
claims, lists, pages and the cleanup of a service with a million finished jobs. `workers`: four real workers against
one, on jobs that sleep for a second. `batches`: a large batch prediction by one real worker and by two. `gang`:
CIFAR-10 on two workers in two network namespaces, against one host with twice the batch; this needs root, iproute2 and
FITSERVE_TEST_DATA. PostgreSQL is that of the tests; FITSERVE_TEST_POSTGRESQL_URL may name another server.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.cluster import batches, claims, gang, history, workers
from benchmarks.serving.report import describe_rows
from tests import postgresql_server
from tests.databases import KINDS, migrated_settings

PARTS = {
    "claims": claims.measure,
    "history": history.measure,
    "workers": workers.measure,
    "batches": batches.measure,
    "gang": gang.measure,
}


def measure(part: str, kind: str, arguments: argparse.Namespace) -> None:
    """Print the figures of a part on a database of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="fitserve-cluster-") as folder,
        migrated_settings(kind, Path(folder), max_queued_jobs=1_000_000, access_log="errors") as settings,
    ):
        print(f"\n## {part}, {kind}")
        for line in describe_rows(PARTS[part](settings, arguments)):
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=["postgresql"], help="postgresql by default")
    parser.add_argument("--workers", type=int, default=64, help="simulated workers (64)")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs that they claim (10,000)")
    parser.add_argument("--hold", type=float, default=1.0, help="seconds that they hold each job (1)")
    parser.add_argument("--finished", type=int, default=1_000_000, help="finished jobs of the history (1,000,000)")
    parser.add_argument("--sleeps", type=int, default=40, help="jobs of a second that real workers run (40)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of the gang (1)")
    parser.add_argument("--network", choices=gang.NETWORKS, default="dense", help="network of the gang (dense)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the batch prediction (1,000,000)")
    parser.add_argument("--formats", nargs="+", choices=["csv", "parquet", "npy"], default=["csv"], help="of its file")
    arguments = parser.parse_args()
    if arguments.workers < claims.PROCESSES:
        parser.error(f"--workers must be at least {claims.PROCESSES}.")
    postgresql_server.SETTINGS["unix_socket_directories"] = "."  # for what has no way to its address
    postgresql_server.begin_run(durable=True)
    try:
        for part in arguments.parts or PARTS:
            for kind in arguments.databases:
                measure(part, kind, arguments)
    finally:
        postgresql_server.end_run()


if __name__ == "__main__":
    main()
