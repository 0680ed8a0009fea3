"""The document of a boundary: what a network of one or two numbers predicts across their range, with the rows on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.numeric_inputs import Axis, NumericInputs
from models.predictor import Predictor
from models.scores import predicted_classes
from models.spec import Task
from models.values.rounding import rounded
from service.context import Context
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import find_version
from service.operations.inference.predictions import Loaded, PredictionService, Wanted, WantedSnapshot
from service.operations.jobs import snapshots
from service.operations.pictures.plotted_rows import PlottedRows
from service.storage import datasets
from service.storage.records import DatasetVersion

LEAST_RESOLUTION, MOST_RESOLUTION = 8, 200
MOST_CURVES = 10
"""The curves of a classification of one number at most: those of the classes that are most probable somewhere."""
NUMBERS_AT_ONCE = 2**20
"""The outputs of the network that are in memory at a time."""


@dataclass(frozen=True)
class Options:
    """How a boundary is wanted."""

    resolution: int = 60
    """The points along an axis."""
    rows: bool = True
    """Whether the document has the dataset's rows."""


def of_snapshot(
    context: Context, service: PredictionService, job_id: str, epoch: int | str, options: Options
) -> dict[str, Any]:
    """The boundary of a training job at the end of an epoch.

    Before the first epoch has ended, the latest one has neither values nor rows. Raises NotFound, NoSnapshot,
    NoPicture, Overloaded, TookTooLong; Conflict if the snapshot can't predict.
    """
    with context.database.read() as session:
        job = snapshots.find_job(session, job_id)
        data = datasets.version(session, job.dataset_id, job.dataset_version)
    try:
        loaded = service.loaded(WantedSnapshot(job.project, job_id, epoch))
    except snapshots.NotYet:
        return _not_yet(str(job.model_name), job_id)
    name = f"{loaded.model}, epoch {loaded.epoch:,}"
    return _describe(context, service, loaded, data, options, name) | {"training_job": job_id}


def of_version(
    context: Context, service: PredictionService, model: str, number: int, options: Options
) -> dict[str, Any]:
    """The boundary of a version. Raises NotFound, NoPicture, Overloaded, TookTooLong; Conflict if it can't
    predict."""
    with context.database.read() as session:
        found = find_model(session, model)
        version = find_version(session, found, number)
        data = datasets.version(session, version.dataset_id, version.dataset_version)
    loaded = service.loaded(Wanted(found.project, model, number))
    return _describe(context, service, loaded, data, options, f"{model}, version {number}") | {"training_job": None}


def _not_yet(model: str, job_id: str) -> dict[str, Any]:
    return {
        "title": model,
        "description": "No epoch has ended yet.",
        "model": model,
        "version": None,
        "training_job": job_id,
        "epoch": None,
        "task": None,
        "classes": None,
        "threshold": None,
        "axes": [],
        "values": None,
        "predicted": None,
        "curves": None,
        "rows": None,
        "notes": [],
    }


def _describe(
    context: Context,
    service: PredictionService,
    loaded: Loaded,
    data: DatasetVersion | None,
    options: Options,
    title: str,
) -> dict[str, Any]:
    predictor = loaded.predictor
    numbers = NumericInputs.of(predictor.preprocessing)
    rows = None
    if data is not None and data.folder is not None:
        rows = service.plotted_rows.read(context, data, numbers, predictor.classes)
    axes = numbers.usual_axes() if rows is None else rows.axes
    with service.computing():
        response = Response(predictor, numbers, service.deadline())
        shown = response.plane(axes, options.resolution) if len(axes) > 1 else response.curves(axes, options.resolution)
        predictions = response.predict(rows) if rows is not None and options.rows and len(axes) == 1 else None
    return {
        "title": title,
        "description": _sentence(predictor, axes, rows, title),
        "model": loaded.model,
        "version": loaded.version,
        "epoch": loaded.epoch,
        "task": predictor.task.value,
        "classes": predictor.classes,
        "threshold": loaded.threshold if predictor.task is Task.BINARY else None,
        "axes": [vars(axis) for axis in axes],
        **shown,
        "rows": _show_rows(rows, predictions) if options.rows else None,
        "notes": [*_notes(predictor, rows, shown)],
    }


@dataclass(frozen=True)
class Response:
    """What a network predicts for numbers."""

    predictor: Predictor
    numbers: NumericInputs
    deadline: float
    """On the monotonic clock."""

    def plane(self, axes: tuple[Axis, ...], resolution: int) -> dict[str, Any]:
        """The prediction at each point of a plane, one row of `values` for each number of the second axis, upwards.

        `values` are numbers of a regression, probabilities of the positive class of a binary task, or otherwise those
        of the most probable class, whose index is in `predicted`.
        """
        across, up = (axis.points(resolution) for axis in axes)
        points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        values, best = [], []
        for outputs in self._blocks(points):
            if self.has_best:
                best.append(predicted_classes(outputs, self.predictor.task))
                values.append(outputs.max(axis=1))
            else:
                values.append(outputs[:, self._place])
        shape = resolution, resolution
        return {
            "values": rounded(np.concatenate(values).reshape(shape)),
            "predicted": np.concatenate(best).reshape(shape).tolist() if best else None,
            "curves": None,
        }

    def curves(self, axes: tuple[Axis, ...], resolution: int) -> dict[str, Any]:
        """The prediction at each point of an axis: one curve, or one for each of several classes, with their indices in
        `curves`."""
        points = axes[0].points(resolution)[:, None]
        outputs = np.concatenate([*self._blocks(points)])
        chosen = self._choose_curves(outputs)
        return {
            "values": rounded(outputs[:, chosen].T),
            "predicted": None,
            "curves": chosen if self.has_best else None,
        }

    def predict(self, rows: PlottedRows) -> list[float | None] | None:
        """The prediction for each row of a regression; None for classes, and if there are no rows."""
        if self.predictor.task is not Task.REGRESSION or not rows.inputs:
            return None
        predicted = np.concatenate([*self._blocks(np.array(rows.inputs))])
        numbers: list[float | None] = rounded(predicted[:, self._place], digits=7)
        return numbers

    @property
    def has_best(self) -> bool:
        """Whether one of several classes is predicted."""
        return self.predictor.task in (Task.MULTICLASS, Task.MULTILABEL)

    @property
    def _place(self) -> int:
        """The output that is drawn if it is only one: the positive class, or a regression's first number."""
        return 1 if self.predictor.task is Task.BINARY else 0

    def _choose_curves(self, outputs: np.ndarray) -> list[int]:
        if not self.has_best:
            return [self._place]
        most_probable = np.argsort(-np.nan_to_num(outputs, nan=-1).max(axis=0), kind="stable")[:MOST_CURVES]
        return sorted(most_probable.tolist())

    def _blocks(self, points: np.ndarray) -> Iterator[np.ndarray]:
        """Scores of the classes, or numbers, of so many points at a time: (points, outputs)."""
        _, outputs = self.predictor.row_numbers
        at_once = max(1, NUMBERS_AT_ONCE // outputs)
        for start in range(0, len(points), at_once):
            inputs = self.numbers.to_network(points[start : start + at_once])
            raw = self.predictor.network.run(inputs, self.deadline)
            is_regression = self.predictor.task is Task.REGRESSION
            yield raw.reshape(len(raw), -1) if is_regression else self.predictor.score(raw)


def _show_rows(rows: PlottedRows | None, predictions: list[float | None] | None) -> dict[str, Any] | None:
    if rows is None:
        return None
    shown = {name: getattr(rows, name) for name in ("inputs", "targets", "splits", "total")}
    return shown | {"predictions": predictions}


def _sentence(predictor: Predictor, axes: tuple[Axis, ...], rows: PlottedRows | None, title: str) -> str:
    what = "Predictions" if predictor.task is Task.REGRESSION else "Predicted classes"
    ranges = " and ".join(f"{axis.name} from {axis.minimum:.3g} to {axis.maximum:.3g}" for axis in axes)
    drawn = "" if rows is None else f", with {len(rows.inputs):,} of {rows.total:,} rows"
    return f"{what} of {title}, for {ranges}{drawn}."


def _notes(predictor: Predictor, rows: PlottedRows | None, shown: dict[str, Any]) -> Iterator[str]:
    """What the picture lacks, and why, in sentences."""
    if rows is None:
        yield "The dataset of the training doesn't exist any more, so there are no rows."
    elif len(rows.inputs) + rows.incomplete < rows.total:
        yield f"{len(rows.inputs):,} of {rows.total:,} rows are shown, chosen at random."
    if rows is not None and rows.incomplete:
        was = "1 row is" if rows.incomplete == 1 else f"{rows.incomplete:,} rows are"
        yield f"{was} left out because a number is missing."
    outputs = predictor.row_numbers[1]
    if predictor.task is Task.REGRESSION and outputs > 1:
        yield f"The first of {outputs} outputs is shown."
    if predictor.task is Task.MULTILABEL and shown["predicted"] is not None:
        yield "Each point shows its most probable label."
    if shown["curves"] is not None and len(shown["curves"]) < outputs:
        yield f"{len(shown['curves'])} of {outputs:,} classes are shown: those that are most probable somewhere."
