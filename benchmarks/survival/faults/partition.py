"""One of two hosts is cut off from the other one, the database, S3 and the clients."""

import itertools

from benchmarks.survival.backing import need_s3
from benchmarks.survival.scenario import Fault, Tools

BETWEEN_SECONDS = 1.0, 3.0
LONGEST_SECONDS = 60.0


def _cut_off(tools: Tools) -> None:
    """For a minute, or half of the time that there is."""
    longest = min(LONGEST_SECONDS, tools.seconds / 2)
    for number, host in itertools.cycle(enumerate(tools.site.hosts, 1)):
        if tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
            return
        with host.cut_off():
            tools.wait(longest * tools.random.uniform(0.5, 1))
        tools.count(f"host {number} cut off")


partition = Fault(_cut_off, check=need_s3, hosts=2, spares_loaded=True)
