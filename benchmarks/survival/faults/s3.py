"""S3 fails: it answers 500 or 503, to all requests or to some, doesn't answer, or shows what was written only later."""

from typing import Any

from benchmarks.survival.backing import need_s3
from benchmarks.survival.scenario import Fault, Tools

BETWEEN_SECONDS = 0.5, 2.0
HELD_SECONDS = 1.0, 6.0
"""Less than the disk_full_seconds after which jobs give up."""
STALE_SECONDS = 1.0
"""How late a write is done: the service waits 3 seconds for what a row points to."""
ALWAYS = 3600.0
WITHOUT_COPIES = {"FITSERVE_ARTIFACT_CACHE_BYTES": "0"}
"""Whatever isn't in use is downloaded again, as by hosts that have never read it."""

FAILURES: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "503": {"status": 503},
    "some 500": {"status": 500, "share": 0.3},
    "some 503": {"status": 503, "share": 0.3},
}


def _fail(tools: Tools) -> None:
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        name = tools.random.choice(list(FAILURES))
        _hold(tools, name, **FAILURES[name])


def _be_silent(tools: Tools) -> None:
    """Accept requests and answer none, or only some."""
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        share = tools.random.choice([1, 0.2])
        _hold(tools, "no answer" if share == 1 else "some answers missing", seconds=ALWAYS, share=share)


def _hold(tools: Tools, name: str, **fault: Any) -> None:
    assert tools.site.backing.s3 is not None
    with tools.site.backing.s3.failing(**fault):
        tools.wait(tools.random.uniform(*HELD_SECONDS))
    tools.count(name)


def _be_late(tools: Tools) -> None:
    assert tools.site.backing.s3 is not None
    with tools.site.backing.s3.failing(late_seconds=STALE_SECONDS) as fault:
        tools.wait(ALWAYS)
    tools.counts["requests"] = fault.seen


failing = Fault(_fail, check=need_s3, environment=WITHOUT_COPIES, spares_loaded=True)
silent = Fault(_be_silent, check=need_s3, environment=WITHOUT_COPIES, spares_loaded=True)
stale = Fault(_be_late, check=need_s3, environment=WITHOUT_COPIES, spares_loaded=True)
