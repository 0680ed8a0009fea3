"""API keys, projects and workers, for administrators."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fitserve_client.resources import Document, Resources


class ApiKeys(Resources):
    """API keys. Only a key with the scope `admin` may use them, apart from `current`."""

    path = "/v1/api-keys"

    def create(
        self, name: str, scopes: list[str], *, project: str | None = None, expires_at: datetime | None = None
    ) -> Document:
        """Create a key; the result has the whole key as `key`, which nothing shows again."""
        expiry = None if expires_at is None else expires_at.isoformat()
        body = {"name": name, "scopes": scopes, "project": project, "expires_at": expiry}
        document: Document = self._connection.create(self.path, json=body)
        return document

    def current(self) -> Document:
        """The caller's own key: its scopes, and the project in which it acts."""
        return self.get("current")

    def revoke(self, key_id: str) -> None:
        """Refuse a key from now on."""
        self.delete(key_id)


class AuditEvents(Resources):
    """Requests that changed something or were refused. Only a key with the scope `admin` may list them, by `key_id`,
    `project`, `method`, `status`, `since` and `until` (timestamps with their offset from UTC)."""

    path = "/v1/audit-events"


class Workers(Resources):
    """Running workers. Only a key with the scope `admin` may drain and resume them."""

    path = "/v1/workers"

    def list(self, metadata: dict[str, str] | None = None, **filters: Any) -> Iterator[Document]:
        """Yield all running workers."""
        yield from self._connection.get(self.path)["items"]

    def drain(self, worker_id: str) -> Document:
        """Let a worker finish its jobs and claim no more. Once its `running_jobs` is 0, it can be ended."""
        return self._patch(worker_id, {"desired_status": "draining"})

    def resume(self, worker_id: str) -> Document:
        """Let a worker claim jobs again."""
        return self._patch(worker_id, {"desired_status": "running"})


class Projects(Resources):
    """Projects, whose resources are kept apart. Only a key with the scope `admin` may use them."""

    path = "/v1/projects"

    def create(self, name: str, **quotas: int | None) -> Document:
        """Create a project with quotas: `queued_jobs`, `running_jobs`, `stored_bytes`, `training_seconds_per_day`."""
        document: Document = self._connection.create(self.path, json={"name": name, "quotas": quotas})
        return document

    def set_quotas(self, name: str, **quotas: int | None) -> Document:
        """Set some quotas; None removes a limit, all others stay."""
        return self._patch(name, {"quotas": quotas})
