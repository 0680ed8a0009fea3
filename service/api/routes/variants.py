"""`/v1/models/{name}/versions/{version}/variants`, and `/v1/variant-jobs`."""

from functools import partial
from typing import Any

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.jobs import JobChangesSchema, JobListQuery
from service.api.contract.schemas.variants import (
    CreateVariantSchema,
    VariantJobSchema,
    VariantListQuery,
    VariantSchema,
)
from service.api.http.links import MODELS, VARIANT_JOBS, variant_job_url
from service.api.http.state import context
from service.api.routes.client_jobs import change_job, create_job, get_job
from service.operations.catalog import variants
from service.operations.catalog.variants import VariantView
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import variant as variant_jobs
from service.storage.paging import Page, PageQuery

VARIANTS = f"{MODELS}/<name>/versions/<number:version>/variants"

blueprint = Blueprint("variants", __name__, description="Smaller and faster networks of a version.")


@blueprint.post(VARIANTS)
@blueprint.creates(VariantJobSchema)
@blueprint.arguments(CreateVariantSchema)
def create_variant(request: dict[str, Any], name: str, version: int) -> Any:
    """Start a job that makes a variant of a version.

    The job quantizes the version's network, calibrates it on training rows, and compares both on the test rows. If the
    accuracy drops by more than `max_accuracy_drop`, the job fails with `accuracy-drop` and the figures. You can make a
    ready variant again: the new one replaces it. While another job makes a variant of the same type, the response is
    409.
    """
    create = partial(variants.create, model_name=name, number=version)
    return create_job(variant_jobs.KIND, create, request, variant_job_url)


@blueprint.get(VARIANTS)
@blueprint.lists(VariantSchema)
@blueprint.query(VariantListQuery)
def list_variants(query: PageQuery, name: str, version: int) -> Page[VariantView]:
    """List the variants of a version.

    A version has at most one variant of each type. The list includes variants that are being made or have failed, as
    long as their jobs exist.
    """
    return variants.list_page(context(), name, version, query)


@blueprint.get(f"{VARIANTS}/<variant>")
@blueprint.resource(VariantSchema)
@blueprint.ignores_query
def get_variant(name: str, version: int, variant: str) -> VariantView:
    """Get a variant of a version.

    The response compares it with the version: sizes, metrics, agreement and speed.
    """
    return variants.get(context(), name, version, variant)


@blueprint.delete(f"{VARIANTS}/<variant>")
@blueprint.deletes
def delete_variant(name: str, version: int, variant: str) -> None:
    """Delete a variant.

    The service cancels a job that is making the variant, and deletes jobs that failed to make it. If a label points to
    the variant, or an unfinished batch prediction or evaluation uses it, the response is 409.
    """
    variants.delete(context(), name, version, variant)


@blueprint.get(VARIANT_JOBS)
@blueprint.lists(VariantJobSchema)
@blueprint.query(JobListQuery)
def list_variant_jobs(query: PageQuery) -> Page[JobView]:
    """List the jobs that make variants.

    Newest first by default. You can filter by status, model, dataset and metadata.
    """
    return client_jobs.list_page(context(), variant_jobs.KIND, query)


@blueprint.get(f"{VARIANT_JOBS}/<variant_job_id>")
@blueprint.finds(VariantJobSchema)
def get_variant_job(variant_job_id: str) -> Any:
    """Get a job that makes a variant.

    After success, `result` has the figures. `Prefer: wait=N` waits until the job is final.
    """
    return get_job(variant_jobs.KIND, variant_job_id)


@blueprint.patch(f"{VARIANT_JOBS}/<variant_job_id>")
@blueprint.resource(VariantJobSchema)
@blueprint.arguments(JobChangesSchema)
def change_variant_job(changes: dict[str, Any], variant_job_id: str) -> Any:
    """Cancel a job that makes a variant, or change its metadata.

    The body is a merge patch (RFC 7396). If the job is already final, the response to a cancellation is 409.
    """
    return change_job(variant_jobs.KIND, variant_job_id, changes)


@blueprint.delete(f"{VARIANT_JOBS}/<variant_job_id>")
@blueprint.deletes
def delete_variant_job(variant_job_id: str) -> None:
    """Delete a final job that made a variant, or failed to.

    A variant that is ready stays. If the job isn't final, the response is 409: cancel it first.
    """
    client_jobs.delete(context(), variant_jobs.KIND, variant_job_id)
