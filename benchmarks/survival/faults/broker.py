"""The broker goes away with all it has, answers nothing, or delivers each hint ten times."""

from benchmarks.survival.backing import need_broker
from benchmarks.survival.clients import BATCHES, TRAININGS, Persistent
from benchmarks.survival.scenario import Fault, Tools
from service.broker.connections import Outlet
from service.broker.hints import Hint
from tests.redis_server import RedisServer

BETWEEN_SECONDS = 0.5, 2.0
AWAY_SECONDS = 0.5, 6.0
REPETITIONS = 10
QUEUE = "cpu"
HINTED = {TRAININGS: "training", BATCHES: "batch_prediction"}
"""The kind of the jobs of a list."""


def _lose(tools: Tools) -> None:
    broker = _broker(tools)
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        if tools.random.random() < 0.5:
            broker.kill()
            tools.wait(tools.random.uniform(*AWAY_SECONDS))
            broker.start()
            tools.count("killed")
        else:
            with broker.silent():
                tools.wait(tools.random.uniform(*AWAY_SECONDS))
            tools.count("silent")


def _repeat(tools: Tools) -> None:
    """Send the hints of all jobs, those that wait, run and have ended, again and again."""
    client = Persistent(tools.site.service.client.base_url)
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        hints = [Hint(QUEUE, HINTED[path], job["id"]) for path in HINTED for job in client.items(path)]
        with Outlet(_broker(tools).url) as outlet:
            for _ in range(REPETITIONS):
                outlet.send(hints)
        tools.counts["hints"] = tools.counts.get("hints", 0) + REPETITIONS * len(hints)


def _broker(tools: Tools) -> RedisServer:
    broker = tools.site.backing.broker
    assert broker is not None
    return broker


lost = Fault(_lose, check=need_broker, spares_loaded=True)
repeated = Fault(_repeat, check=need_broker, spares_loaded=True)
