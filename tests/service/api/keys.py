"""Makes API keys and projects as an administrator, and sends requests with them."""

from typing import Any

from tests.service.api.api_client import ApiClient


class Keys:
    """Makes keys as an administrator, and sends requests with them."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.admin = self.make("admin")

    def make(self, *scopes: str, project: str | None = None, **more: Any) -> str:
        """A new key."""
        headers = {"Authorization": f"Bearer {self.admin}"} if hasattr(self, "admin") else {}
        body = {"name": "test", "scopes": scopes, "project": project, **more}
        made: Any = self.client.send("POST", "/v1/api-keys", 201, json=body, headers=headers).json
        return str(made["key"])

    def make_project(self, name: str, **quotas: int | None) -> None:
        self.send(self.admin, "POST", "/v1/projects", 201, json={"name": name, "quotas": quotas})

    def send(self, key: str, method: str, path: str, expect: int, project: str | None = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        if project is not None:
            headers["Fitserve-Project"] = project
        return self.client.send(method, path, expect, headers=headers, **options).json


def id_of(key: str) -> str:
    return key.split("_")[1]
