"""Create a large table and import it: duration and memory.

`python -m benchmarks.big_table make FILE` writes 1,000,000 rows of 30 columns (about 475 MB): numbers, categories,
dates, booleans, text, missing values. `python -m benchmarks.big_table import FILE` imports it in this process.
"""

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from models.datasets import import_dataset
from models.limits import Limits

ROWS = 1_000_000
NUMBERS = 15
MISSING = 0.03
SEED = 7
CITIES = ["Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh", "Frankfurt am Main", "Gothenburg", "Helsinki"]
PRODUCTS = [f"product line {number:03d}" for number in range(300)]
SEGMENTS = ["private customer", "small business", "enterprise", "public administration"]
WORDS = np.array(["late", "early", "damaged", "returned", "repaired", "replaced", "paid", "unpaid", "urgent", "usual"])


@click.group()
def main() -> None:
    """Create a large table, or import it and report duration and memory."""


@main.command("make")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rows", default=ROWS, show_default=True)
def make(path: Path, rows: int) -> None:
    """Write the table to PATH as CSV."""
    columns = make_columns(rows, np.random.default_rng(SEED))
    import polars

    polars.DataFrame(columns).write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S")
    click.echo(f"{path}: {rows:,} rows, {len(columns)} columns, {path.stat().st_size / 1e6:.0f} MB")


def make_columns(rows: int, rng: np.random.Generator) -> dict[str, Any]:
    """The columns; the target depends on some of the others."""
    import polars

    def missing(values: np.ndarray) -> polars.Series:
        return polars.Series(values).set(polars.Series(rng.random(rows) < MISSING), None)

    numbers = {f"measurement_{number:02d}": rng.normal(50, 12, rows) for number in range(NUMBERS)}
    moments = np.datetime64("2021-01-01T00:00:00") + rng.integers(0, 4 * 365 * 86400, rows).astype("timedelta64[s]")
    segments = rng.integers(0, len(SEGMENTS), rows)
    signal = numbers["measurement_00"] - numbers["measurement_01"] + 10 * (segments == 2) + rng.normal(0, 5, rows)
    words = [polars.Series(str(number), WORDS[rng.integers(0, len(WORDS), rows)]) for number in range(9)]
    notes = polars.select(polars.concat_str(words, separator=" ")).to_series()
    return {
        "id": np.arange(rows) + 1_000_000,
        "ordered_at": moments.astype("datetime64[ms]"),
        "shipped_on": missing(moments.astype("datetime64[D]") + np.timedelta64(3, "D")),
        **{name: missing(values) for name, values in numbers.items()},
        "quantity": rng.integers(1, 100, rows),
        "stock": missing(rng.integers(0, 100_000, rows)),
        "year": rng.integers(1990, 2025, rows),
        "city": missing(np.array(CITIES)[rng.integers(0, len(CITIES), rows)]),
        "product": np.array(PRODUCTS)[rng.integers(0, len(PRODUCTS), rows)],
        "segment": np.array(SEGMENTS)[segments],
        "grade": missing(np.array(list("ABCDEF"))[rng.integers(0, 6, rows)]),
        "express": rng.random(rows) < 0.3,
        "gift": missing(rng.random(rows) < 0.1),
        "note": notes,
        "reference": [f"R-{number:012x}" for number in rng.integers(0, 2**48, rows)],
        "outcome": np.where(signal > 5, "kept", np.where(signal < -10, "cancelled", "returned")),
    }


@main.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--target", default="outcome", show_default=True)
def import_(path: Path, target: str) -> None:
    """Import the CSV file at PATH, like the process of an import job."""
    with tempfile.TemporaryDirectory() as temporary:
        upload, folder = Path(temporary) / "upload", Path(temporary) / "dataset"
        upload.mkdir()
        folder.mkdir()
        (upload / "data").symlink_to(path.absolute())
        request = {"name": "big", "source": "upload", "file": {"name": path.name}, "target": target}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        descriptor = import_dataset(
            request, folder, upload=upload, cache=Path(temporary), downloads=False, limits=Limits(), progress=_ignore
        )
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    click.echo(f"{descriptor.rows:,} rows, {len(descriptor.inputs)} inputs in {seconds:.1f} s")
    click.echo(f"peak memory {peak / 1024:.0f} MiB, {before / 1024:.0f} MiB of it before the import")


def _ignore(share: float) -> None:
    pass


if __name__ == "__main__":
    main()
