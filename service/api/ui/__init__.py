"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import (
    assets,
    compared_jobs,
    datasets,
    demonstrations,
    ideas,
    new_model,
    new_training_job,
    overview,
    session,
    training_jobs,
)

PAGES = (
    assets,
    session,
    overview,
    demonstrations,
    datasets,
    new_model,
    training_jobs,
    compared_jobs,
    new_training_job,
    ideas,
)
"""The modules of the pages, each with its blueprint."""
