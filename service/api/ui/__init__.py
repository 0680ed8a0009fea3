"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import assets, overview, session, training_jobs

PAGES = (assets, session, overview, training_jobs)
"""The modules of the pages, each with its blueprint."""
