"""`fitserve keys` and `fitserve projects` on a service's database."""

from pathlib import Path

import pytest

from tests.running_service import run_command


def test_a_list_reads_a_database_and_makes_none(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with pytest.raises(AssertionError, match="The database is empty: `fitserve serve` or `fitserve keys create` makes"):
        run_command("keys", "list", data_dir=folder)
    assert not (tmp_path / "fitserve.db").exists()
    run_command("keys", "create", "operator", "--scope", "admin", data_dir=folder)
    assert "operator" in run_command("keys", "list", data_dir=folder)
