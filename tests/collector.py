"""An OpenTelemetry collector: receives OTLP over HTTP and keeps the spans."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.running_service import wait_for

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as the collector received it, with ids in hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    began_at: int
    ended_at: int
    failed: bool


class Collector(ThreadingHTTPServer):
    """A collector on a free port."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[ReceivedSpan] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def keep(self, request: ExportTraceServiceRequest) -> None:
        for of_resource in request.resource_spans:
            resource = _read(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                self.spans += [_receive(span, resource) for span in of_scope.spans]

    def find(self, name: str, **attributes: Any) -> ReceivedSpan:
        """The only span with this name and these attributes, in which `__` stands for a dot; waits for it."""
        wanted = {attribute.replace("__", "."): value for attribute, value in attributes.items()}.items()

        def look() -> list[ReceivedSpan]:
            return [span for span in list(self.spans) if span.name == name and span.attributes.items() >= wanted]

        (found,) = wait_for(look, what=f"a span {name}")
        return found

    def within(self, parent: ReceivedSpan) -> list[str]:
        """The names of the spans whose parent is the given one, in the order in which they began."""
        inner = [span for span in self.spans if span.parent_id == parent.span_id]
        return [span.name for span in sorted(inner, key=lambda span: span.began_at)]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.keep(ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


def _receive(span: Any, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_read(span.attributes),
        resource=resource,
        began_at=span.start_time_unix_nano,
        ended_at=span.end_time_unix_nano,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector during the block."""
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield collector
        finally:
            collector.shutdown()
