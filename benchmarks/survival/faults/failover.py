"""The primary of PostgreSQL goes away for good. A standby takes its place, behind the same address."""

from benchmarks.survival.backing import need_postgresql
from benchmarks.survival.scenario import Fault, Tools
from tests.postgresql_replicas import database_url

BETWEEN_SECONDS = 2.0, 5.0
UNHEARD_SECONDS = 0.0, 1.5
"""How long the old primary takes writes that it can't replicate, and so doesn't confirm."""
UNPROMOTED_SECONDS = 0.0, 3.0
"""How long the address leads to a standby that can only be read."""


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
