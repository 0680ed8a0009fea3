"""`/v1/api-keys`."""

from typing import Any

from service.api.contract.blueprint import Blueprint, created
from service.api.contract.schemas.access import (
    ApiKeyListQuery,
    ApiKeySchema,
    CreateApiKeySchema,
    CurrentKeySchema,
    MadeApiKeySchema,
)
from service.api.http.idempotency import current_claim
from service.api.http.links import API_KEYS, api_key_url
from service.api.http.state import caller, service_context
from service.errors import Conflict
from service.operations.access import keys
from service.operations.access.keys import CurrentKey
from service.storage.paging import Page, PageQuery
from service.storage.records import ApiKey

blueprint = Blueprint("api_keys", __name__, description="Keys for the clients of the service.")


@blueprint.post(API_KEYS)
@blueprint.creates(MadeApiKeySchema, saved=False)
@blueprint.arguments(CreateApiKeySchema)
def create_api_key(document: dict[str, Any]) -> Any:
    """Create an API key.

    The response has the whole key, which is never shown again. Once the first key exists, every request needs a key,
    except health checks and the pages. A retry with the same `Idempotency-Key` creates no second key and gets a 409,
    because the response isn't stored.
    """
    claim = current_claim()
    if claim is not None and claim.resource_id is not None:
        raise Conflict(
            f'The first request with this Idempotency-Key created the API key "{claim.resource_id}", which is only '
            "shown once. Revoke it if you don't have it, and create another one."
        )
    made = keys.create(service_context(), **document, claim=claim)
    return created(made, api_key_url(made[0].id), finished=True)


@blueprint.get(API_KEYS)
@blueprint.lists(ApiKeySchema)
@blueprint.query(ApiKeyListQuery)
def list_api_keys(query: PageQuery) -> Page[ApiKey]:
    """List API keys.

    Newest first by default, including the revoked ones. The secrets are never shown.
    """
    return keys.list_page(service_context(), query)


@blueprint.get(f"{API_KEYS}/current")
@blueprint.resource(CurrentKeySchema)
def get_current_api_key() -> CurrentKey:
    """Get the caller's own API key.

    The response has its scopes and the project in which it acts. While the service has no keys, every caller may do
    everything.
    """
    return keys.current(service_context(), caller())


@blueprint.get(f"{API_KEYS}/<key_id:key_id>")
@blueprint.resource(ApiKeySchema)
def get_api_key(key_id: str) -> ApiKey:
    """Get an API key.

    The secret is never shown.
    """
    return keys.get(service_context(), key_id)


@blueprint.delete(f"{API_KEYS}/<key_id:key_id>")
@blueprint.deletes
def revoke_api_key(key_id: str) -> None:
    """Revoke an API key.

    All processes refuse it within a second. The key stays in the list, as revoked.
    """
    keys.revoke(service_context(), key_id)
