"""`fitserve models`: specs of networks, their versions and labels."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from service.commands.command import ServiceGroup, Session
from service.commands.output import describe_moment, print_items, print_json, print_members, print_table
from service.commands.parameters import (
    CLASS_NAMES,
    JSON_DOCUMENT,
    VARIANT_TYPE,
    filters_by_metadata,
    takes_metadata,
    with_metadata,
)

ARTIFACTS = ("onnx", "keras", "saved_model", "preprocessing")
TASKS = ("regression", "binary", "multiclass", "multilabel")
SUFFIXES = {"onnx": ".onnx", "keras": ".keras", "saved_model": ".zip", "preprocessing": ".json"}


@click.group(cls=ServiceGroup)
def models() -> None:
    """Manage models, their versions and labels."""


@models.command("list")
@click.option("--status", type=click.Choice(["building", "ready", "failed"]), help="Filter by status.")
@click.option("--task", type=click.Choice(TASKS), help="Filter by task.")
@click.option("--sort", type=click.Choice(["name", "-name", "created_at", "-created_at"]), default="-created_at")
@filters_by_metadata
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of items.")
def list_models(session: Session, limit: int, **filters: Any) -> None:
    """List models, newest first."""
    members = ("name", "task", "status", "latest_version", "labels")
    print_items(
        islice(session.client.models.list(**filters), limit),
        ("name", "task", "status", "latest version", "labels", "created"),
        lambda item: (*(item[name] for name in members), _created(item)),
        as_json=session.as_json,
    )


@models.command("show")
@click.argument("name")
def show_model(session: Session, name: str) -> None:
    """Show a model and its layers."""
    model = session.client.models.get(name)
    if not session.as_json:
        model = model | {"labels": _describe_labels(session, model)}
    _show(session, model)


def _describe_labels(session: Session, model: dict[str, Any]) -> dict[str, str]:
    """What each label points to: a version, or a variant of one."""
    found = session.client.models.labels(model["name"]) if model["labels"] else ()
    return {
        one["label"]: str(one["version"]) + ("" if one["variant"] is None else f" ({one['variant']})") for one in found
    }


@models.command("create")
@click.argument("spec", type=JSON_DOCUMENT)
@click.option("--dry-run", is_flag=True, help="Build and show the model without saving it.")
@click.option("--serve", metavar="LABEL", help="Label whose version predicts by default, instead of the latest.")
@takes_metadata
def create_model(
    session: Session, spec: dict[str, Any], dry_run: bool, serve: str | None, metadata: dict[str, str] | None
) -> None:
    """Create a model from SPEC: a JSON file, - for standard input, or the JSON itself."""
    spec = with_metadata(spec, metadata) | ({} if serve is None else {"serve": serve})
    models = session.client.models
    _show(session, models.check(spec) if dry_run else models.create(spec))


@models.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Name of a new model.")
@click.option("--to", metavar="MODEL", help="Instead of --name: add a version to this model.")
@click.option("--task", type=click.Choice(TASKS), help="What the model predicts; default: inferred from the file.")
@click.option("--classes", type=CLASS_NAMES, help='Classes in the order of the outputs: \'["cat", "dog"]\' or cat,dog.')
@click.option("--input", "input_", type=JSON_DOCUMENT, help='Such as \'{"scaling": "unit"}\' for images.')
@click.option("--description", help="Free text.")
@takes_metadata
def import_model(
    session: Session, file: Path, name: str | None, to: str | None, input_: dict[str, Any] | None, **options: Any
) -> None:
    """Create a model from the FILE of a network that was trained elsewhere: .keras, .h5 or .onnx.

    With --to, add a version to an existing model; omitted options are those of the model.
    """
    if (name is None) == (to is None):
        raise click.UsageError("Give either --name or --to.")
    if name is not None:
        return _show(session, session.client.import_model(file, name, input=input_, **options))
    if options.pop("description") is not None or options.pop("metadata") is not None:
        raise click.UsageError("--description and --metadata belong to a new model.")
    version = session.client.models.add_version(str(to), file, input=input_, **options)
    if session.as_json:
        return print_json(version)
    click.echo(f"{to}: version {version['version']} from {version['source']['file']}")
    _print_notes(version)


@models.command("delete")
@click.argument("name")
def delete_model(session: Session, name: str) -> None:
    """Delete a model with its versions and labels."""
    session.client.models.delete(name)


@models.command("versions")
@click.argument("name")
def list_versions(session: Session, name: str) -> None:
    """List a model's versions, newest first."""
    print_items(
        session.client.models.versions(name),
        ("version", "dataset", "training job", "metrics", "created"),
        lambda item: (item["version"], item["dataset"], item["training_job"], _best(item), _created(item)),
        as_json=session.as_json,
    )


@models.command("download")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@click.option("--format", "format_", type=click.Choice(ARTIFACTS), default="onnx", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def download(session: Session, name: str, version: int, format_: str, output: Path | None) -> None:
    """Download an artifact of a version."""
    target = output or Path(f"{name}-{version}{SUFFIXES[format_]}")
    try:
        written = session.client.models.download(name, version, format_, target)
    except OSError as error:
        raise click.UsageError(f"{target} can't be written: {error.strerror}.") from None
    if session.as_json:
        return print_json({"file": str(target), "bytes": written})
    click.echo(f"{target}: {written:,} bytes")


@models.command("labels")
@click.argument("name")
def list_labels(session: Session, name: str) -> None:
    """List a model's labels."""
    print_items(
        session.client.models.labels(name),
        ("label", "version", "variant"),
        lambda item: (item["label"], item["version"], item["variant"]),
        as_json=session.as_json,
    )


@models.command("label")
@click.argument("name")
@click.argument("label")
@click.argument("version", type=click.IntRange(1))
@click.option("--variant", type=VARIANT_TYPE, help="Variant of the version; default: the version itself.")
def set_label(session: Session, name: str, label: str, version: int, variant: str | None) -> None:
    """Point LABEL to VERSION, or to a variant of it."""
    document = session.client.models.set_label(name, label, version, variant)
    if session.as_json:
        return print_json(document)
    click.echo(f"{label}: {'' if variant is None else f'variant {variant} of '}version {version} of {name}")


@models.command("serve")
@click.argument("name")
@click.argument("label", required=False)
@click.option("--latest", is_flag=True, help="Serve the latest version, as a new model does.")
def serve(session: Session, name: str, label: str | None, latest: bool) -> None:
    """Let the version of LABEL predict by default, or the latest version with --latest."""
    if latest == (label is not None):
        raise click.UsageError("Give either a LABEL or --latest.")
    document = session.client.models.serve(name, label)
    if session.as_json:
        return print_json(document)
    click.echo(f"{name}: predicts with {'the latest version' if label is None else f'the label {label}'} by default")


@models.command("threshold")
@click.argument("name")
@click.argument("threshold", type=click.FloatRange(0, 1), required=False)
@click.option("--default", is_flag=True, help="Use 0.5, as a new model does.")
def set_threshold(session: Session, name: str, threshold: float | None, default: bool) -> None:
    """Set the score from which a class counts as predicted, in new predictions and jobs of all versions."""
    if default == (threshold is not None):
        raise click.UsageError("Give either a THRESHOLD or --default.")
    document = session.client.models.set_threshold(name, threshold)
    if session.as_json:
        return print_json(document)
    click.echo(f"{name}: a class counts as predicted from the score {document['threshold']:g} on")


@models.command("unlabel")
@click.argument("name")
@click.argument("label")
def delete_label(session: Session, name: str, label: str) -> None:
    """Delete LABEL; its version stays."""
    session.client.models.delete_label(name, label)


def _show(session: Session, model: dict[str, Any]) -> None:
    if session.as_json:
        return print_json(model)
    members = (
        "name", "task", "description", "status", "latest_version", "labels", "serve", "metadata", "loss", "threshold",
    )  # fmt: skip
    unset = {name for name in members if model[name] in ("", {})} | ({"serve"} if model["serve"] is None else set())
    shown = {name: model[name] for name in members if name not in unset}
    error, summary, source = model["error"], model["summary"], model["source"]
    shown |= {} if source is None else {"file": source["file"], "trainable": model["trainable"]}
    print_members(shown | {"parameters": summary and summary["parameters"], "error": error and error["detail"]})
    _print_notes(model)
    if summary is None:
        return
    click.echo()
    columns = ("name", "type", "output_shape", "parameters")
    rows = ([layer[column] for column in columns] for layer in summary["layers"])
    print_table(("layer", "type", "output shape", "parameters"), rows)


def _print_notes(imported: dict[str, Any]) -> None:
    for note in imported["notes"]:
        click.echo(f"Note: {note}")


def _created(item: dict[str, Any]) -> str | None:
    return describe_moment(item["created_at"])


def _best(version: dict[str, Any]) -> Any:
    """The most meaningful metrics of a version: those of the test rows, if there are any."""
    metrics = version["metrics"]
    return next((metrics[split] for split in ("test", "validation", "train") if metrics.get(split)), None)
