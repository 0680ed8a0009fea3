"""Removing what nobody needs any more: expired idempotency keys, and uploads whose request or import was killed."""

import time

from service.context import Context
from service.operations import idempotency
from service.operations.datasets import UPLOADS, upload_key
from service.operations.uploads import STAGING_PREFIX
from service.storage import datasets

ABANDONED_SECONDS = 3600
"""An upload to which nothing was written for so long has no process that still receives it."""


def sweep(context: Context) -> None:
    """Done by every worker now and then; several at once do no harm."""
    idempotency.forget_expired(context)
    moment = time.time() - ABANDONED_SECONDS
    for name in context.artifacts.staged_before(moment, STAGING_PREFIX):
        context.artifacts.discard(name)
    _remove_uploads(context, context.artifacts.published_before(moment, UPLOADS))


def _remove_uploads(context: Context, dataset_ids: list[str]) -> None:
    """Remove those of these uploads that no import waits for."""
    if not dataset_ids:
        return
    with context.database.read() as session:
        needed = datasets.being_imported(session, dataset_ids)
    for dataset_id in set(dataset_ids) - needed:
        context.artifacts.remove(upload_key(dataset_id))
