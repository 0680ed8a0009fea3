"""The client: one attribute per kind of resource, and methods for predictions."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from fitserve_client.access import ApiKeys, AuditEvents, Projects, Workers
from fitserve_client.bodies import encode_files, encode_instances
from fitserve_client.connection import PATIENCE_SECONDS, Connection, Credentials
from fitserve_client.resources import (
    BatchPredictions,
    Datasets,
    Evaluations,
    Models,
    TrainingJobs,
    VariantJobs,
    save,
)

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
"""The media types of pictures by the suffix of a file."""

log = logging.getLogger(__name__)


class Client:
    """A client of the service at a URL. Not thread-safe.

    `key` is the API key (default: the environment variable FITSERVE_KEY). A key with the scope `admin` acts in
    `project` (default: FITSERVE_PROJECT, or else `default`); any other key has a project of its own.

    If the service is unreachable or overloaded, requests are retried for `patience` seconds, after the delay in
    `Retry-After` or else with exponential backoff. Until the first response, `first_patience` applies instead (default:
    `patience`). `tell` is called with a line when a request is retried (default: log it). All methods raise
    RequestFailed.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        project: str | None = None,
        patience: float = PATIENCE_SECONDS,
        first_patience: float | None = None,
        tell: Callable[[str], None] = log.warning,
    ) -> None:
        first_patience = patience if first_patience is None else first_patience
        auth = Credentials(key or os.environ.get("FITSERVE_KEY"), project or os.environ.get("FITSERVE_PROJECT"))
        self.connection = Connection(url, auth, patience, first_patience, tell)
        self.datasets = Datasets(self.connection)
        self.models = Models(self.connection)
        self.training_jobs = TrainingJobs(self.connection)
        self.evaluations = Evaluations(self.connection)
        self.variant_jobs = VariantJobs(self.connection)
        self.batch_predictions = BatchPredictions(self.connection)
        self.api_keys = ApiKeys(self.connection)
        self.projects = Projects(self.connection)
        self.audit_events = AuditEvents(self.connection)
        self.workers = Workers(self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    def import_model(self, file: str | Path, name: str, **options: Any) -> dict[str, Any]:
        """Create a model from the file of a network that was trained elsewhere: `.keras`, `.h5` or `.onnx`.

        `options`: `task`, `classes` (in the order of the outputs), `input` (such as `{"scaling": "unit"}`),
        `description`, `metadata`; `wait=False` doesn't wait until it can predict. Raises OSError for an unreadable
        file.
        """
        return self.models.upload(file, name, **options)

    def predict(self, model: str, instances: Any, **options: Any) -> dict[str, Any]:
        """Predict for rows: a table of pandas or Polars, whose columns are found by name; a list; an object for one
        row; or a NumPy array with rows as its first dimension. NaN, NaT and NA are missing values.

        `options`: `version` or `label` (default: the latest version), `variant` (such as `int8`, to predict with the
        variant of the version), `top` (number of best classes to return), `threshold` (the score from which a class
        counts as predicted), `scores=False` to omit the scores, and `extra="ignore"` to ignore unknown columns. Raises
        ValueError for values that can't be sent.
        """
        return self._predict(model, encode_instances(instances), **options)

    def predict_with_snapshot(
        self, job_id: str, instances: Any, epoch: int | str = "latest", **options: Any
    ) -> dict[str, Any]:
        """Predict with the weights of a training job at the end of an epoch, or of its `latest` or `best` one, also
        while it runs. `instances` and `options` are those of `predict`, without `version`, `label` and `variant`."""
        return self._predict_at(_snapshot(job_id, epoch), encode_instances(instances), **options)

    def predict_files_with_snapshot(
        self, job_id: str, files: Sequence[str | Path], epoch: int | str = "latest", **options: Any
    ) -> dict[str, Any]:
        """As `predict_with_snapshot`, for the files that `predict_files` takes."""
        return self._predict_at(_snapshot(job_id, epoch), encode_files([Path(file) for file in files]), **options)

    def predict_files(self, model: str, files: Sequence[str | Path], **options: Any) -> dict[str, Any]:
        """Predict for images (PNG, JPEG, WebP, GIF, BMP, TIFF), or for one file of rows: CSV, JSON, JSON Lines,
        Parquet, `.npy`, by suffix."""
        return self._predict(model, encode_files([Path(file) for file in files]), **options)

    def save_picture(self, path: str, target: str | Path, **options: Any) -> int:
        """Save a picture, such as `/v1/training-jobs/tj_…/curves`, to a file, by whose suffix it is SVG or PNG; returns
        its size in bytes.

        `options`: `width` and `height` in pixels, `theme` (`light` or `dark`), and those of the kind of picture. Raises
        ValueError for another suffix, OSError.
        """
        media_type = PICTURES.get(Path(target).suffix.lower())
        if media_type is None:
            raise ValueError(f"{target} must end with {' or '.join(PICTURES)}.")
        chosen = urlencode({name: value for name, value in options.items() if value is not None})
        joined = f"{path}{'&' if '?' in path else '?'}{chosen}" if chosen else path
        return save(self.connection, self.connection.path_of(joined), media_type, Path(target))

    def _predict(
        self,
        model: str,
        body: tuple[str, bytes],
        *,
        version: int | None = None,
        label: str | None = None,
        variant: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        if version is not None and label is not None:
            raise ValueError("Give a version or a label, not both.")
        chosen = "" if version is None else f"/versions/{version}"
        chosen = chosen if label is None else f"/labels/{quote(label, safe='')}"
        return self._predict_at(f"/v1/models/{quote(model, safe='')}{chosen}", body, variant, **options)

    def _predict_at(
        self,
        path: str,
        body: tuple[str, bytes],
        variant: str | None = None,
        *,
        top: int | None = None,
        scores: bool = True,
        threshold: float | None = None,
        extra: str | None = None,
    ) -> dict[str, Any]:
        content_type, data = body
        response = self.connection.request(
            "POST",
            f"{path}/predictions",
            params={
                "variant": variant,
                "top": top,
                "scores": None if scores else "false",
                "threshold": threshold,
                "extra": extra,
            },
            headers={"Content-Type": content_type},
            data=data,
        )
        document: dict[str, Any] = self.connection.read(response)
        return document


def _snapshot(job_id: str, epoch: int | str) -> str:
    return f"{TrainingJobs.path}/{quote(job_id, safe='')}/snapshots/{quote(str(epoch), safe='')}"
