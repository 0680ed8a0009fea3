"""`fitserve evaluate` and `fitserve evaluations`: metrics of a version on the rows of a dataset."""

from itertools import islice
from typing import Any

import click

from service.commands.command import ServiceCommand, ServiceGroup, Session
from service.commands.output import describe, describe_moment, print_items, print_json, print_members, print_table
from service.commands.parameters import VARIANT_TYPE, takes_metadata, which_jobs
from service.commands.watching import going_on, leave

MOST_CLASSES = 20
"""The size up to which a confusion matrix is readable."""
DECIDED = ("positive_class", "threshold")
"""What decides which class a row counts as predicted; null if it doesn't apply."""


@click.command(cls=ServiceCommand)
@click.argument("model")
@click.argument("dataset")
@click.option("--dataset-version", type=click.IntRange(1), help="Version of the dataset; default: the newest.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--version", type=click.IntRange(1), help="Version number; default: the latest.")
@click.option("--label", help="Label of the version.")
@click.option(
    "--variant", type=VARIANT_TYPE, help="Variant of the version; default: the label's, or the version itself."
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Score from which a class counts as predicted.")
@takes_metadata
@click.option("--detach", is_flag=True, help="Create the evaluation, print its id and exit.")
def evaluate(session: Session, model: str, dataset: str, split: str, detach: bool, **chosen: Any) -> None:
    """Evaluate a version of MODEL, or its variant, on the rows of DATASET.

    The exit code is 0 if the evaluation succeeded, 1 if it failed, 2 if it was cancelled. Ctrl-C stops waiting; the
    evaluation continues.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    evaluations = session.client.evaluations
    evaluation = evaluations.create(model, dataset, split=split, **given)
    if detach:
        return print_json(evaluation) if session.as_json else click.echo(evaluation["id"])
    with going_on(f"fitserve evaluations show {evaluation['id']} shows it"):
        evaluation = evaluations.wait(evaluation["id"])
    _show(session, evaluation)
    leave(evaluation)


@click.group(cls=ServiceGroup)
def evaluations() -> None:
    """Manage evaluations."""


@evaluations.command("list")
@which_jobs
def list_evaluations(session: Session, limit: int, **filters: Any) -> None:
    """List evaluations, newest first."""
    members = ("id", "model", "version", "variant", "dataset", "dataset_version", "split", "status")
    print_items(
        islice(session.client.evaluations.list(**filters), limit),
        (*members, "created"),
        lambda item: (*(item[name] for name in members), describe_moment(item["created_at"])),
        as_json=session.as_json,
    )


@evaluations.command("show")
@click.argument("evaluation")
def show_evaluation(session: Session, evaluation: str) -> None:
    """Show an evaluation and its result."""
    _show(session, session.client.evaluations.get(evaluation))


@evaluations.command("cancel")
@click.argument("evaluation")
def cancel_evaluation(session: Session, evaluation: str) -> None:
    """Cancel an evaluation."""
    _show(session, session.client.evaluations.cancel(evaluation))


@evaluations.command("delete")
@click.argument("evaluation")
def delete_evaluation(session: Session, evaluation: str) -> None:
    """Delete a finished evaluation."""
    session.client.evaluations.delete(evaluation)


def _show(session: Session, evaluation: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(evaluation)
    members = ("id", "model", "version", "variant", "dataset", "dataset_version", "split", "status", "status_reason")
    error, result = evaluation["error"], evaluation["result"]
    decided = {} if result is None else {name: result[name] for name in DECIDED if result[name] is not None}
    figures = {} if result is None else decided | {"loss": result["loss"], **result["metrics"]}
    warnings = [] if result is None else [warning["detail"] for warning in result["warnings"]]
    figures |= {} if result is None else {"baseline": result["baseline"], "warnings": warnings or None}
    shown = {name: evaluation[name] for name in members} | {"metadata": evaluation["metadata"] or None}
    shown |= {"error": error and error["detail"]}
    print_members(shown | figures)
    if result is not None:
        _show_classes(result)


def _show_classes(result: dict[str, Any]) -> None:
    """Print per-class metrics, and the confusion matrix if it is small."""
    if result["per_class"]:
        columns = ("label", "precision", "recall", "f1", "support")
        click.echo()
        print_table(columns, ([line[column] for column in columns] for line in result["per_class"]))
    matrix = result["confusion_matrix"]
    if matrix and len(matrix) <= MOST_CLASSES:
        classes = [describe(name) for name in result["classes"]]
        click.echo("\nRows are the true classes, columns the predicted ones.")
        print_table(("", *classes), ([name, *line] for name, line in zip(classes, matrix, strict=True)))
    if result["calibration"]:
        columns = ("lower", "upper", "count", "mean_score", "share")
        click.echo("\nCalibration: the share of true cases, by score.")
        filled = [line for line in result["calibration"] if line["count"]]
        print_table(columns, ([line[column] for column in columns] for line in filled))
