"""The resources of a service, one class per kind. Arguments and results are the documents of the HTTP contract."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fitserve_client import statuses
from fitserve_client.bodies import PIECE_BYTES, Upload, form_fields, upload_form
from fitserve_client.connection import LOST, Connection, RequestFailed, read_retry_after
from fitserve_client.following import JobEvent, follow
from fitserve_client.values import plain

Document = dict[str, Any]
Documents = list[Document]

LONGEST_WAIT = 60
"""The longest `Prefer: wait` that the service accepts, in seconds."""
PAGE = 100
RESULT_TYPES = {
    ".csv": "text/csv",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
}
"""Content types of a batch prediction's result, by suffix of the target file."""


class Resources:
    """One kind of resource."""

    path: str
    finished: tuple[str, ...] = ()

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, metadata: dict[str, str] | None = None, **filters: Any) -> Iterator[Document]:
        """Yield all items, newest first. `filters` are the list's query parameters, such as `status` and `sort`.

        `metadata` yields only the items that have all of these entries.
        """
        entries = {f"metadata.{key}": value for key, value in (metadata or {}).items()}
        return pages(self._connection, self.path, filters | entries)

    def get(self, name: str) -> Document:
        """Get one resource by its name, or a job by its id."""
        document: Document = self._connection.get(self._of(name))
        return document

    def set_metadata(self, name: str, entries: dict[str, str | None]) -> Document:
        """Set entries of the metadata; a value of None removes the entry, all others stay."""
        return self._patch(name, {"metadata": entries})

    def delete(self, name: str) -> None:
        """Delete one resource."""
        self._connection.request("DELETE", self._of(name))

    def wait(self, name: str, timeout: float | None = None) -> Document:
        """Wait until the resource is finished and return it, using `Prefer: wait`.

        Raises TimeoutError if it isn't finished after `timeout` seconds.
        """
        return self._wait(self._of(name), name, timeout)

    def _wait(self, path: str, name: str, timeout: float | None) -> Document:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            asked_at = time.monotonic()
            seconds = max(0, math.ceil(min(LONGEST_WAIT, deadline - asked_at)))
            response = self._connection.request("GET", path, headers={"Prefer": f"wait={seconds}"})
            document: Document = self._connection.read(response)
            if document.get("status") in self.finished:
                return document
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{name} is still {document['status']}.")
            if time.monotonic() - asked_at < seconds:
                # The service limits how many requests wait concurrently, and answered early.
                time.sleep(read_retry_after(response.headers.get("Retry-After")) or 1.0)

    def _send_form(self, path: str, data: Upload, fields: Document) -> Document:
        """Create a resource from a form with files; returns it as created."""
        with upload_form(data, form_fields(fields)) as form:
            document: Document = self._connection.create(path, data=form, headers={"Content-Type": form.content_type})
        return document

    def _patch(self, name: str, changes: Document) -> Document:
        document: Document = self._connection.read(self._connection.request("PATCH", self._of(name), json=changes))
        return document

    def _of(self, name: str, part: str = "") -> str:
        return f"{self.path}/{quote(name, safe='')}{part}"


class NamedResources(Resources):
    """Resources with a client's name. They, and their versions, are finished when ready or failed."""

    finished = (*statuses.FINISHED, statuses.AVAILABLE)

    def _finish_version(self, name: str, version: Document, wait: bool) -> Document:
        """The version, when ready if `wait` is set. Raises RequestFailed with its error if it failed."""
        if wait and version["status"] not in self.finished:
            path = self._of(name, f"/versions/{version['version']}")
            version = self._wait(path, f"Version {version['version']} of {name}", None)
        if wait and version["status"] == statuses.FAILED:
            raise RequestFailed(version["error"])
        return version

    def _finish(self, created: Document, wait: bool) -> Document:
        """The resource, when ready if `wait` is set. Raises RequestFailed with its error if it failed."""
        if wait and created.get("status") not in self.finished:
            created = self.wait(created["name"])
        if wait and created.get("status") == statuses.FAILED:
            raise RequestFailed(created["error"])
        return created


class Datasets(NamedResources):
    """Datasets for training and evaluation."""

    path = "/v1/datasets"

    def create(self, spec: Document, *, wait: bool = True) -> Document:
        """Create a dataset from a built-in source, or from data in the spec, which may hold NumPy's numbers and
        arrays, and a table of pandas or Polars as its `rows`."""
        return self._finish(self._connection.create(self.path, json=plain(spec)), wait)

    def upload(self, data: Upload, name: str, *, wait: bool = True, **options: Any) -> Document:
        """Create a dataset from a file of any size, from several with the same columns, or from a table of pandas or
        Polars; `options` are such as `target`, `split`, `types`, `ignore`, `target_options`.

        Raises ValueError for a table without rows, or with values that can't be sent.
        """
        return self._finish(self._send_form(self.path, data, {"name": name, **options}), wait)

    def versions(self, name: str) -> Iterator[Document]:
        """Yield the versions of a dataset, newest first."""
        return pages(self._connection, self._of(name, "/versions"), {})

    def version(self, name: str, version: int) -> Document:
        """Get a version of a dataset, with its `drift` from the one before."""
        document: Document = self._connection.get(self._of(name, f"/versions/{version}"))
        return document

    def add_version(self, name: str, data: Upload, *, wait: bool = True, **options: Any) -> Document:
        """Add a version from what `upload` takes; `options` replace those of the newest version."""
        return self._finish_version(name, self._send_form(self._of(name, "/versions"), data, options), wait)

    def append(self, name: str, rows: Any, *, wait: bool = True) -> Document:
        """Add a version to a dataset that is a table: its rows, and these after them, each an object by column, or a
        table of pandas or Polars."""
        added = self._connection.create(self._of(name, "/versions"), json=plain({"append": rows}))
        return self._finish_version(name, added, wait)

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version other than the newest."""
        self._connection.request("DELETE", self._of(name, f"/versions/{version}"))

    def rows(
        self, name: str, split: str = "train", limit: int = PAGE, version: int | None = None
    ) -> Iterator[Document]:
        """Yield the rows of a split, each with `instance`, as in predictions, and `target`; `limit` is per page.

        They are those of `version`, by default the newest.
        """
        return pages(self._connection, self._of(name, "/rows"), {"split": split, "limit": limit, "version": version})

    def sources(self) -> Documents:
        """The built-in sources of datasets, with their parameters."""
        items: Documents = self._connection.get("/v1/dataset-sources")["items"]
        return items


class Models(NamedResources):
    """Models, with their versions, variants of versions, and labels."""

    path = "/v1/models"

    def create(self, spec: Document, *, wait: bool = True) -> Document:
        """Create a model."""
        return self._finish(self._connection.create(self.path, json=spec), wait)

    def upload(self, file: str | Path, name: str, *, wait: bool = True, **options: Any) -> Document:
        """Create a model from the `.keras`, `.h5` or `.onnx` file of a network; `options`: `task`, `classes`, `input`,
        `description`, `metadata`. Raises OSError for an unreadable file."""
        return self._finish(self._send_form(self.path, file, {"name": name, **options}), wait)

    def add_version(self, name: str, file: str | Path, *, wait: bool = True, **options: Any) -> Document:
        """Add a version to a model from the file of a network like its own; omitted `options` are those of the
        model."""
        return self._finish_version(name, self._send_form(self._of(name, "/versions"), file, options), wait)

    def check(self, spec: Document) -> Document:
        """Build the model of a spec without saving it."""
        document: Document = self._connection.create(self.path, json=spec, params={"dry_run": "true"})
        return document

    def describe(self, name: str, description: str) -> Document:
        """Change a model's description."""
        return self._patch(name, {"description": description})

    def serve(self, name: str, label: str | None) -> Document:
        """Choose the label whose version predicts by default; None: the latest version does."""
        return self._patch(name, {"serve": label})

    def set_threshold(self, name: str, threshold: float | None) -> Document:
        """Set the score from which a class counts as predicted; None: 0.5."""
        return self._patch(name, {"threshold": threshold})

    def summary(self, name: str) -> str:
        """The table of layers, as Keras prints it."""
        text: str = self._connection.request("GET", self._of(name, "/summary"), headers={"Accept": "text/plain"}).text
        return text

    def versions(self, name: str) -> Iterator[Document]:
        """Yield the versions of a model, newest first."""
        return pages(self._connection, self._of(name, "/versions"), {})

    def version(self, name: str, version: int) -> Document:
        """Get a version of a model."""
        document: Document = self._connection.get(self._of(name, f"/versions/{version}"))
        return document

    def add_version_of_snapshot(
        self, name: str, training_job: str, epoch: int | str = "latest", **options: Any
    ) -> Document:
        """Make a version of the snapshot of a training job at an epoch, or of its `latest` or `best`; `options` are
        `label` and `metadata`. Returns the job that makes it, which `training_jobs` waits for."""
        request = {"training_job": training_job, "epoch": epoch, **options}
        document: Document = self._connection.create(self._of(name, "/versions"), json=request)
        return document

    def delete_version(self, name: str, version: int) -> None:
        """Delete a version without labels."""
        self._connection.request("DELETE", self._of(name, f"/versions/{version}"))

    def download(self, name: str, version: int, format: str, target: str | Path) -> int:
        """Download an artifact (`keras`, `onnx`, `saved_model`, `preprocessing`) to a file; returns its size in bytes.

        Raises RequestFailed (no file is left) and OSError.
        """
        path = self._of(name, f"/versions/{version}/artifacts/{quote(format, safe='')}")
        return save(self._connection, path, "*/*", Path(target))

    def make_variant(self, name: str, version: int, type: str = "int8", **options: Any) -> Document:
        """Make a smaller and faster variant of a version; `options` are `max_accuracy_drop`, `dataset`,
        `dataset_version` and `metadata`. Returns the job that makes it, which `variant_jobs` waits for."""
        request = {"type": type, **options}
        document: Document = self._connection.create(self._variants(name, version), json=request)
        return document

    def variants(self, name: str, version: int) -> Iterator[Document]:
        """Yield the variants of a version: those that are ready, being made, or failed."""
        return pages(self._connection, self._variants(name, version), {})

    def variant(self, name: str, version: int, type: str = "int8") -> Document:
        """Get a variant of a version, with its figures in comparison with the version."""
        document: Document = self._connection.get(self._variants(name, version, type))
        return document

    def delete_variant(self, name: str, version: int, type: str = "int8") -> None:
        """Delete a variant to which no label points, or cancel the job that is making it."""
        self._connection.request("DELETE", self._variants(name, version, type))

    def labels(self, name: str) -> Iterator[Document]:
        """Yield the labels of a model."""
        return pages(self._connection, self._of(name, "/labels"), {})

    def set_label(self, name: str, label: str, version: int, variant: str | None = None) -> Document:
        """Create a label, or move it to another version, or to the variant of a version."""
        target = {"version": version, **({} if variant is None else {"variant": variant})}
        put = self._connection.request("PUT", self._label(name, label), json=target)
        document: Document = self._connection.read(put)
        return document

    def delete_label(self, name: str, label: str) -> None:
        """Delete a label; its version stays."""
        self._connection.request("DELETE", self._label(name, label))

    def _variants(self, name: str, version: int, type: str | None = None) -> str:
        one = "" if type is None else f"/{quote(type, safe='')}"
        return self._of(name, f"/versions/{version}/variants{one}")

    def _label(self, name: str, label: str) -> str:
        return self._of(name, f"/labels/{quote(label, safe='')}")


class Jobs(Resources):
    """Jobs of a worker. They are finished when their status is final."""

    finished = statuses.FINAL

    def change(self, job_id: str, **changes: Any) -> Document:
        """Set a job's `desired_status`; for training jobs also `epochs` or `learning_rate`."""
        return self._patch(job_id, changes)

    def cancel(self, job_id: str) -> Document:
        """Cancel a job and discard its results."""
        return self.change(job_id, desired_status=statuses.CANCELLED)

    def resume(self, job_id: str) -> Document:
        """Resume a paused job."""
        return self.change(job_id, desired_status=statuses.RUNNING)


class TrainingJobs(Jobs):
    """Training jobs."""

    path = "/v1/training-jobs"

    def create(self, model: str, dataset: str, epochs: int, **options: Any) -> Document:
        """Create a training job; `options` are such as `batch_size`, `seed`, `folds`, `label`, `hosts`,
        and `precision="bfloat16"`."""
        request = {"model": model, "dataset": dataset, "epochs": epochs, **options}
        document: Document = self._connection.create(self.path, json=request)
        return document

    def wait(
        self, name: str, timeout: float | None = None, progress: Callable[[JobEvent], None] | None = None
    ) -> Document:
        """Wait until the job is final and return it. `progress` is called with every event, including earlier ones.

        Raises TimeoutError after `timeout` seconds; the job continues.
        """
        if progress is None:
            return super().wait(name, timeout)
        for event in self.events(name, timeout=timeout):
            progress(event)
        return self.get(name)

    def events(self, job_id: str, after: int = 0, timeout: float | None = None) -> Iterator[JobEvent]:
        """Stream the events after number `after`, until the job is final."""
        return follow(self._connection, self._of(job_id, "/events"), after, timeout)

    def pause(self, job_id: str) -> Document:
        """Pause a job: it writes a checkpoint and frees its slot."""
        return self.change(job_id, desired_status=statuses.PAUSED)

    def stop(self, job_id: str) -> Document:
        """Stop a job early and keep its model."""
        return self.change(job_id, desired_status=statuses.STOPPED)

    def metrics(self, job_id: str, points: int | None = None) -> Documents:
        """The metrics of all epochs, or of at most `points` evenly spaced ones."""
        epochs: Documents = self._connection.get(self._of(job_id, "/metrics"), params={"points": points})["epochs"]
        return epochs

    def snapshots(self, job_id: str) -> Iterator[Document]:
        """Yield the epochs of which the job keeps the weights, latest first."""
        return pages(self._connection, self._of(job_id, "/snapshots"), {})

    def snapshot(self, job_id: str, epoch: int | str = "latest") -> Document:
        """Get the snapshot of an epoch, or the `latest` or `best`."""
        document: Document = self._connection.get(self._of(job_id, f"/snapshots/{quote(str(epoch), safe='')}"))
        return document

    def download_weights(self, job_id: str, target: str | Path, epoch: int | str = "latest") -> int:
        """Download the weights of a snapshot to a file, as NPZ; returns its size in bytes.

        Raises RequestFailed (no file is left) and OSError.
        """
        path = self._of(job_id, f"/snapshots/{quote(str(epoch), safe='')}/weights")
        return save(self._connection, path, "application/x-npz", Path(target))

    def log(self, job_id: str) -> str:
        """The output of the training process."""
        text: str = self._connection.request("GET", self._of(job_id, "/log"), headers={"Accept": "text/plain"}).text
        return text


class Evaluations(Jobs):
    """Evaluations of versions on the rows of a dataset."""

    path = "/v1/evaluations"

    def create(self, model: str, dataset: str, **options: Any) -> Document:
        """Create an evaluation; `options` are `version` or `label`, `variant`, `split` (default: `test`), and
        `threshold`."""
        document: Document = self._connection.create(self.path, json={"model": model, "dataset": dataset, **options})
        return document


class VariantJobs(Jobs):
    """Jobs that make variants of versions; `models.make_variant` creates them."""

    path = "/v1/variant-jobs"


class BatchPredictions(Jobs):
    """Predictions for all rows of a dataset or a file."""

    path = "/v1/batch-predictions"

    def create(self, model: str, dataset: str, **options: Any) -> Document:
        """Create a batch prediction for a dataset; `options`: `version` or `label`, `variant`, `split` (default: all
        rows)."""
        document: Document = self._connection.create(self.path, json={"model": model, "dataset": dataset, **options})
        return document

    def upload(self, model: str, data: Upload, **options: Any) -> Document:
        """Create a batch prediction for a file of any size, or for a table of pandas or Polars; `options` are `version`
        or `label`, `variant`, and `extra`."""
        return self._send_form(self.path, data, {"model": model, **options})

    def download(self, job_id: str, target: str | Path) -> int:
        """Download the result to a `.csv`, `.jsonl` or `.parquet` file; returns its size in bytes.

        Raises RequestFailed (no file is left), OSError, and ValueError for another suffix.
        """
        target = Path(target)
        if target.suffix not in RESULT_TYPES:
            raise ValueError(f'"{target}" must end with one of {", ".join(RESULT_TYPES)}.')
        return save(self._connection, self._of(job_id, "/result"), RESULT_TYPES[target.suffix], target)


def save(connection: Connection, path: str, media_type: str, target: Path) -> int:
    """Download a path to a file, atomically; returns its size in bytes. Raises RequestFailed, OSError."""
    part, written = target.with_name(f"{target.name}.part"), 0
    headers = {"Accept": media_type}
    try:
        with (
            closing(connection.request("GET", path, headers=headers, stream=True)) as response,
            part.open("wb") as file,
        ):
            for piece in response.iter_content(PIECE_BYTES):
                written += file.write(piece)
        part.replace(target)
    except LOST:
        raise RequestFailed({"detail": f"The connection broke after {written} bytes."}) from None
    finally:
        part.unlink(missing_ok=True)
    return written


def pages(connection: Connection, path: str, filters: Document) -> Iterator[Document]:
    """Yield all items of a list, page by page; `limit` in `filters` is the page size."""
    page = connection.get(path, params={"limit": PAGE, **filters})
    yield from page["items"]
    while page["next"] is not None:
        page = connection.get(connection.path_of(page["next"]))
        yield from page["items"]
