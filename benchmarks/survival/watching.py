"""A client that predicts with a loaded version all the time, which must not fail while what it stands on is away."""

import threading
import time

import requests

from benchmarks.survival.clients import MODEL, describe
from benchmarks.survival.networks import Host

PATH = f"/v1/models/{MODEL}/versions/1/predictions"
INSTANCES = [[0.5, 0.5], [-1, 2]]
PAUSE_SECONDS = 0.1
LONGEST_SECONDS = 10
WARM_UP_REQUESTS = 40
"""Each with a connection of its own, so that every api process has loaded the version."""


class Watcher:
    """Predicts until `end`, on `host` itself if one is given: what cuts it off doesn't concern its own clients."""

    def __init__(self, base_url: str, host: Host | None) -> None:
        self._url = base_url + PATH
        self._host = host
        self._ready, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answered = 0
        self.slowest = 0.0
        """In seconds."""
        self.failure = ""
        """The first one."""

    def begin(self) -> None:
        """Begin, and wait until every process has loaded the version."""
        self._thread.start()
        self._ready.wait()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            if self._host is not None:
                self._host.enter()
            for _ in range(WARM_UP_REQUESTS):
                expected = self._predict()
            self._ready.set()
            while not self._ending.wait(PAUSE_SECONDS):
                began = time.monotonic()
                if self._predict() != expected:
                    self.failure = self.failure or "another prediction"
                self.answered += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
        except Exception as error:  # a thread's exception would only be printed
            self.failure = self.failure or repr(error)
        finally:
            self._ready.set()

    def _predict(self) -> object:
        """The predictions; None if the service didn't answer with them."""
        try:
            response = requests.post(self._url, json={"instances": INSTANCES}, timeout=LONGEST_SECONDS)
        except requests.RequestException as error:
            self.failure = self.failure or repr(error)
            return None
        if not response.ok:
            self.failure = self.failure or describe(response)
            return None
        return response.json()["predictions"]
