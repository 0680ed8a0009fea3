"""Whether anybody who reaches the service may use it, and who can reach it."""

import contextlib

import structlog

from service.config import Settings
from service.context import Context
from service.environment import InvalidSettings
from service.storage import api_keys
from service.storage.database import retry_while_away

log = structlog.get_logger()


def check_exposure(settings: Settings) -> None:
    """Refuse an address that other machines can reach while the service has no key, unless that is intended.

    The database must be migrated. Keys can't be deleted, so a service that has one never becomes anonymous again.
    Raises InvalidSettings, DatabaseUnavailable, DatabaseUnusable.
    """
    if settings.is_exposed and not settings.allow_anonymous and not _has_keys(settings):
        raise InvalidSettings(
            f'FITSERVE_HOST is "{settings.host}", which other machines can reach, and the service has no API key: '
            "create one with `fitserve keys create NAME --scope admin`, listen on 127.0.0.1, or set "
            "FITSERVE_ALLOW_ANONYMOUS=true if everybody may use the service."
        )


def log_exposure(settings: Settings) -> None:
    """Log whether requests need a key. Raises what `check_exposure` raises of the database."""
    if _has_keys(settings):
        log.info("requests need an API key", host=settings.host)
    elif settings.is_exposed:
        log.warning("the service has no API key: everybody may use it from other machines", host=settings.host)
    else:
        log.info("the service has no API key: everybody on this machine may use it", host=settings.host)


def _has_keys(settings: Settings) -> bool:
    found = False

    def look() -> None:
        nonlocal found
        context = Context.from_settings(settings)
        with contextlib.closing(context.database), context.database.read() as session:
            found = api_keys.any_exists(session)

    retry_while_away(settings.database_url, settings.start_seconds, look)
    return found
