"""The list of training jobs, and the page of one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask import Response, request

from models.gain import NO_GAIN
from service import statuses
from service.api.contract.schemas.snapshots import SnapshotSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.epoch_columns import to_columns
from service.api.ui.job_tree import read_tree
from service.api.ui.newest_jobs import newest_jobs
from service.api.ui.result_pictures import find_boundary, find_evaluation, result_pictures
from service.operations.jobs import client_jobs, snapshots, training_marks
from service.operations.jobs import events as job_events
from service.operations.jobs.kinds import training
from service.storage.paging import PageQuery

ON_A_PAGE = 50
MOST_OTHERS = 10
FILTERS = ("status", "model", "dataset", "parent")
MOST_POINTS = 800
"""How many epochs the curves have at first."""
MOST_ROWS = 40
"""How many epochs the table has."""
MOST_TRANSITIONS = 50
MOST_SNAPSHOTS = 1000
MOST_OUTPUTS = 200
"""How many outputs and epochs the end of the log has."""
ACTIONS = {
    "pause": (statuses.PAUSED, (statuses.QUEUED, statuses.RUNNING)),
    "resume": (statuses.RUNNING, (statuses.PAUSED, statuses.PAUSING)),
    "stop": (statuses.STOPPED, (statuses.QUEUED, statuses.RUNNING, statuses.PAUSED)),
    "cancel": (statuses.CANCELLED, tuple(status for status in statuses.UNFINISHED if status != statuses.CANCELLING)),
}
"""The buttons of a job: the status that each asks for, and the statuses in which it is shown."""

blueprint = page_blueprint(__name__)


@page(blueprint, "/training-jobs")
def list_jobs() -> Response:
    """The training jobs, newest first."""
    filters = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    cursor = request.args.get("cursor")
    found = client_jobs.list_page(context(), training.KIND, PageQuery(ON_A_PAGE, cursor, filters=filters))
    return show(
        "training-jobs.html",
        "training_jobs",
        jobs=TrainingJobSchema(many=True).dump(found.items),
        filters=filters,
        statuses=statuses.JOB_STATUSES,
        cursor=cursor,
        next_cursor=found.next_cursor,
        others=list(newest_jobs(MOST_OTHERS, but=training.KIND.name, status=statuses.UNFINISHED)),
    )


@page(blueprint, "/training-jobs/<job_id>")
def show_job(job_id: str) -> Response:
    """A training job."""
    # The job is read first: of what happens meanwhile, its events tell the page.
    view = client_jobs.get(context(), training.KIND, job_id)
    job = TrainingJobSchema().dump(view)
    epochs = training.epochs(context(), job_id, points=MOST_POINTS)
    marks = [asdict(mark) for mark in training_marks.read(context(), view)]
    kept, has_more_kept = _snapshots(job_id)
    evaluated = find_evaluation(view)
    return show(
        "training-job.html",
        "training_jobs",
        job=job,
        is_final=job["status"] in statuses.FINAL,
        actions=ACTIONS,
        transitions=job["transitions"][-MOST_TRANSITIONS:],
        finished=_last_epoch(epochs),
        rows=training.choose_evenly(epochs, MOST_ROWS),
        shown=len(epochs),
        marks=marks,
        figures=_figures(job, evaluated),
        pictures=result_pictures(job, evaluated),
        boundary=find_boundary(job),
        is_no_better=any(warning["type"] == NO_GAIN for warning in job["warnings"]),
        snapshots=kept,
        has_more_snapshots=has_more_kept,
        tree=read_tree(context(), view),
        log=job_events.log_tail(context(), job_id, MOST_OUTPUTS),
        curves={
            "job": {name: job[name] for name in ("id", "model", "status", "progress", "best", "last_event", "links")},
            "columns": to_columns(epochs),
            "marks": marks,
            "snapshots": [snapshot["epoch"] for snapshot in kept],
            "most": MOST_POINTS,
        },
    )


def _last_epoch(epochs: Sequence[Mapping[str, Any]]) -> int:
    """How many epochs have ended."""
    return epochs[-1]["epoch"] if epochs else 0


def _snapshots(job_id: str) -> tuple[list[dict[str, Any]], bool]:
    """The snapshots of a job by epoch, at most the last MOST_SNAPSHOTS, and whether there are more."""
    found = snapshots.list_page(context(), job_id, PageQuery(MOST_SNAPSHOTS))
    return SnapshotSchema(many=True).dump(found.items)[::-1], found.next_cursor is not None


def _figures(job: Mapping[str, Any], evaluated: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The metrics of a job by name: of its last epoch on the training and the validation rows, of the evaluation on
    the test rows, and of the naive guess, on the validation rows if there are any."""
    last, baseline = job["metrics"] or {}, job["baseline"] or {}
    result = evaluated["result"] if evaluated else {"metrics": {}}
    tested = {"loss": result.get("loss"), **result["metrics"]}
    return [
        {
            "name": name,
            "train": last.get(name),
            "validation": last.get(f"val_{name}"),
            "test": tested.get(name),
            "baseline": baseline.get(f"val_{name}", baseline.get(name)),
        }
        for name in dict.fromkeys(name.removeprefix("val_") for name in (*last, *baseline))
    ]
