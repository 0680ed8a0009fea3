"""Traces by OpenTelemetry, for a process whose environment names a collector. The only module that imports it."""

import importlib.metadata
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import structlog

from service import __version__
from service.origins import Origin

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span as SdkSpan
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The variables that name the collector. Without one of them, nothing is traced."""
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
DISTRIBUTIONS = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
"""What the extra installs."""
END_SECONDS = 1.0
"""How long a process that ends waits for the collector, at most."""

Attributes = Mapping[str, str | int | None]
"""The attributes of a span. Those that are None are omitted."""

log = structlog.get_logger()


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry's variables name a collector for traces and don't forbid it."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    without = environment.get("OTEL_TRACES_EXPORTER", "").strip() == "none"
    return not disabled and not without and any(environment.get(name) for name in ENDPOINTS)


def check(environment: Mapping[str, str] = os.environ) -> None:
    """Log a warning if the variables want something that this installation can't do."""
    if not is_wanted(environment):
        return
    if not _is_installed():
        log.warning("no traces: the extra isn't installed", install="pip install 'fitserve[otel]'")
    wanted = next((environment[name] for name in PROTOCOLS if environment.get(name)), PROTOCOL)
    if wanted != PROTOCOL:
        log.warning("traces are sent by another protocol than the variables say", wanted=wanted, used=PROTOCOL)


def start(part: str) -> "Tracing | None":
    """Begin to export spans from this process, which is one of the `part`; None if nothing is traced.

    Call it after the last fork: the exporter's thread and connection don't survive one.
    """
    return Tracing(part) if is_wanted() and _is_installed() else None


def _is_installed() -> bool:
    try:
        return all(importlib.metadata.version(name) for name in DISTRIBUTIONS)
    except importlib.metadata.PackageNotFoundError:
        return False


class Tracing:
    """The spans of one process, which a thread exports in batches. Sampling is that of OTEL_TRACES_SAMPLER."""

    def __init__(self, part: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        own: dict[str, str | int] = {"fitserve.part": part, "process.pid": os.getpid(), "service.version": __version__}
        named = Resource.create(own)
        if str(named.attributes["service.name"]).startswith("unknown_service"):
            named = named.merge(Resource({"service.name": "fitserve"}))
        # At the end of the process it would wait for the collector longer than END_SECONDS.
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("fitserve", __version__)

    def begin(
        self, name: str, origin: Origin | None, attributes: Attributes, *, at: int | None = None, serves: bool = False
    ) -> "Span":
        """A span in the trace that `origin` names, or in a new one. `at` is its start in nanoseconds since 1970.

        `serves`: it is that of a request that came by HTTP.
        """
        return Span(self._tracer, name, _find_parent(origin), attributes, at, serves=serves)

    def end(self) -> None:
        """Export the spans that have ended, for END_SECONDS at most."""
        # The exporter's own timeout doesn't bound the time in which it finds out that nobody answers.
        ending = threading.Thread(target=self._provider.shutdown, name="end-of-traces", daemon=True)
        ending.start()
        ending.join(END_SECONDS)
        if ending.is_alive():
            log.warning("the collector of the traces doesn't answer; the last spans are lost")


def _find_parent(origin: Origin | None) -> "Context | None":
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if origin is None or origin.traceparent is None:
        return Context()
    carrier = {"traceparent": origin.traceparent} | ({"tracestate": origin.tracestate} if origin.tracestate else {})
    return TraceContextTextMapPropagator().extract(carrier, Context())


class Span:
    """A piece of work within a trace. It isn't exported unless its trace is sampled."""

    def __init__(
        self,
        tracer: "Tracer",
        name: str,
        parent: "Context | None",
        attributes: Attributes,
        at: int | None,
        *,
        serves: bool = False,
    ) -> None:
        from opentelemetry.trace import SpanKind

        kind = SpanKind.SERVER if serves else SpanKind.INTERNAL
        self._tracer = tracer
        self._span: SdkSpan = tracer.start_span(name, parent, kind, _given(attributes), start_time=at)

    def begin(self, name: str, attributes: Attributes, *, at: int | None = None) -> "Span":
        """A span within this one."""
        from opentelemetry.trace import set_span_in_context

        return Span(self._tracer, name, set_span_in_context(self._span), attributes, at)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def describe(self, attributes: Attributes) -> Self:
        """Add attributes."""
        self._span.set_attributes(_given(attributes))
        return self

    def fail(self, type_: str, detail: str = "") -> Self:
        """Mark the work as failed. `type_` names the error."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, detail))
        return self.describe({"error.type": type_})

    def end(self, at: int | None = None) -> None:
        """End it, now or at a time in nanoseconds since 1970."""
        self._span.end(at)

    @property
    def traceparent(self) -> str:
        """The trace and this span, in the form of W3C Trace Context."""
        found = self._span.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    @property
    def tracestate(self) -> str | None:
        return self._span.get_span_context().trace_state.to_header() or None


def _given(attributes: Attributes) -> dict[str, str | int]:
    return {name: value for name, value in attributes.items() if value is not None}
