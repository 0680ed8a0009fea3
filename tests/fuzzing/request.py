"""Requests that fuzzers send, and how a client repeats them by hand."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

from tests.running_service import ROOT

SAVED = ROOT / "build" / "fuzz"
"""The folder for the bodies of requests that made a test fail."""
BOUNDARY = "fuzz-3f1b6d0c9a7e"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
WAITING = {"Prefer": "wait=60"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """A request."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {dict(self.headers)} {self.body[:300]!r} ({len(self.body):,} bytes)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Called by Hypothesis, which would print the whole body."""
        printer.text(repr(self))

    def to_command(self, base_url: str) -> str:
        """A command that sends the request again; its body is saved in a file."""
        headers = [word for name, value in self.headers.items() for word in ("-H", f"{name}: {value}")]
        body = f"@{_save(self.body)}"
        return shlex.join(["curl", "-i", "-X", self.method, *headers, "--data-binary", body, base_url + self.path])


@dataclass(frozen=True)
class RawRequest:
    """What a client writes to a connection. `answers` is the number of requests in it if they are valid, else None."""

    data: bytes
    answers: int | None

    def __repr__(self) -> str:
        return f"{self.data[:1000]!r} ({len(self.data):,} bytes), answers: {self.answers}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Called by Hypothesis, which would print all of the data."""
        printer.text(repr(self))

    def to_command(self, base_url: str) -> str:
        """A command that sends the data again, which are saved in a file."""
        host, _, port = base_url.removeprefix("http://").partition(":")
        return f"nc {host} {port} < {_save(self.data)}"


def _save(data: bytes) -> Path:
    SAVED.mkdir(parents=True, exist_ok=True)
    file = SAVED / hashlib.sha256(data).hexdigest()[:16]
    file.write_bytes(data)
    return file


@dataclass(frozen=True)
class Response:
    """A response, and what it cost."""

    status: int
    headers: HTTPMessage
    body: bytes
    seconds: float
    grown: int
    """Bytes of memory that the api process used more at its peak than before the request."""


def upload(
    path: str, file: bytes, file_name: str, fields: Mapping[str, Any], others: Sequence[tuple[str, bytes]] = ()
) -> Request:
    """A form with a file and other fields; values that aren't texts are sent as JSON. `others` are more files, with
    their names."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    parts = [(f'name="{key}"', text.encode(errors="surrogatepass")) for key, text in texts.items()]
    files = [(file_name, file), *others]
    parts += [(f'name="file"; filename="{name}"', data) for name, data in files]
    return Request("POST", path, form(parts), FORM | WAITING)


def dataset(file: bytes, file_name: str, options: Mapping[str, Any], name: str = "fuzzed") -> Request:
    """The upload of a dataset."""
    return upload("/v1/datasets", file, file_name, {"name": name, **options})


def form(parts: list[tuple[str, bytes]]) -> bytes:
    """A body of `multipart/form-data` with these parts: the parameters of the disposition, and the content."""
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
    begins = [f"{head}{parameters}\r\n\r\n".encode(errors="surrogatepass") for parameters, _ in parts]
    pieces = [begin + content + b"\r\n" for begin, (_, content) in zip(begins, parts, strict=True)]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()
