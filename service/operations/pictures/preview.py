"""A dataset at a glance."""

from typing import Any

from models.datasets import Dataset as DatasetFiles
from models.previews import make_preview
from models.values.wording import count_of
from service.context import Context
from service.operations.catalog.datasets import find_data
from service.operations.stored_files import unless_deleted
from service.storage import datasets


def describe(
    context: Context, name: str, split: str | None = None, count: int | None = None, number: int | None = None
) -> dict[str, Any]:
    """What the `preview` picture of a dataset shows: models/previews.

    It is of the version `number`, or of the newest one. Raises NotFound, NotReady, DamagedDataset.
    """
    version = find_data(context, name, number)
    with unless_deleted(context, f'The dataset "{name}"', lambda session: datasets.version_by_id(session, version.id)):
        preview = make_preview(DatasetFiles.open(context.artifacts.folder(version.folder or "")), split, count)
    subtitle = summarize(preview)
    about = {"title": name, "subtitle": subtitle, "description": f"{name}: {subtitle}.", "dataset": name}
    return about | {"dataset_version": version.number} | preview


def summarize(preview: dict[str, Any]) -> str:
    """What the dataset has, such as `90 rows in train · target "species": 3 classes`."""
    where = f"in {preview['split']}" if preview["split"] else "in all splits"
    target = preview["target"]
    noun = "class" if target["found"] == 1 else "classes"
    classes = "" if target["classes"] is None else f": {target['found']:,} {noun}"
    return f'{count_of(preview["rows"], "row")} {where} · target "{target["name"]}"{classes}'
