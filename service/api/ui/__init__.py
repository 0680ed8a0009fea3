"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import assets, code, datasets, demonstrations, models, new_model, overview, session, try_it

PAGES = (assets, session, overview, demonstrations, datasets, new_model, models, try_it, code)
"""The modules of the pages, each with its blueprint."""
