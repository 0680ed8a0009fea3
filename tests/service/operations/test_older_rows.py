"""Jobs and versions that an older release stored: what they lack has its default."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.context import Context
from service.operations.catalog import models
from service.operations.jobs.kinds import training as training_jobs
from tests.service.operations.stocked import claim, job, make_context, submit, train, versions, work

FIRST_RELEASE = (
    '{"model": "line", "dataset": "line", "epochs": 2, "batch_size": 8, "shuffle": true, "seed": 7, "label": null, '
    '"optimizer": null, "early_stopping": {"monitor": "loss", "patience": 3}, "priority": 5, "queue": "cpu", '
    '"execution": "graph", "gone": 1}'
)
"""A request before there were checkpoints, schedules, class weights and time limits; with a member since removed."""


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return make_context(tmp_path)


def rewrite(context: Context, statement: str, **values: Any) -> None:
    with context.database.write() as session:
        session.execute(text(statement), values)


def test_a_training_that_waited_over_an_upgrade_runs(context: Context) -> None:
    job_id = submit(context)
    rewrite(context, "UPDATE jobs SET request = :request WHERE id = :id", request=FIRST_RELEASE, id=job_id)
    lease, claimed = claim(context)
    request = training_jobs.KIND.describe(context, claimed).request
    assert (request.epochs, request.batch_size, request.seed) == (2, 8, 7)
    assert (request.checkpoint_seconds, request.time_limit_seconds, request.class_weights) == (60.0, None, None)
    assert request.early_stopping is not None
    assert (request.early_stopping.patience, request.early_stopping.restore_best) == (3, True)
    assert lease.job_id == job_id
    training_jobs.change(context, job_id, {"epochs": 4})
    changed = job(context, job_id)
    assert changed is not None
    assert [order.epochs for order in changed.orders] == [4]


def test_an_order_of_an_older_release_is_obeyed(context: Context) -> None:
    job_id = submit(context)
    rewrite(
        context, "UPDATE jobs SET orders = :orders WHERE id = :id", orders='[{"number": 1, "epochs": 9}]', id=job_id
    )
    _, claimed = claim(context)
    (order,) = training_jobs.KIND.describe(context, claimed).orders
    assert (order.epochs, order.learning_rate, order.earliest, order.step) == (9, None, 1, None)


def test_a_build_that_waited_over_an_upgrade_makes_its_model_ready(context: Context) -> None:
    document = {
        "name": "later", "task": "regression", "description": "", "input": {"shape": [1]},
        "layers": [{"type": "Dense", "units": 1}], "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
    }  # fmt: skip
    models.create(context, document)
    lacking = "UPDATE jobs SET request = json_remove(request, '$.made_for') WHERE kind = 'build' AND status = 'queued'"
    rewrite(context, lacking)
    work(context)
    assert models.get(context, "later").model.status == "ready"


@pytest.mark.parametrize("member", ["reason", "classes", "inputs", "artifacts"])
def test_a_version_of_an_older_release_is_read(member: str, context: Context) -> None:
    train(context)
    work(context)
    rewrite(context, f"UPDATE versions SET details = json_remove(details, '$.{member}')")
    (version,) = versions(context)
    assert version.details.servable
    assert version.details.metrics["train"] == {"loss": 0.1}
