"""An S3 server for tests (moto's), which can fail as real ones do."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.serving import make_server

ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
REASONS = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


@dataclass
class Fault:
    """How the server answers: with a status, with silence for so many seconds, or with half of the content."""

    status: int = 503
    times: float = float("inf")
    """How many of the requests."""
    after: int = 0
    """How many of them succeed before."""
    seconds: float = 0
    cuts: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD", "PUT", "POST", "DELETE")
    ends: str = ""
    """Only requests for objects whose names end with this."""
    seen: int = 0

    def concerns(self, environ: WSGIEnvironment) -> bool:
        named = environ["REQUEST_METHOD"] in self.methods and environ["PATH_INFO"].endswith(self.ends)
        self.seen += named
        return named and self.after < self.seen <= self.after + self.times


@dataclass
class S3Server:
    """Serves buckets in the memory of this process, on 127.0.0.1."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    """The requests that arrived, as `METHOD PATH`."""
    _fault: Fault | None = None
    _buckets: int = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        fault = self._fault
        if fault is None or not fault.concerns(environ):
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        if fault.cuts:
            content = b"".join(self._moto(environ, start_response))
            return [content[: len(content) // 2]]
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        time.sleep(fault.seconds)
        start_response(f"{fault.status} Fault", [("Content-Type", "application/xml")])
        return [ERROR.format(code=REASONS[fault.status]).encode()]

    @contextmanager
    def failing(self, **fault: Any) -> Iterator[Fault]:
        """Fail in the block as a Fault says."""
        self._fault = Fault(**fault)
        try:
            yield self._fault
        finally:
            self._fault = None

    @contextmanager
    def running(self) -> Iterator[None]:
        from moto.server import DomainDispatcherApplication, create_backend_app  # half a second

        self._moto: Callable[..., Any] = DomainDispatcherApplication(create_backend_app)
        server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{server.port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()

    def make_bucket(self) -> str:
        """A new bucket; returns its name."""
        self._buckets += 1
        name = f"bucket-{self._buckets}"
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
