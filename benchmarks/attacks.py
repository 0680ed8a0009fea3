"""Small requests that once cost gigabytes or minutes: how long each takes, alone and eight at once, and what it costs.

    python -m benchmarks.attacks [ATTACK …]

The service has one api process and the default limits. Each attack is sent alone, then eight times at once; at last,
eight different ones at once, in turns. Measured are the slowest answer, the peak of the process's memory, and the
slowest answer of `/healthz` meanwhile. The last column shows the answers.

Slow and silent clients aren't answered at once; beside them, predictions are measured.
"""

import argparse
import gzip
import http.client
import io
import json
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event

import numpy as np
import psutil
from PIL import Image

from benchmarks.slow_clients import SCENARIOS
from tests.fuzzing.arrays import npy
from tests.fuzzing.largest import tiny_webp
from tests.fuzzing.picture_chunks import read_chunks, write_chunks
from tests.fuzzing.request import FORM, JSON, Request, form
from tests.fuzzing.versions import make_versions
from tests.fuzzing.watched_service import peak, reset_peak
from tests.models.made_pictures import encode
from tests.running_service import Client, RunningService, running_service

AT_ONCE = 8
MOST_SECONDS = 1.0
MOST_MEMORY = 400e6
MOST_HEALTH = 0.5
LINE = "/v1/models/line/predictions"
MIXED = "/v1/models/mixed/predictions"
WIDE = "/v1/models/wide/predictions"
TILES = "/v1/models/tiles/predictions"
NPY = {"Content-Type": "application/x-npy"}
GZIPPED = JSON | {"Content-Encoding": "gzip"}
LONG_DATE = "2024-01-03" + " " * 60_000 + "x"
DEEP = "[" * 5000 + "]" * 5000
ELSEWHERE = {"Origin": "https://evil.example"}
ROW = b'{"instances": [[1]]}'
DATASET = "attack"
"""What attacks on imports call their dataset."""
SECONDS_BESIDE = 20.0
"""How long slow clients stay: twice as long as the service waits for a client that sends nothing."""


def _json(path: str, document: object) -> Request:
    return Request("POST", path, json.dumps(document).encode(), JSON)


def _gzipped(path: str, start: str, item: str, count: int, end: str) -> Request:
    return Request("POST", path, gzip.compress(f"{start}{','.join([item] * count)}{end}".encode(), mtime=0), GZIPPED)


def _scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    file = encode(Image.new("L", (512, 512)), "JPEG", progressive=True)
    chunks = read_chunks(file)
    return write_chunks(file, chunks[:-1] + chunks[-2:-1] * count + chunks[-1:])


def _upload(file_name: str, data: bytes, fields: Mapping[str, str] = {}, **headers: str) -> Request:
    named = [(f'name="{name}"', value.encode()) for name, value in {"name": DATASET, **fields}.items()]
    return Request(
        "POST", "/v1/datasets", form([*named, (f'name="file"; filename="{file_name}"', data)]), FORM | headers
    )


def _npz() -> Request:
    """An archive of half a megabyte whose array has half a gigabyte."""
    file = io.BytesIO()
    np.savez_compressed(file, x=np.zeros((2**27, 1), "f4"), y=np.zeros(4))
    return _upload("a.npz", file.getvalue())


def _zipped_webps() -> Request:
    """A ZIP of 3 KB with 24 pictures of 50 million pixels."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(24):
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.webp", tiny_webp(7071))
    return _upload("a.zip", file.getvalue())


def _csv_columns() -> Request:
    """As many columns as a table may have. Its import takes longer than a client should wait for its answer."""
    names = [f"c{number}" for number in range(10_000)]
    rows = [[str(row * column % 7) for column in range(len(names))] for row in range(12)]
    data = "\n".join(map(",".join, [names, *rows])).encode()
    return _upload("a.csv", data, {"target": "c0"}, Prefer="respond-async")


def _csv_names(count: int) -> Request:
    """A row whose columns are unknown, except the first: it tells that the line before names them."""
    header = ",".join(["width", *(f"day{number}" for number in range(count))])
    return Request("POST", MIXED, f"{header}\n{'1,' * count}1\n".encode(), {"Content-Type": "text/csv"})


ATTACKS: dict[str, Callable[[], Request]] = {
    "npy-zero": lambda: Request("POST", LINE, npy("<f4", (30_000_000, 0), b"", True), NPY),
    "npy-axes": lambda: Request("POST", LINE, npy("<f4", (1,) * 65, bytes(4)), NPY),
    "npy-rows": lambda: Request("POST", LINE, npy("<f4", (2**40, 1), bytes(4)), NPY),
    "npy-bytes": lambda: Request("POST", LINE, npy("|u1", (16_700_000, 1), bytes(16_700_000)), NPY),
    "date-json": lambda: _json(MIXED, {"instances": [{"day": LONG_DATE}]}),
    "date-csv": lambda: Request("POST", MIXED, f"day\n{LONG_DATE}\n".encode(), {"Content-Type": "text/csv"}),
    "date-predict": lambda: _json("/v1/models/mixed:predict", {"instances": [{"day": LONG_DATE}]}),
    "json-lists": lambda: _gzipped(LINE, '{"zz":[', "[]", 20_000_000, "]}"),
    "json-objects": lambda: _gzipped(MIXED, '{"instances":[', "{}", 20_000_000, "]}"),
    "json-deep": lambda: _json("/v2/models/line/infer", {"inputs": [{"name": "x", "data": [DEEP]}]}),
    "json-predict": lambda: _gzipped("/v1/models/line:predict", '{"instances":[', "[1]", 15_000_000, "]}"),
    "outputs": lambda: _json(WIDE, {"instances": [[1]] * 100_000}),
    "webp": lambda: Request("POST", TILES, tiny_webp(7071), {"Content-Type": "image/webp"}),
    "webp-form": lambda: Request("POST", TILES, form([('name="file"; filename="a"', tiny_webp(7071))] * 24), FORM),
    "jpeg-scans": lambda: Request("POST", TILES, _scans(2000), {"Content-Type": "image/jpeg"}),
    "spec": lambda: _gzipped("/v1/models", '{"name":"x","layers":[', '{"type":"ReLU"}', 3_000_000, "]}"),
    "inline": lambda: _gzipped("/v1/datasets", '{"name":"x","source":"inline","rows":[', "{}", 20_000_000, "]}"),
    "npz": _npz,
    "host": lambda: Request("POST", LINE, ROW, JSON | {"Host": "evil.example"}),
    "cross-site": lambda: Request("POST", LINE, ROW, JSON | ELSEWHERE),
    "cross-site-form": lambda: Request("POST", "/v1/datasets", _zipped_webps().body, FORM | ELSEWHERE),
    "text": lambda: Request("POST", LINE, ROW, {"Content-Type": "text/plain"}),
    "form": lambda: Request("POST", LINE, ROW, {"Content-Type": "application/x-www-form-urlencoded"}),
    "zipped-webps": _zipped_webps,
    "csv-columns": _csv_columns,
    "csv-names": lambda: _csv_names(9_999),
    "csv-many-names": lambda: _csv_names(400_000),
    "json-names": lambda: _json(MIXED, {"instances": [{f"day{number}": 1 for number in range(400_000)}]}),
}


@dataclass(frozen=True)
class Measured:
    """What a number of attacks at once did."""

    seconds: float
    """Of the slowest answer."""
    peak: int
    """Bytes of memory of the api process."""
    health_seconds: float
    """Of the slowest answer of `/healthz`."""
    answers: Counter[str]

    def is_met(self) -> bool:
        return self.seconds < MOST_SECONDS and self.peak < MOST_MEMORY and self.health_seconds < MOST_HEALTH

    def describe(self, name: str) -> str:
        figures = f"{self.seconds:6.2f} s {self.peak / 1e6:6.0f} MB {self.health_seconds:6.3f} s"
        answers = ", ".join(f"{count} × {answer}" for answer, count in self.answers.most_common())
        return f"{name:24} {figures}  {'met   ' if self.is_met() else 'MISSED'} {answers}"


@cache
def _request(name: str) -> Request:
    return ATTACKS[name]()


def _send(port: int, request: Request) -> tuple[float, str]:
    """The seconds until the answer, and its status and code."""
    started = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read everything
            connection.request(request.method, request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    seconds = time.monotonic() - started
    if answer.status < 400:
        return seconds, str(answer.status)
    error = json.loads(body)
    return seconds, f"{answer.status} {error.get('code', '') or str(error.get('error'))[:60]}"


@contextmanager
def _timed_health(port: int) -> Iterator[list[float]]:
    """Ask for `/healthz` all the time; the list has the seconds of each answer."""
    stopping = Event()
    taken: list[float] = []

    def ask() -> None:
        while not taken or not stopping.wait(0.02):
            taken.append(_send(port, Request("GET", "/healthz"))[0])

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        yield taken
        stopping.set()
        asking.result()


def _measure(service: RunningService, names: Sequence[str]) -> Measured:
    """Send these attacks at once."""
    process = service.part("api").children()[0]
    requests = [_request(name) for name in names]
    reset_peak(process.pid)
    with _timed_health(service.port) as health, ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda request: _send(service.port, request), requests))
    slowest, codes = max(answer[0] for answer in answers), Counter(answer[1] for answer in answers)
    return Measured(slowest, peak(process.pid), max(health), codes)


def _measure_beside(service: RunningService, name: str) -> Measured:
    """Send predictions, one after another, while slow clients are connected."""
    process = service.part("api").children()[0]
    reset_peak(process.pid)
    slowest = 0.0
    with SCENARIOS[name](service) as answers, _timed_health(service.port) as health:
        end = time.monotonic() + SECONDS_BESIDE
        while time.monotonic() < end:
            seconds, answer = _send(service.port, Request("POST", LINE, ROW, JSON))
            slowest = max(slowest, seconds)
            answers.update([answer])
            time.sleep(0.02)
    return Measured(slowest, peak(process.pid), max(health), answers)


def _forget(client: Client) -> None:
    """Delete the dataset of an attack, and stop its import: it must not slow the next attack down."""
    response = client.request("DELETE", f"/v1/datasets/{DATASET}")
    if response.status_code not in (204, 404):
        raise RuntimeError(f"the dataset of an attack can't be deleted: {response.text}")


def _rounds(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for name in names:
        yield f"{name}", [name]
        yield f"{name} × {AT_ONCE}", [name] * AT_ONCE
    for start in range(len(names)):
        yield f"mixed {start + 1}", [names[(start + number) % len(names)] for number in range(AT_ONCE)]


def _measure_all(service: RunningService, names: Sequence[str]) -> Iterator[tuple[str, Measured]]:
    for title, attacks in _rounds([name for name in names if name in ATTACKS]):
        yield title, _measure(service, attacks)
        _forget(service.client)
    for name in names:
        if name in SCENARIOS:
            yield name, _measure_beside(service, name)


def main() -> None:
    known = [*ATTACKS, *SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="ATTACK", help=", ".join(known))
    names = parser.parse_args().names or known
    if unknown := set(names) - set(known):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    print(
        f"{psutil.cpu_count()} cores; at most {MOST_SECONDS} s, {MOST_MEMORY / 1e6:.0f} MB, {MOST_HEALTH} s", flush=True
    )
    met = True
    with tempfile.TemporaryDirectory() as folder:
        keras = Path(folder) / "keras"
        with running_service(Path(folder) / "var", keras, api_processes="1", dataset_downloads="false") as service:
            make_versions(service.client)
            for title, measured in _measure_all(service, names):
                met = met and measured.is_met()
                print(measured.describe(title), flush=True)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
