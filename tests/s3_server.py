"""An S3 server for tests (moto's), which can fail as real ones do."""

import io
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
BUCKETS = itertools.count(1)
"""Numbers of buckets: all servers of a process share what moto stores."""
REASONS = {400: "InvalidRequest", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


class Quiet(WSGIRequestHandler):
    """Prints no line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@dataclass
class Fault:
    """How the server answers: with a status, with silence for so many seconds, with half of the content, or late."""

    status: int = 503
    share: float = 1
    """The share of the requests, drawn at random."""
    times: float = float("inf")
    """How many of the requests."""
    after: int = 0
    """How many of them succeed before."""
    seconds: float = 0
    """At most until the fault ends."""
    cuts: bool = False
    late_seconds: float = 0
    """Writes are confirmed at once and done later: until then, readers see what was before."""
    methods: tuple[str, ...] = ("GET", "HEAD", "PUT", "POST", "DELETE")
    ends: str = ""
    """Only requests for objects whose names end with this."""
    seen: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def concerns(self, environ: WSGIEnvironment) -> bool:
        named = environ["REQUEST_METHOD"] in self.methods and environ["PATH_INFO"].endswith(self.ends)
        self.seen += named
        return named and self.after < self.seen <= self.after + self.times and random.random() < self.share


@dataclass
class S3Server:
    """Serves buckets in the memory of this process, on 127.0.0.1."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    """The requests that arrived, as `METHOD PATH`."""
    _fault: Fault | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _late: queue.Queue[tuple[float, WSGIEnvironment]] = field(default_factory=queue.Queue)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        fault = self._fault
        if fault is None or not fault.concerns(environ):
            if self._late.unfinished_tasks:  # so that writes stay in their order
                return self._answer_early(environ, start_response, 0)
            return [self._ask(environ, start_response)]
        if fault.cuts:
            content = self._ask(environ, start_response)
            return [content[: len(content) // 2]]
        if fault.late_seconds:
            return self._answer_early(environ, start_response, fault.late_seconds)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        fault.ended.wait(fault.seconds)
        start_response(f"{fault.status} Fault", [("Content-Type", "application/xml")])
        return [ERROR.format(code=REASONS[fault.status]).encode()]

    def _ask(self, environ: WSGIEnvironment, start_response: StartResponse) -> bytes:
        """Moto's answer. One at a time: its lists fail with KeyError while another thread deletes."""
        with self._lock:
            return b"".join(self._moto(environ, start_response))

    def _answer_early(self, environ: WSGIEnvironment, start_response: StartResponse, seconds: float) -> Iterable[bytes]:
        """Confirm the write or removal of objects, and do it later. Everything else is done at once."""
        removes, query = environ["REQUEST_METHOD"] in ("POST", "DELETE"), environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] == "GET" or (query and query != "delete"):
            return [self._ask(environ, start_response)]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self._late.put((time.monotonic() + seconds, environ | {"wsgi.input": io.BytesIO(body)}))
        start_response("200 OK", [("Content-Type", "application/xml"), ("ETag", '"late"')])
        return [b"<DeleteResult/>" if removes else b""]

    def _do_late_work(self) -> None:
        while True:
            due, environ = self._late.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self._ask(environ, lambda *_: lambda _: None)
            self._late.task_done()

    @contextmanager
    def failing(self, **fault: Any) -> Iterator[Fault]:
        """Fail in the block as a Fault says."""
        self._fault = given = Fault(**fault)
        try:
            yield given
        finally:
            self._fault = None
            given.ended.set()
            self._late.join()

    @contextmanager
    def running(self, host: str = "127.0.0.1") -> Iterator[None]:
        from moto.server import DomainDispatcherApplication, create_backend_app  # half a second

        self._moto: Callable[..., Any] = DomainDispatcherApplication(create_backend_app)
        server = make_server(host, 0, self, threaded=True, request_handler=Quiet)
        self.url = f"http://{host}:{server.port}"
        threading.Thread(target=self._do_late_work, daemon=True).start()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()

    def make_bucket(self) -> str:
        """A new bucket; returns its name."""
        name = f"bucket-{next(BUCKETS)}"
        self.client.create_bucket(Bucket=name)
        return name

    @property
    def client(self) -> Any:
        """boto3's client, as another program would use the server."""
        import boto3

        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def names(self, bucket: str) -> list[str]:
        """The names of all objects in a bucket."""
        found = self.client.list_objects_v2(Bucket=bucket).get("Contents", ())
        return [item["Key"] for item in found]

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process uses the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    server = S3Server()
    with server.running():
        yield server


@pytest.fixture
def s3(s3_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, which this process uses too."""
    for name, value in s3_process.environment.items():
        monkeypatch.setenv(name, value)
    s3_process.requests.clear()
    return s3_process
