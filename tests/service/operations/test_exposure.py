"""Which addresses a service may listen on, with keys and without."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from service.config import Settings
from service.context import Context
from service.environment import InvalidSettings
from service.operations.access import keys
from service.operations.access.exposure import check_exposure, log_exposure
from tests.databases import make_database

OPEN = "0.0.0.0"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a migrated service."""
    settings = Settings(data_dir=tmp_path)
    make_database(settings)
    return settings


def make_key(settings: Settings) -> None:
    """Make a key and revoke it: every service with keys can come to have only such ones."""
    context = Context.from_settings(settings)
    key, _ = keys.create(context, "gone", ["admin"])
    keys.revoke(context, key.id)
    context.database.close()


def test_without_keys_the_service_does_not_listen_where_other_machines_reach_it(settings: Settings) -> None:
    check_exposure(settings)
    with pytest.raises(InvalidSettings) as refused:
        check_exposure(replace(settings, host=OPEN))
    assert f'FITSERVE_HOST is "{OPEN}", which other machines can reach' in str(refused.value)
    assert "fitserve keys create" in str(refused.value)
    check_exposure(replace(settings, host=OPEN, allow_anonymous=True))


def test_from_the_first_key_on_it_listens_anywhere_even_if_the_key_is_revoked(settings: Settings) -> None:
    make_key(settings)
    check_exposure(replace(settings, host=OPEN))


def test_the_log_says_whether_requests_need_a_key(settings: Settings) -> None:
    def line(**changed: Any) -> tuple[str, str]:
        with structlog.testing.capture_logs() as lines:
            log_exposure(replace(settings, **changed))
        return lines[0]["log_level"], lines[0]["event"]

    assert line() == ("info", "the service has no API key: everybody on this machine may use it")
    assert line(host=OPEN) == ("warning", "the service has no API key: everybody may use it from other machines")
    make_key(settings)
    assert line(host=OPEN) == ("info", "requests need an API key")
