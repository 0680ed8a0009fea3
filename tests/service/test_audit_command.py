"""`fitserve audit`."""

from urllib.parse import parse_qs, urlsplit

from click.testing import CliRunner

from service.cli import main
from tests.fitserve_client.scripted_server import Answer, scripted

EVENT = {
    "id": "ae_0660cff60faa21743c8f48cd", "at": "2027-01-31T12:34:56.789012Z", "key_id": None, "project": None,
    "address": "192.0.2.17", "method": "GET", "route": "/v1/models", "resource": "/v1/models", "status": 401,
    "request_id": "r1", "count": 3,
}  # fmt: skip


def test_audit_events_are_a_table_with_filters() -> None:
    with scripted(Answer(200, {"items": [EVENT], "next": None})) as server:
        filters = ["--status", "401", "--key", "0660cff60faa21743c8f48cd", "--since", "2027-01-31"]
        run = CliRunner().invoke(main, ["audit", "--url", server.url, *filters])
    assert run.exit_code == 0, run.output
    heading, _, row = run.output.rstrip().splitlines()
    assert heading.split() == [
        "at",
        "key",
        "id",
        "address",
        "project",
        "method",
        "resource",
        "status",
        "count",
        "request",
        "id",
    ]
    assert row.split() == ["2027-01-31", "12:34:56", "-", "192.0.2.17", "-", "GET", "/v1/models", "401", "3", "r1"]
    query = parse_qs(urlsplit(server.asked[0].path).query)
    assert (query["status"], query["key_id"]) == (["401"], ["0660cff60faa21743c8f48cd"])
    assert query["since"][0].startswith("2027-01-31T00:00:00")
