"""`/v1/audit-events`."""

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.audit import AuditEventListQuery, AuditEventSchema
from service.api.http.links import AUDIT_EVENTS
from service.api.http.state import service_context
from service.operations.access import audit
from service.storage.paging import Page, PageQuery
from service.storage.records import AuditEvent

blueprint = Blueprint("audit_events", __name__, description="Records of changes and of refused requests.")


@blueprint.get(AUDIT_EVENTS)
@blueprint.lists(AuditEventSchema)
@blueprint.query(AuditEventListQuery)
def list_audit_events(query: PageQuery) -> Page[AuditEvent]:
    """List audit events.

    Newest first by default. Every request that changes something creates an event, and so does every refused one (401,
    403, 421, 429). Successful predictions create none. An event appears in the list about a second after the response.
    In a flood of refused requests, one event may stand for several requests: `count` is their number.
    """
    return audit.list_page(service_context(), query)
