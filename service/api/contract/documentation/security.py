"""The security of each operation in the OpenAPI document, from the table that the front enforces."""

from typing import Any

from service.api.http.scopes import Special, find_needed
from service.callers import Scope

SCHEME = "key"
SCHEMES: dict[str, Any] = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fsk_<id>_<secret>",
        "description": "An API key. While the service has no keys, requests need none. The scope `train` includes "
        "`read` and `predict`, and `admin` includes everything. A key belongs to a project and sees nothing of others. "
        "A key with the scope `admin` acts in the project that the header `Fitserve-Project` names, or in `default`.",
    }
}


def requirements(method: str, path: str) -> list[dict[str, list[str]]]:
    """What an operation requires: a key with a scope, any key, or nothing."""
    needed = find_needed(method.upper(), path)
    if needed is Special.NOTHING:
        return []
    return [{SCHEME: [needed.value] if isinstance(needed, Scope) else []}]
