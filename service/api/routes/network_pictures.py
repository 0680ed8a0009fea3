"""Pictures of networks: architectures, boundaries, samples and filters."""

from typing import Any

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.pictures_networks import (
    ArchitectureQuery,
    ArchitectureSchema,
    BoundaryQuery,
    BoundarySchema,
    FiltersSchema,
    SamplesQuery,
    SamplesSchema,
    SnapshotBoundaryQuery,
)
from service.api.http.links import MODELS, TRAINING_JOBS
from service.api.http.state import context, predictions
from service.operations.pictures import architecture, boundary, filters, samples

VERSION = f"{MODELS}/<name>/versions/<number:version>"

blueprint = Blueprint("network_pictures", __name__, description="Networks as pictures.")


@blueprint.get(f"{MODELS}/<name>/architecture")
@blueprint.picture("architecture", ArchitectureSchema, ArchitectureQuery)
def get_architecture(query: dict[str, Any], name: str) -> Any:
    """Draw the layers of a model's network.

    Small dense networks are drawn neuron by neuron, others as a graph of layers. Long networks are shortened: blocks of
    layers that repeat are drawn once. While the model is being built, the response is 409.
    """
    return architecture.describe(context(), name, **query)


@blueprint.get(f"{TRAINING_JOBS}/<job_id>/boundary")
@blueprint.picture("boundary", BoundarySchema, SnapshotBoundaryQuery)
def get_snapshot_boundary(query: dict[str, Any], job_id: str) -> Any:
    """Draw the predictions of a network that takes one or two numbers, at an epoch of its training.

    For two numbers, the picture is a plane coloured by the prediction, with the dataset's rows. For one number, it is a
    curve with the rows and their residuals. For any other network, the response is 409. Before the first epoch has
    ended, the picture says so. For an epoch that wasn't kept, the response is a 404 that names the nearest ones.
    """
    epoch = query.pop("epoch")
    return boundary.of_snapshot(context(), predictions(), job_id, epoch, boundary.Options(**query))


@blueprint.get(f"{VERSION}/boundary")
@blueprint.picture("boundary", BoundarySchema, BoundaryQuery)
def get_boundary(query: dict[str, Any], name: str, version: int) -> Any:
    """Draw the predictions of a version whose network takes one or two numbers.

    For two numbers, the picture is a plane coloured by the prediction, with the dataset's rows. For one number, it is a
    curve with the rows and their residuals. For any other network, the response is 409.
    """
    return boundary.of_version(context(), predictions(), name, version, boundary.Options(**query))


@blueprint.get(f"{VERSION}/samples")
@blueprint.picture("samples", SamplesSchema, SamplesQuery)
def get_samples(query: dict[str, Any], name: str, version: int) -> Any:
    """Draw rows of a dataset with a version's predictions.

    The picture shows images, series, texts, or the main values of a table's rows, each with its true and its predicted
    class. If the dataset was deleted or doesn't fit, the response is a 409.
    """
    return samples.describe(context(), predictions(), name, version, samples.Options(**query))


@blueprint.get(f"{VERSION}/filters")
@blueprint.picture("filters", FiltersSchema)
def get_filters(name: str, version: int) -> Any:
    """Draw the weights of a version's first layer that has any.

    The picture shows kernels of convolutions and weights of images as tiles, weights of columns as bars, and others as
    a matrix.
    """
    return filters.describe(context(), name, version)
