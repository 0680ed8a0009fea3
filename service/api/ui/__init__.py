"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import assets, datasets, demonstrations, ideas, new_model, overview, session

PAGES = (assets, session, overview, demonstrations, datasets, new_model, ideas)
"""The modules of the pages, each with its blueprint."""
