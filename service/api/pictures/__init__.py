"""Pictures over HTTP: negotiation, caching, and the process that draws them."""
