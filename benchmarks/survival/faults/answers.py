"""The network to PostgreSQL loses COMMITs, their answers, and all connections."""

from benchmarks.survival.backing import need_postgresql
from benchmarks.survival.scenario import Fault, Tools
from tests.postgresql_proxy import CommitProxy, Loss

BETWEEN_SECONDS = 0.05, 1.0
AWAY_SECONDS = 0.5, 8.0
"""Sometimes longer than a writer looks for the outcome of its COMMIT."""
AWAY_SHARE = 0.1
MOST_FORWARDED = 8


def _lose_answers(tools: Tools) -> None:
    proxy = tools.site.backing.proxy
    assert proxy is not None
    lost = proxy.lost
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        tools.counts["COMMITs or answers"] = proxy.lost - lost
        if tools.random.random() < AWAY_SHARE:
            _be_away(tools, proxy)
        else:
            proxy.lose(tools.random.choice(list(Loss)), after=tools.random.randrange(MOST_FORWARDED))
    proxy.stop_losing()


def _be_away(tools: Tools, proxy: CommitProxy) -> None:
    """Lose a COMMIT or its answer, and with it the server."""
    proxy.lose(tools.random.choice(list(Loss)), then_away=True)
    tools.wait(tools.random.uniform(*AWAY_SECONDS))
    proxy.stop_losing()
    tools.count("server away")


answers = Fault(_lose_answers, check=need_postgresql)
