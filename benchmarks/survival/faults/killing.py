"""Processes are killed: at random moments, and at the moments when a crash leaves most behind."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.survival.aimed.moments import BUCKET, FOLDER, FOLDER_VARIABLE, MOMENTS, S3
from benchmarks.survival.backing import need_s3
from benchmarks.survival.scenario import Fault, Tools
from benchmarks.survival.site import crash, prefixed
from tests.running_service import RunningService

BETWEEN_SECONDS = 1.0, 5.0
LAUNCHER = "launcher"
AIMED_SECONDS = 15.0
"""How long a moment may take to come. Not every client does everything all the time."""


def _victims(service: RunningService, draw: random.Random) -> dict[str, Callable[[], psutil.Process]]:
    return {
        "job's process": lambda: draw.choice(service.job_processes()),
        "fork server": service.fork_server,
        "supervisor": lambda: service.part("worker"),
        "api process": lambda: draw.choice(service.part("api").children()),
        "api": lambda: service.part("api"),
    }


def _kill_at_random(tools: Tools) -> None:
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        service = tools.random.choice(tools.site.services)
        victims = _victims(service, tools.random)
        name = tools.random.choice([*victims, LAUNCHER])
        if name == LAUNCHER:
            crash(service)
            tools.count(name)
            continue
        with contextlib.suppress(psutil.Error, LookupError, StopIteration):  # it has just ended, or isn't back yet
            victims[name]().kill()
            tools.count(name)


def _kill_at_moments(tools: Tools) -> None:
    """Arm one moment after another. The process that reaches an armed moment kills itself."""
    unused = {FOLDER} if tools.site.backing.s3 is not None else {S3, BUCKET}
    moments = [name for name, moment in MOMENTS.items() if moment.module not in unused]
    tools.random.shuffle(moments)
    while True:
        for name in moments:
            armed = tools.site.signals / name
            armed.touch()
            if _wait_until_gone(tools, armed):
                armed.unlink(missing_ok=True)
                return
            if armed.exists():
                armed.unlink(missing_ok=True)
            else:
                tools.count(name)


def _wait_until_gone(tools: Tools, armed: Path) -> bool:
    """Wait until the moment has come, at most AIMED_SECONDS; returns whether the fault must end."""
    for _ in range(int(AIMED_SECONDS / 0.1)):
        if tools.wait(0.1):
            return True
        if not armed.exists():
            return False
    return False


kills = Fault(_kill_at_random)
host_kills = Fault(_kill_at_random, check=need_s3, hosts=2)
aimed = Fault(
    _kill_at_moments,
    environment={
        "PYTHONPATH": prefixed("PYTHONPATH", Path(__file__).parents[1] / "aimed"),
        FOLDER_VARIABLE: "SIGNALS",
    },
)
