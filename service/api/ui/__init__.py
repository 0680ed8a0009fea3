"""The dashboard: pages for browsers, rendered from the operations and the schemas of the public API."""

from service.api.ui import assets, datasets, demonstrations, overview, playground, session

PAGES = (assets, session, overview, demonstrations, datasets, playground)
"""The modules of the pages, each with its blueprint."""
