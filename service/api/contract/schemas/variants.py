"""Requests and responses of the variants of versions, and of the jobs that make them."""

from typing import Any, ClassVar

from marshmallow import pre_dump

from models.jobs.variant import VARIANT_TYPES, VariantRequest, VariantResult
from service import statuses
from service.api.contract.fields import Amount, Choice, Metadata, Moment, Reference
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.jobs import VersionJobSchema, WantedData, link_resources, present_job
from service.api.contract.schemas.models import METRIC_VALUES
from service.api.contract.schemas.problems import FailureSchema
from service.api.contract.schemas.shown import (
    NAMED,
    Count,
    Identifier,
    Inner,
    Links,
    Listing,
    Mapping,
    Number,
    OneOf,
    Truth,
    Words,
)
from service.api.http.links import variant_job_url, variant_url, version_url
from service.api.http.paging import ListQuery
from service.api.http.problems import describe_failure
from service.operations.catalog.variants import VariantView
from service.operations.jobs.client_jobs import JobView
from service.storage.records import Job, Variant

MOST_WARNINGS = 100
TYPE = "The type: with `int8`, weights and activations are quantized to 8 bits."
DROP = "The largest drop of the compared metric, in its own units, at which the variant is kept."


class CreateVariantSchema(Schema):
    """A variant to make."""

    type = Choice(*VARIANT_TYPES, required=True, metadata={"description": TYPE})
    dataset = Reference(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The name of the dataset: the variant is calibrated on its training rows, and measured on "
            "its test rows. Null: the one that the version was trained on; a version from a file has none."
        },
    )
    dataset_version = WantedData()
    max_accuracy_drop = Amount(0, 1, load_default=VariantRequest().max_accuracy_drop, metadata={"description": DROP})
    metadata = Metadata()


class VariantMetricsSchema(AnswerSchema):
    """The metrics of the variant and of the version's own network on the same rows."""

    variant = Mapping("The variant's metrics by name.", METRIC_VALUES)
    version = Mapping("The version's metrics by name.", METRIC_VALUES)


class VariantWarningSchema(AnswerSchema):
    """Something that the client should know about the variant."""

    type = Words("The kind of the warning.", 100, example="few_calibration_rows")
    detail = Words("An explanation.", example="The ranges were taken from 20 rows only.")


class VariantFiguresSchema(AnswerSchema):
    """A comparison of a variant with its version. Unknown values are null."""

    bytes = Count("The size of the variant's network.", allow_none=True, example=9_876)
    version_bytes = Count("The size of the version's own network.", allow_none=True, example=35_432)
    metrics = Inner(VariantMetricsSchema, "The metrics on the compared rows.", allow_none=True)
    split = Words("The split whose rows were compared.", 100, allow_none=True, example="test")
    rows = Count("The number of compared rows.", allow_none=True, example=30)
    calibration_rows = Count(
        "The number of training rows from which the ranges of activations were taken.", allow_none=True, example=105
    )
    quantized = Mapping(
        "The number of operations that compute in 8 bits, by their ONNX type.",
        Count("Operations.", example=3),
        allow_none=True,
        example={"Gemm": 3},
    )
    unquantized = Mapping(
        "The number of operations that compute as in the version, by their ONNX type.",
        Count("Operations.", example=2),
        allow_none=True,
        example={"Relu": 2},
    )
    compared = Words(
        "The metric whose drop counts: `accuracy`, or `r2` for a regression.", 100, allow_none=True, example="accuracy"
    )
    drop = Number("The version's metric minus the variant's.", allow_none=True, example=0.0)
    agreement = Number(
        "The share of rows for which both predict the same. For several labels, the share of all labels of all "
        "rows. For a regression, the `r2` of the variant's outputs, with the version's outputs as the true "
        "values.",
        allow_none=True,
        example=1.0,
    )
    speedup = Number(
        "The version's time divided by the variant's for 32 rows, on the worker's machine.",
        allow_none=True,
        example=2.4,
    )
    certified = Truth("Whether the drop was measured on test rows and is within the bound.")
    warnings = Listing("The first 100 warnings.", Inner(VariantWarningSchema, ""), MOST_WARNINGS, example=[])


class VariantFailureSchema(FailureSchema):
    """The error of a variant that wasn't made."""

    sometimes: ClassVar[tuple[str, ...]] = (*FailureSchema.sometimes, "figures")

    figures = Inner(VariantFiguresSchema, "For `accuracy-drop`: the measured figures.")


class VariantSchema(VariantFiguresSchema):
    """A smaller and faster network of a version, which predicts in its place.

    The figures, such as `bytes` and `metrics`, are null until they are measured.
    """

    type = OneOf(TYPE, *VARIANT_TYPES)
    version = Count("The version's number.", 1, example=1)
    status = OneOf(
        "`ready` if the variant can predict, even while a newer job makes it again; else `processing` or `failed`.",
        statuses.PROCESSING,
        statuses.READY,
        statuses.FAILED,
    )
    max_accuracy_drop = Number(DROP, 0, 1, example=0.01)
    dataset = Words("The dataset's name.", allow_none=True, example="flowers", **NAMED)
    dataset_version = Count("The number of the dataset's version.", 1, allow_none=True, example=1)
    error = Inner(VariantFailureSchema, "The error of a failed variant, else null.", allow_none=True)
    job = Identifier("va", "The job that made the variant, is making it, or failed to make it.")
    newer_job = Identifier(
        "va", "For a ready variant: the job that is making it again, or failed to; else null.", allow_none=True
    )
    created_at = Moment("The time when it became ready; before that, the time of the job's creation.")
    links = Links("`self`, `version`, `job` (null if it was deleted), `newer_job`, and `predictions` once it is ready.")

    @pre_dump
    def _present(self, view: VariantView, **_: Any) -> dict[str, Any]:
        url = variant_url(view.model, view.version, view.type)
        version = version_url(view.model, view.version)
        predictions = f"{version}/predictions?variant={view.type}"
        newer = None if view.ready is None or view.job is None else view.job.id
        shown = _present_ready(view.ready) if view.ready is not None else _present_job(view.job)
        return {
            "type": view.type,
            "version": view.version,
            "status": view.status,
            "newer_job": newer,
            **shown,
            "links": {
                "self": url,
                "version": version,
                "job": variant_job_url(shown["job"]) if view.job_exists else None,
                "newer_job": None if newer is None else variant_job_url(newer),
                "predictions": None if view.ready is None else predictions,
            },
        }


UNMEASURED: dict[str, Any] = dict.fromkeys(VariantFiguresSchema().fields) | {"certified": False, "warnings": []}


def _present_ready(variant: Variant) -> dict[str, Any]:
    return {
        **variant.details.to_document(),
        "max_accuracy_drop": variant.max_accuracy_drop,
        "dataset": variant.dataset_name,
        "dataset_version": variant.dataset_version,
        "error": None,
        "job": variant.job_id,
        "created_at": variant.created_at,
    }


def _present_job(job: Job | None) -> dict[str, Any]:
    """A variant that is being made, or that failed."""
    assert job is not None
    return {
        **UNMEASURED,
        **(job.error or {}).get("members", {}).get("figures", {}),
        "max_accuracy_drop": VariantRequest.from_document(job.request).max_accuracy_drop,
        "dataset": job.dataset_name,
        "dataset_version": job.dataset_version,
        "error": describe_failure(job.error),
        "job": job.id,
        "created_at": job.created_at,
    }


class VariantListQuery(ListQuery):
    """The parameters of a list of variants."""


class VariantJobSchema(VersionJobSchema):
    """A job that makes a variant of a version."""

    id = Identifier("va", "The job's id, which its URL ends with.")
    type = OneOf(TYPE, *VARIANT_TYPES)
    max_accuracy_drop = Number(DROP, 0, 1, example=0.01)
    error = Inner(VariantFailureSchema, "The error of a failed job, else null.", allow_none=True)
    result = Inner(VariantFiguresSchema, "The measured figures; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, request = view.job, VariantRequest.from_document(view.job.request)
        variant = variant_url(str(job.model_name), job.version or 0, request.type) if view.version_exists else None
        return present_job(view) | {
            "type": request.type,
            "max_accuracy_drop": request.max_accuracy_drop,
            "result": None if job.result is None else VariantResult.from_document(job.result).to_document(),
            "links": {"self": variant_job_url(job.id), **link_resources(view), "variant": variant},
        }
