"""`fitserve audit`: who changed what, and what was refused."""

from datetime import datetime
from itertools import islice
from typing import Any

import click

from service.commands.command import ServiceCommand, Session
from service.commands.output import describe_moment, print_items

COLUMNS = ("key_id", "address", "project", "method", "resource", "status", "count", "request_id")


@click.command(cls=ServiceCommand)
@click.option("--key", "key_id", metavar="ID", help="Only requests with this API key.")
@click.option("--project", help="Only requests in this project.")
@click.option("--method", type=click.Choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]))
@click.option("--status", type=click.IntRange(100), help="Only responses with this status, such as 401.")
@click.option("--since", type=click.DateTime(), help="Only events from this local time on.")
@click.option("--until", type=click.DateTime(), help="Only events before this local time.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of items.")
def audit(session: Session, limit: int, since: datetime | None, until: datetime | None, **filters: Any) -> None:
    """List audit events, newest first: requests that changed something, and those that were refused.

    Needs an API key with the scope admin.
    """
    times = {"since": since, "until": until}
    filters |= {name: time.astimezone().isoformat() for name, time in times.items() if time is not None}
    print_items(
        islice(session.client.audit_events.list(**filters), limit),
        ("at", *(name.replace("_", " ") for name in COLUMNS)),
        lambda item: (describe_moment(item["at"]), *(item[name] for name in COLUMNS)),
        as_json=session.as_json,
    )
