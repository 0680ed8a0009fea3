"""Checks the jobs whose model and dataset have become ready. Every worker does; none of them needs a free slot."""

import structlog

from service.context import Context
from service.errors import ArtifactsUnavailable, StorageError
from service.operations.jobs import waiting
from service.worker import failures

log = structlog.get_logger()


def check_waiting_jobs(context: Context) -> None:
    """Let workers claim the jobs that waited and can succeed now, and end the others as failed.

    A job whose files can't be read now waits on. Raises StorageError; ArtifactsUnavailable only after all other jobs.
    """
    unreadable: ArtifactsUnavailable | None = None
    for job_id in waiting.find_checkable(context):
        try:
            waiting.check(context, job_id)
        except ArtifactsUnavailable as error:
            unreadable = error
        except StorageError:
            raise
        except Exception as error:
            failure = failures.flatten(error)
            if failure["code"] == failures.INTERNAL:
                log.exception("job failed", job_id=job_id, **waiting.describe_origin(context, job_id))
            waiting.refuse(context, job_id, failure)
    if unreadable is not None:
        raise unreadable
