"""`fitserve variants`: smaller and faster networks of a version."""

from typing import Any

import click

from service.commands.command import ServiceGroup, Session
from service.commands.output import describe, describe_moment, print_items, print_json, print_members, print_table
from service.commands.parameters import VARIANT_TYPE, takes_metadata
from service.commands.watching import going_on, leave

FIGURES = (
    "bytes", "version_bytes", "quantized", "unquantized", "split", "rows", "calibration_rows", "compared", "drop",
    "agreement", "speedup", "certified",
)  # fmt: skip


@click.group(cls=ServiceGroup)
def variants() -> None:
    """Manage variants: smaller and faster networks of a version."""


@variants.command("create")
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
@click.option("--type", type=VARIANT_TYPE, default="int8", show_default=True, help="Type of the variant.")
@click.option("--max-accuracy-drop", type=click.FloatRange(0, 1), help="Largest drop that is allowed; default: 0.01.")
@click.option("--dataset", help="Dataset to calibrate and measure on; default: that of the training.")
@click.option(
    "--dataset-version", type=click.IntRange(1), help="Version of the dataset; default: that of the training."
)
@takes_metadata
@click.option("--detach", is_flag=True, help="Create the job, print its id and exit.")
def create_variant(session: Session, model: str, version: int, detach: bool, **chosen: Any) -> None:
    """Make a variant of a VERSION of MODEL, and compare it with the version.

    The exit code is 0 if the job succeeded, 1 if it failed, also because the accuracy dropped too far, 2 if it was
    cancelled. Ctrl-C stops waiting; the job continues.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    client = session.client
    job = client.models.make_variant(model, version, **given)
    if detach:
        return print_json(job) if session.as_json else click.echo(job["id"])
    with going_on(
        f"fitserve variants show {model} {version} shows it, fitserve variants delete {model} {version} ends it"
    ):
        job = client.variant_jobs.wait(job["id"])
    measured = job["result"] or (job["error"] or {}).get("figures") or {}
    _show(session, job, {"job": job["id"], "model": model}, measured)
    leave(job)


@variants.command("list")
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
def list_variants(session: Session, model: str, version: int) -> None:
    """List the variants of a VERSION of MODEL."""
    members = ("type", "status", "bytes", "version_bytes", "drop", "agreement", "speedup")
    print_items(
        session.client.models.variants(model, version),
        (*members, "certified", "created"),
        lambda item: (
            *(item[name] for name in members), _describe_certified(item, item), describe_moment(item["created_at"]),
        ),
        as_json=session.as_json,
    )  # fmt: skip


@variants.command("show")
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
@click.argument("type", type=VARIANT_TYPE, default="int8")
def show_variant(session: Session, model: str, version: int, type: str) -> None:
    """Show a variant in comparison with its version; TYPE is int8."""
    item = session.client.models.variant(model, version, type)
    _show(session, item, {"job": item["job"], "newer_job": item["newer_job"], "model": model}, item)


@variants.command("delete")
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
@click.argument("type", type=VARIANT_TYPE, default="int8")
def delete_variant(session: Session, model: str, version: int, type: str) -> None:
    """Delete a variant, or cancel the job that is making it; TYPE is int8."""
    session.client.models.delete_variant(model, version, type)


def _show(session: Session, document: dict[str, Any], named: dict[str, Any], measured: dict[str, Any]) -> None:
    """Print a variant or the job that made it, with what was measured of it."""
    if session.as_json:
        return print_json(document)
    members = ("version", "type", "status", "dataset", "dataset_version", "max_accuracy_drop")
    shown = named | {name: document[name] for name in members}
    figures = {name: measured.get(name) for name in FIGURES}
    figures["certified"] = _describe_certified(document, measured)
    shown |= {name: value for name, value in figures.items() if value != {}}
    error = document["error"]
    warnings = [warning["detail"] for warning in measured.get("warnings", ())]
    print_members(shown | {"warnings": warnings or None, "error": error and error["detail"]})
    _print_metrics(measured.get("metrics"))


def _describe_certified(document: dict[str, Any], measured: dict[str, Any]) -> str | None:
    """Whether a variant is certified; None if a job failed before it measured that."""
    if document["status"] == "processing":
        return "not yet"
    return describe(measured["certified"]) if "certified" in measured else None


def _print_metrics(metrics: dict[str, dict[str, float | None]] | None) -> None:
    if metrics is None:
        return
    click.echo()
    version, variant = metrics["version"], metrics["variant"]
    print_table(("metric", "version", "variant"), ((name, version[name], variant.get(name)) for name in version))
