"""A client of a running service, for Python programs and for the command line: knows HTTP alone."""

from service.client.client import Client
from service.client.connection import RequestFailed
from service.client.following import JobEvent

__all__ = ["Client", "JobEvent", "RequestFailed"]
