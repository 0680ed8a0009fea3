"""The files of variants are kept, verified, backed up, counted and removed as those of versions are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.predictor import Predictor
from service.callers import DEFAULT_PROJECT
from service.config import Settings
from service.context import Context
from service.operations.access import projects
from service.operations.catalog import variants, versions
from service.operations.inference.predictions import PredictionService, Wanted
from service.operations.jobs.kinds import batch_prediction
from service.operations.upkeep import backups, housekeeping
from service.operations.upkeep.verification import Verification, verify
from service.storage.database import migrate
from tests.contexts import default_context
from tests.databases import KINDS, migrated_settings
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked

REQUEST: dict[str, Any] = {"type": "int8", "dataset": None, "dataset_version": None, "max_accuracy_drop": 0.01}
BATCH: dict[str, Any] = {"model": "line", "version": 1, "label": None, "dataset": "line", "split": None}
VARIANT = Wanted(DEFAULT_PROJECT, "line", 1, variant="int8")


@pytest.fixture(params=KINDS)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """With a version of `line`, and its variant."""
    with migrated_settings(request.param, tmp_path / "here", orphan_hours=0.1) as settings:
        context = stocked.stock(settings)
        stocked.train(context)
        make(context)
        yield context
        context.database.close()


def make(context: Context) -> None:
    variants.create(context, REQUEST, model_name="line", number=1)
    FakeWorker(context).run_all()


def files(context: Context) -> set[str]:
    return {path.name for path in context.artifacts.root.glob("variants/*/*/*")}


def folders(context: Context) -> list[str]:
    return sorted(path.name for path in context.artifacts.root.glob("variants/*/*"))


def look(context: Context) -> Verification:
    return verify(context, lambda done, total: None)


def predict(predictor: Predictor) -> float:
    value: float = predictor.predict([[2]]).predictions[0]["value"]
    return value


def clean_up_later(context: Context) -> None:
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(hours=1))


def test_the_cleanup_keeps_what_a_variant_needs_and_removes_the_rest(context: Context) -> None:
    leftover = context.artifacts.root / "variants" / "md_gone" / "va_gone-1"
    leftover.mkdir(parents=True)
    clean_up_later(context)
    assert not leftover.exists()
    assert files(context) == {"network.onnx", "preprocessing.json", "SHA256SUMS"}


def test_a_damaged_file_is_found(context: Context) -> None:
    assert look(context).damages == []
    (network,) = context.artifacts.root.glob("variants/*/*/network.onnx")
    network.write_bytes(network.read_bytes()[:-1] + b"x")
    (damage,) = look(context).damages
    assert damage.startswith("variants/")


def test_a_backup_contains_variants(context: Context, tmp_path: Path) -> None:
    assert backups.back_up(context, tmp_path / "backup.tar", lambda done, total: None).missing == []
    there = default_context(Settings(data_dir=tmp_path / "there"))
    migrate(there.settings.database_url)
    backups.restore(there, tmp_path / "backup.tar", lambda done, total: None)
    assert predict(PredictionService(there).loaded(VARIANT).predictor) == 4
    assert look(there).damages == []
    there.database.close()


def test_the_networks_of_variants_count_as_stored_bytes(context: Context) -> None:
    before = projects.get(context, DEFAULT_PROJECT).usage.stored_bytes
    size = variants.get(context, "line", 1, "int8").ready
    assert size is not None
    variants.delete(context, "line", 1, "int8")
    assert projects.get(context, DEFAULT_PROJECT).usage.stored_bytes == before - size.bytes


def test_a_process_that_has_resolved_a_replaced_variant_finds_the_new_one(context: Context) -> None:
    service = PredictionService(context)
    old = service.find(VARIANT)
    make(context)
    assert not context.artifacts.folder(old.key).exists()
    assert predict(service.loaded(VARIANT).predictor) == 4
    assert service.find(VARIANT).key != old.key


def test_a_replaced_variant_keeps_its_files_while_a_batch_prediction_may_read_them(context: Context) -> None:
    batch_prediction.create(context, BATCH | {"variant": "int8"})
    worker = FakeWorker(context)
    running = worker.claim("batch_prediction")
    assert running is not None
    variants.create(context, REQUEST, model_name="line", number=1)
    assert worker.run_next("variant")
    assert len(folders(context)) == 2
    worker.finish(*running)
    clean_up_later(context)
    assert len(folders(context)) == 1


def test_versions_that_expire_take_their_variants_with_them(context: Context) -> None:
    stocked.train(context)
    assert versions.delete_unlabelled(context, newest=1) == 1
    assert folders(context) == []
