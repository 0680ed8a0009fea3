"""Checks that a version can be measured on the rows of a dataset."""

from models.compatibility import check_version_fit
from models.targets import TargetEncoding
from models.version_files import ARTIFACTS, read_document
from service.context import Context
from service.operations.catalog.target_scaling import check_target_scaling
from service.operations.jobs.client_jobs import describe_data
from service.operations.stored_files import version_folder
from service.storage.records import Dataset, DatasetVersion, Version


def check_evaluable(
    context: Context, version: Version, dataset: Dataset, data: DatasetVersion | None, split: str
) -> None:
    """Raise InvalidData if a version can't be evaluated on a split of a dataset's version, InvalidRequest if its
    targets can't be scaled as the version wants; NotFound if one of both was deleted meanwhile."""
    name = ARTIFACTS["preprocessing"]
    document = read_document(version_folder(context, version.folder, name) / name)
    check_version_fit(document, describe_data(dataset, data), split)
    scale = TargetEncoding.from_document(document["target"]).scale
    if scale is not None:
        check_target_scaling(context, scale.scaling, data, "#/dataset")
