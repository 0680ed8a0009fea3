"""`/v1/audit-events`."""

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.audit import AuditEventListQuery, AuditEventSchema
from service.api.http.links import AUDIT_EVENTS
from service.api.http.state import service_context
from service.operations.access import audit
from service.storage.paging import Page, PageQuery
from service.storage.records import AuditEvent

blueprint = Blueprint("audit_events", __name__, description="Who changed what when, and what was refused.")


@blueprint.get(AUDIT_EVENTS)
@blueprint.lists(AuditEventSchema)
@blueprint.query(AuditEventListQuery)
def list_audit_events(query: PageQuery) -> Page[AuditEvent]:
    """List audit events.

    Newest first by default. There is one for every request that changes something, and for every refused one (401, 403,
    421, 429). An event is in the list about a second after the response. Successful predictions have none. Of a flood
    of refused requests, one event may stand for several: its `count` says for how many.
    """
    return audit.list_page(service_context(), query)
