"""`fitserve predict`: predictions for rows or images."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.output import describe, print_json, print_table
from service.commands.parameters import VARIANT_TYPE

TOO_LARGE = ("body-too-large", "answer-too-large", "prediction-timeout")
BATCHES = "A batch prediction takes files of any size: curl -F model={model} -F {file} {url}/v1/batch-predictions"


@click.command(cls=ServiceCommand)
@click.argument("model")
@click.argument("rows", nargs=-1)
@click.option("--job", help="Predict with a snapshot of this training job instead of a model; omit MODEL.")
@click.option("--epoch", help="Epoch of the snapshot, or `best`; default: the latest.")
@click.option("--version", type=click.IntRange(1), help="Version number; default: the one that the model serves.")
@click.option("--label", help="Label of the version.")
@click.option(
    "--variant", type=VARIANT_TYPE, help="Variant of the version; default: the label's, or the version itself."
)
@click.option("--top", type=click.IntRange(1), help="Number of best classes to show per row.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Score from which a class counts as predicted.")
@click.option("--extra", type=click.Choice(["refuse", "ignore"]), help="What unknown columns are; default: a fault.")
def predict(
    session: Session,
    model: str,
    rows: tuple[str, ...],
    job: str | None,
    epoch: str | None,
    version: int | None,
    label: str | None,
    variant: str | None,
    top: int | None,
    threshold: float | None,
    extra: str | None,
) -> None:
    """Predict with MODEL for ROWS, or with --job and --epoch for ROWS at the end of an epoch of a training.

    ROWS is JSON ('[[1, 2]]', or '{"width": 1.2}' for one row of a table), a file of rows in the form of the
    dataset's file (.csv, .json, .jsonl, .parquet, also compressed: .gz, .zst), an array (.npy), one or more images
    (.png, .jpg, .webp, .gif, .bmp, .tiff), or - for JSON from standard input.
    """
    options: dict[str, Any] = {"top": top, "scores": session.as_json, "threshold": threshold, "extra": extra}
    client = session.client
    if version is not None and label is not None:
        raise click.UsageError("Give --version or --label, not both.")
    if job is None and epoch is not None:
        raise click.UsageError("--epoch needs --job.")
    if job is not None:
        if version is not None or label is not None or variant is not None:
            raise click.UsageError("Give --job, or --version, --label and --variant, not both.")
        rows = (model, *rows)
        options |= {"epoch": epoch or "latest"}
    else:
        options |= {"version": version, "label": label, "variant": variant}
    if not rows:
        raise click.UsageError("Missing argument 'ROWS...'.")
    try:
        if (given := _given_rows(rows)) is None:
            answer = _predict_files(session, model, job, rows, options)
        elif job is not None:
            answer = client.predict_with_snapshot(job, given, **options)
        else:
            answer = client.predict(model, given, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f'"{error.filename}" can\'t be read: {error.strerror}.') from None
    if session.as_json:
        return print_json(answer)
    _show(answer, rows)


def _predict_files(
    session: Session, model: str, job: str | None, rows: Sequence[str], options: dict[str, Any]
) -> dict[str, Any]:
    """The answer for files. If they are too large for one prediction with a model, says what takes them."""
    from fitserve_client import RequestFailed

    if job is not None:
        return session.client.predict_files_with_snapshot(job, rows, **options)
    try:
        answer: dict[str, Any] = session.client.predict_files(model, rows, **options)
    except RequestFailed as failure:
        if failure.code in TOO_LARGE:
            file = shlex.quote(f"file=@{rows[0]}")
            click.echo(BATCHES.format(model=model, file=file, url=session.client.connection.url), err=True)
        raise
    return answer


def _given_rows(rows: Sequence[str]) -> list[Any] | None:
    """The rows if given as JSON or on standard input; None if files are given. Raises ValueError."""
    from fitserve_client.bodies import read_instances

    (first, *others) = rows
    if first != "-" and not first.lstrip().startswith(("[", "{")):
        return None
    if others:
        raise ValueError("JSON rows must be one argument; quote it.")
    return read_instances(sys.stdin.buffer.read() if first == "-" else first.encode())


def _show(answer: dict[str, Any], rows: Sequence[str]) -> None:
    """Print one line per row; warnings go to standard error."""
    predictions = answer["predictions"]
    names = [Path(row).name for row in rows] if len(rows) > 1 else range(len(predictions))
    first = predictions[0] if predictions else {}
    columns = [name for name in ("group", "after", "label", "labels", "score", "value", "top") if name in first]
    for prediction in predictions:
        if "top" in prediction:
            prediction["top"] = {describe(best["label"]): best["score"] for best in prediction["top"]}
    lines = ([name, *map(prediction.get, columns)] for name, prediction in zip(names, predictions, strict=True))
    print_table(["row", *columns], lines)
    for warning in answer["warnings"]:
        column = "" if warning.get("column") is None else f", {warning['column']}"
        where = "" if warning["row"] is None else f"row {warning['row']}{column}: "
        click.echo(f"Warning: {where}{describe(warning['detail'])}", err=True)
