"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import (
    assets,
    code,
    compared_jobs,
    datasets,
    demonstrations,
    ideas,
    models,
    new_model,
    new_training_job,
    overview,
    playground,
    session,
    training_jobs,
    try_it,
)

PAGES = (
    assets,
    session,
    overview,
    demonstrations,
    datasets,
    new_model,
    models,
    try_it,
    training_jobs,
    compared_jobs,
    new_training_job,
    code,
    playground,
    ideas,
)
"""The modules of the pages, each with its blueprint."""
