"""A client of a running service, for Python programs and the command line. It uses HTTP only."""

from service.client.client import Client
from service.client.connection import RequestFailed
from service.client.following import JobEvent

__all__ = ["Client", "JobEvent", "RequestFailed"]
