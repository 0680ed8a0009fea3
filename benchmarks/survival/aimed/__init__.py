"""Code that runs inside the service's processes: it kills them at chosen moments."""
