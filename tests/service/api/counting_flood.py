"""Processes that count in the database as fast as they can. A module of its own, because each process imports it."""

import asyncio
import multiprocessing

from service.api.front.database_counter import DatabaseCounter

WINDOW_SECONDS = 600
CLIENTS = 4
"""The requests that a process has at a time."""


def flood(url: str, amount: int, processes: int) -> list[int]:
    """The requests that each process admits in a window before it refuses one."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.starmap(_admit, [(url, amount)] * processes, chunksize=1)


def _admit(url: str, amount: int) -> int:
    return asyncio.run(_admit_all(DatabaseCounter(url), amount))


async def _admit_all(counter: DatabaseCounter, amount: int) -> int:
    admitted = await asyncio.gather(*(_send(counter, amount) for _ in range(CLIENTS)))
    await counter.close()
    return sum(admitted)


async def _send(counter: DatabaseCounter, amount: int) -> int:
    admitted, is_refused = 0, False
    while not is_refused:
        counted = await counter.count("key", WINDOW_SECONDS, amount)
        # None: the other processes kept the database busy for too long.
        is_refused = counted is not None and counted[0] > amount
        admitted += counted is not None and not is_refused
        await asyncio.sleep(0)
    return admitted
