"""Clients that upload, train and predict while the service is disturbed, and remember what was accepted."""

import hashlib
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from benchmarks.survival.jobs import weights_of
from tests.journeys.specs import STATEFUL
from tests.running_service import FINAL, Client

MODEL = STATEFUL["name"]
MOONS = {
    "name": "moons",
    "source": "moons",
    "parameters": {"samples": 10_000, "noise": 0.2, "seed": 7},
    "split": {"validation": 0.1, "test": 0.1, "seed": 7},
}
EPOCHS = 30
SEEDS = (1, 2, 3)
GANG_SEED = SEEDS[-1]
"""The seed of the trainings that run on all hosts together, where there are several."""
TABLE = "a,b,c\n" + "".join(f"{n},{n % 7},{n * 0.5}\n" for n in range(500))
ROWS = "".join(f"{n / 250 - 1},{n % 13 / 13}\n" for n in range(500))
DATASETS, TRAININGS, BATCHES = "/v1/datasets", "/v1/training-jobs", "/v1/batch-predictions"
UNDISTURBED = "undisturbed"
"""The beginning of the keys of resources that no client of a fault has created."""
ROWS_QUERY = "split=train&limit=100"
SHOWN_CHARACTERS = 150
PAUSE_SECONDS = 0.2
LONGEST_SECONDS = 300
"""A resource that takes longer counts as hanging."""


@dataclass(frozen=True)
class Accepted:
    """A resource that the service has confirmed. `key` is in its metadata; `seed` is a training's."""

    path: str
    key: str
    id: str
    url: str
    seed: int | None = None


class Trouble(Exception):
    """The service answered something that no fault excuses."""


class Persistent:
    """A client that repeats each request until the service answers it for good."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._client = Client(base_url)
        self.longest_conflict = 0.0
        """The longest time in seconds for which a key was answered with `request-in-progress`."""
        self.refusals: Counter[str] = Counter()
        """The problems that were temporary, by their code."""

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """The final response: a success, or an error that a repetition doesn't change. Raises Trouble if none comes."""
        deadline, conflict_since = time.monotonic() + LONGEST_SECONDS, 0.0
        while time.monotonic() < deadline:
            try:
                response = self._client.request(method, path, **options)
            except requests.RequestException:
                self.refusals["no response"] += 1
            else:
                if response.ok or (response.status_code < 500 and "Retry-After" not in response.headers):
                    return response
                code = response.json()["type"].rpartition("/")[2]
                self.refusals[code] += 1
                if code == "internal":
                    raise Trouble(f"{method} {path}: {describe(response)}")
                if code == "request-in-progress":
                    conflict_since = conflict_since or time.monotonic()
                    self.longest_conflict = max(self.longest_conflict, time.monotonic() - conflict_since)
            time.sleep(PAUSE_SECONDS)
        raise Trouble(f"{method} {path}: no final answer within {LONGEST_SECONDS} s ({dict(self.refusals)})")

    def get(self, path: str, **options: Any) -> Any:
        response = self.send("GET", path, **options)
        if not response.ok:
            raise Trouble(f"GET {path}: {describe(response)}")
        return response.json()

    def create(self, path: str, key: str, *, seed: int | None = None, **options: Any) -> Accepted:
        """Create a resource with an idempotency key, which is in its metadata too."""
        response = self.send("POST", path, headers={"Idempotency-Key": key, "Prefer": "wait=0"}, **options)
        if not response.ok:
            raise Trouble(f"POST {path}: {describe(response)}")
        made = response.json()
        return Accepted(path, key, made["id"], made["links"]["self"], seed)

    def wait_until_final(self, made: Accepted) -> Any:
        """The resource when it is final. A job that a fault has paused is resumed."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            found = self.get(made.url, headers={"Prefer": "wait=2"})
            if found["status"] in (*FINAL, "ready"):
                return found
            if found["status"] == "paused":
                self.send("PATCH", made.url, json={"desired_status": "running"})
        raise Trouble(f"{made.url} is not final after {LONGEST_SECONDS} s")

    def digest(self, made: Accepted, found: Any) -> str:
        """A digest of what a resource consists of: rows, weights or predictions."""
        if made.path == DATASETS:
            return digest_of(self.get(f"{made.url}/rows?{ROWS_QUERY}")["items"])
        if made.path == BATCHES:
            return digest_of(self.send("GET", found["links"]["result"], headers={"Accept": "text/csv"}).text)
        return weights_of(self._client, found)

    def items(self, path: str) -> list[Any]:
        return list(self._client.items(path))


def describe(response: requests.Response) -> str:
    """An error response in a line."""
    text = " ".join(response.text.replace("|", "/").split())
    return f"{response.status_code} {text[:SHOWN_CHARACTERS]}"


def digest_of(content: Any) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def upload(client: Persistent, key: str) -> Accepted:
    form = {"name": key, "target": "c", "metadata": f'{{"key": "{key}"}}'}
    return client.create(DATASETS, key, data=form, files={"file": ("table.csv", TABLE)})


def train(client: Persistent, key: str, seed: int, hosts: int = 1) -> Accepted:
    """`hosts` is how many hosts there are."""
    wanted = {"model": MODEL, "dataset": "moons", "epochs": EPOCHS, "seed": seed, "checkpoint_seconds": 1}
    wanted |= {"hosts": hosts if seed == GANG_SEED else 1, "metadata": {"key": key}}
    return client.create(TRAININGS, key, seed=seed, json=wanted)


def predict(client: Persistent, key: str) -> Accepted:
    form = {"model": MODEL, "version": "1", "metadata": f'{{"key": "{key}"}}'}
    return client.create(BATCHES, key, data=form, files={"file": ("rows.csv", ROWS)})


class Session(threading.Thread):
    """A client that uploads, trains and predicts, one after another, until `end`."""

    def __init__(self, base_url: str, hosts: int, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.client = Persistent(base_url)
        self.accepted: list[Accepted] = []
        self.trouble: str | None = None
        self._hosts = hosts
        self._number = number
        self._random = random.Random(f"{seed}-{number}")
        self._ending = threading.Event()

    def run(self) -> None:
        try:
            while not self._ending.is_set():
                self._do(upload(self.client, self._new_key()))
                self._do(train(self.client, self._new_key(), self._random.choice(SEEDS), self._hosts))
                self._do(predict(self.client, self._new_key()))
        except Exception as error:  # a thread's exception would only be printed
            self.trouble = str(error) if isinstance(error, Trouble) else repr(error)

    def _do(self, made: Accepted) -> None:
        self.accepted.append(made)
        self.client.wait_until_final(made)

    def _new_key(self) -> str:
        return f"c{self._number}-{uuid4().hex[:12]}"

    def end(self) -> None:
        """Let the client finish what it has begun."""
        self._ending.set()
