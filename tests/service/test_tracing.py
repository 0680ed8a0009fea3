"""What OpenTelemetry's variables do. Traces themselves are tested where they are made."""

import subprocess
import sys

import pytest

from service import tracing
from tests.collector import ENDPOINT
from tests.running_service import ROOT

COLLECTOR = {ENDPOINT: "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        (COLLECTOR, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        (COLLECTOR | {"OTEL_SDK_DISABLED": "True"}, False),
        (COLLECTOR | {"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_SERVICE_NAME": "fitserve"}, False),
    ],
)
def test_only_a_collectors_address_begins_traces(variables: dict[str, str], wanted: bool) -> None:
    assert tracing.is_wanted(variables) == wanted


def test_a_missing_extra_is_one_warning_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing, "DISTRIBUTIONS", ("no-such-distribution",))
    monkeypatch.setenv(ENDPOINT, COLLECTOR[ENDPOINT])
    tracing.check()
    assert tracing.start("api") is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "fitserve[otel]" in line


def test_another_protocol_than_http_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    tracing.check(COLLECTOR | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    (line,) = capsys.readouterr().out.splitlines()
    assert "wanted=grpc" in line
    assert "http/protobuf" in line


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    script = (
        "import sys; from service import tracing; tracing.check(); assert tracing.start('api') is None;"
        "print([name for name in sys.modules if 'opentelemetry' in name])"
    )
    environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (found.stdout, found.returncode) == ("[]\n", 0), found.stderr
