"""A client of a running service, for Python programs and the command line. It uses HTTP only."""

from fitserve_client.client import Client
from fitserve_client.connection import RequestFailed
from fitserve_client.following import JobEvent

__all__ = ["Client", "JobEvent", "RequestFailed"]
__version__ = "0.1.0"
