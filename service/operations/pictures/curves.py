"""The curves of training jobs: the loss and each metric by epoch, on training and validation rows."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from models.values.wording import count_of
from service import statuses
from service.context import Context
from service.event_text import describe_number, metrics_of
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.operations.jobs.orders import current_epochs
from service.storage import jobs as stored_jobs
from service.storage.records import Job

MOST_JOBS = 20
MOST_METRICS = 24
MOST_POINTS = 2000
"""Epochs of a job, at most."""
MOST_NUMBERS = 20_000
"""Epochs of all jobs together, at most."""
MOST_CHANGES = 8
"""A learning rate that changes more often gets a panel of its own instead of marks."""
WIDE = 100.0
"""A loss whose largest value is so many times its smallest has a logarithmic scale."""
VALIDATION = "val_"
LEARNING_RATE = "learning_rate"
STATES = {statuses.SUCCEEDED: "succeeded", statuses.FAILED: "failed", statuses.CANCELLED: "was cancelled"}
LINEAR, LOGARITHMIC = "linear", "logarithmic"


class _Curve(NamedTuple):
    """A job with those of its epochs that are drawn."""

    job: Job
    epochs: list[dict[str, Any]]
    finished: int
    """How many epochs there are."""


def find_unknown(context: Context, job_ids: Sequence[str]) -> list[str]:
    """Those ids that no training job has."""
    with context.database.read() as session:
        known = {job.id for job in stored_jobs.find_all(session, training.KIND.name, job_ids)}
    return [job_id for job_id in job_ids if job_id not in known]


def describe(context: Context, job_ids: Sequence[str], points: int, metric: str | None = None) -> dict[str, Any]:
    """The document of the picture of at most MOST_JOBS jobs, each with at most `points` evenly spaced epochs.

    With `metric`, it has only that one. Raises NotFound.
    """
    most = max(2, min(points, MOST_POINTS, MOST_NUMBERS // len(job_ids)))
    curves = [_read(context, job_id, most) for job_id in dict.fromkeys(job_ids)]
    rates = {curve.job.id: _find_rate_changes(curve.epochs) for curve in curves}
    names = _list_metrics(curves, metric)
    panels = [_describe_panel(name, curves) for name in names[:MOST_METRICS]]
    if metric is None and any(len(changes) > MOST_CHANGES for changes in rates.values()):
        panels.append(_describe_panel(LEARNING_RATE, curves))
    finished, drawn = (sum(counts) for counts in zip(*((c.finished, len(c.epochs)) for c in curves), strict=True))
    left_out = {"omitted_epochs": finished - drawn, "omitted_metrics": max(0, len(names) - MOST_METRICS)}
    return {
        "title": _title(curves),
        "description": _describe_words(curves, names, metric, left_out),
        "jobs": [_describe_job(curve, rates[curve.job.id]) for curve in curves],
        "panels": panels,
        **left_out,
    }


def _read(context: Context, job_id: str, points: int) -> _Curve:
    with context.database.read() as session:
        job = client_jobs.find(session, training.KIND, job_id)
        numbers = stored_jobs.epoch_numbers(session, job)
        chosen = set(training.choose_evenly(numbers, points))
        if job.best is not None and job.best["epoch"] in numbers:
            chosen.add(job.best["epoch"])
        epochs = stored_jobs.epochs(session, job, chosen) if numbers else []
    return _Curve(job, epochs, len(numbers))


def _list_metrics(curves: list[_Curve], metric: str | None) -> list[str]:
    """The metrics without their prefix for validation rows, the loss first."""
    found = {
        name.removeprefix(VALIDATION)
        for curve in curves
        for name in (metrics_of(curve.epochs[-1]) if curve.epochs else ())
    }
    wanted = found if metric is None else found & {metric.removeprefix(VALIDATION)}
    return sorted(wanted, key=lambda name: (name != "loss", not name.endswith("loss"), name))


def _describe_panel(name: str, curves: list[_Curve]) -> dict[str, Any]:
    series = [
        {
            "job": curve.job.id,
            "split": split,
            "epochs": [epoch["epoch"] for epoch in curve.epochs],
            "values": [epoch.get(key) for epoch in curve.epochs],
        }
        for curve in curves
        for split, key in (("train", name), ("validation", f"{VALIDATION}{name}"))
        if any(key in epoch for epoch in curve.epochs)
    ]
    return {"metric": name, "scale": _choose_scale(name, series), "series": series}


def _choose_scale(name: str, series: list[dict[str, Any]]) -> str:
    values = [value for line in series for value in line["values"] if value is not None and math.isfinite(value)]
    is_positive = bool(values) and min(values) > 0
    is_wide = is_positive and max(values) / min(values) >= WIDE
    return LOGARITHMIC if is_wide and (name.endswith("loss") or name == LEARNING_RATE) else LINEAR


def _find_rate_changes(epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The epochs at whose end the learning rate is another one than at the end of the one before."""
    rates = [(epoch["epoch"], epoch[LEARNING_RATE]) for epoch in epochs if epoch.get(LEARNING_RATE) is not None]
    pairs = itertools.pairwise(rates)
    return [{"epoch": epoch, "learning_rate": rate} for (_, before), (epoch, rate) in pairs if rate != before]


def _describe_job(curve: _Curve, changes: list[dict[str, Any]]) -> dict[str, Any]:
    job = curve.job
    return {
        "id": job.id,
        "model": job.model_name,
        "dataset": job.dataset_name,
        "status": job.status,
        "finished_epochs": curve.finished,
        "epochs": current_epochs(job),
        "best": job.best,
        "learning_rate_changes": changes if len(changes) <= MOST_CHANGES else [],
    }


def _title(curves: list[_Curve]) -> str:
    if len(curves) > 1:
        return f"Training curves of {len(curves)} jobs"
    return f"Training curves of {curves[0].job.model_name}"


def _describe_words(curves: list[_Curve], names: list[str], metric: str | None, left_out: dict[str, int]) -> str:
    sentences = [_describe_progress(curves[0]) if len(curves) == 1 else _compare(curves)]
    if metric is not None and not names and any(curve.epochs for curve in curves):
        sentences.append(f'There is no metric "{metric}".')
    if left_out["omitted_epochs"]:
        drawn = sum(len(curve.epochs) for curve in curves)
        finished = drawn + left_out["omitted_epochs"]
        sentences.append(f"Drawn are {drawn:,} of {finished:,} epochs: evenly spaced ones and the best.")
    if omitted := left_out["omitted_metrics"]:
        sentences.append(f"{omitted} of {len(names)} metrics are omitted: ask for one with `metric`.")
    return " ".join(sentences)


def _describe_progress(curve: _Curve) -> str:
    job, total = curve.job, current_epochs(curve.job)
    if not curve.finished:
        return f"No epochs yet: the job {job.id} {STATES.get(job.status, f'is {job.status}')}."
    done = f"{curve.finished:,} of {total:,} epochs" if curve.finished != total else count_of(total, "epoch")
    latest = metrics_of(curve.epochs[-1])
    figures = ", ".join(f"{name} {describe_number(latest[name])}" for name in ("loss", "val_loss") if name in latest)
    status = STATES.get(job.status, f"is {job.status}")
    text = f"The job {job.id} on {job.dataset_name} {status} after {done}."
    text += f" The last one has {figures}." if figures else ""
    return text if job.best is None else f"{text} The best is epoch {_describe_best(job.best)}."


def _compare(curves: list[_Curve]) -> str:
    begun = [curve for curve in curves if curve.finished]
    waiting = len(curves) - len(begun)
    best = [f"{curve.job.id} epoch {_describe_best(curve.job.best)}" for curve in begun if curve.job.best is not None]
    counts = sum(curve.finished for curve in begun)
    text = f"{len(curves)} jobs with {count_of(counts, 'epoch')}." + (
        f" {waiting} of them have none yet." if waiting else ""
    )
    return f"{text} Best: {'; '.join(best)}." if best else text


def _describe_best(best: dict[str, Any]) -> str:
    figures = [f"{name} {describe_number(value)}" for name, value in best.items() if name != "epoch"]
    return f"{best['epoch']:,} with {', '.join(figures)}" if figures else f"{best['epoch']:,}"
