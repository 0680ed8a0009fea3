"""Free space on the disks. With less than `min_free_bytes`, nothing more is stored; predictions, reads and deletions
continue.

This is the only place with that rule: the front applies it to requests, the worker to claims, `/readyz` shows it.
"""

import contextlib

from service.context import Context
from service.errors import DiskFull

OWNERS = DATABASE, ARTIFACTS = ("database", "artifacts")


def free_bytes(context: Context, owner: str) -> int | None:
    """The free bytes on the disk of the database (None for a server) or of the artifacts. Raises OSError."""
    return context.database.free_bytes() if owner == DATABASE else context.artifacts.free_bytes()


def describe_shortage(context: Context, owner: str, free: int | None) -> str | None:
    """Why nothing more may be stored on the disk of an owner with so many free bytes; None if it may."""
    least = context.settings.min_free_bytes
    if free is None or free >= least:
        return None
    return f"The disk of the {owner} has {free:,} bytes free; {least:,} are required."


def find_shortage(context: Context) -> str | None:
    """Why nothing more may be stored; None if it may, or if the disk can't be read: then the write itself fails."""
    with contextlib.suppress(OSError):
        for owner in OWNERS:
            shortage = describe_shortage(context, owner, free_bytes(context, owner))
            if shortage is not None:
                return shortage
    return None


def require(context: Context) -> None:
    """Raises DiskFull if nothing more may be stored."""
    shortage = find_shortage(context)
    if shortage is not None:
        raise DiskFull(f"{shortage} Nothing was saved. Delete resources that you no longer need, then retry.")
