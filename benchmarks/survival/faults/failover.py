"""PostgreSQL's server goes away: for good, so that a standby takes its place behind the same address, or until it is
started again."""

from benchmarks.survival.backing import need_postgresql
from benchmarks.survival.scenario import Fault, Tools
from tests.postgresql_replicas import database_url

BETWEEN_SECONDS = 2.0, 5.0
UNHEARD_SECONDS = 0.0, 1.5
"""How long the old primary takes writes that it can't replicate, and so doesn't confirm."""
UNPROMOTED_SECONDS = 0.0, 3.0
"""How long the address leads to a standby that can only be read."""
DOWN_SECONDS = 0.0, 4.0
"""How long the server is down before it is started again."""


def _fail_over(tools: Tools) -> None:
    replicas, proxy = tools.site.backing.replicas, tools.site.backing.proxy
    assert replicas is not None
    assert proxy is not None
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        if tools.random.random() < 0.5:
            replicas.cut_off_standby()
            tools.wait(tools.random.uniform(*UNHEARD_SECONDS))
        replicas.lose_primary()
        proxy.redirect(database_url(replicas.standby))
        tools.wait(tools.random.uniform(*UNPROMOTED_SECONDS))
        replicas.promote()
        replicas.add_standby()
        tools.count("failover")


failover = Fault(_fail_over, check=need_postgresql, replicated=True, spares_loaded=True)


def _restart(tools: Tools) -> None:
    replicas = tools.site.backing.replicas
    assert replicas is not None
    while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
        kills = tools.random.random() < 0.5
        replicas.stop_primary(kills=kills)
        tools.wait(tools.random.uniform(*DOWN_SECONDS))
        replicas.start_primary()
        tools.count("killed" if kills else "restarted")


restarted = Fault(_restart, check=need_postgresql, replicated=True, spares_loaded=True)
