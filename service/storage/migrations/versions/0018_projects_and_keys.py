"""Projects, API keys and audit events. Everything that exists belongs to the project `default`."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DEFAULT = "default"
STATUSES = "status IN ('building', 'processing', 'ready', 'failed')"
NAMED = {"datasets": "dataset", "models": "model"}
"""The tables whose names were unique, and are unique within a project now."""
NAMING = {"uq": "%(table_name)s_%(column_0_name)s_key"}
"""The name that PostgreSQL gave the unnamed constraints. On SQLite they have none."""


def upgrade() -> None:
    projects = op.create_table(
        "projects",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("quotas", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.bulk_insert(projects, [{"name": DEFAULT, "quotas": {}, "created_at": datetime.now(UTC)}])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=True),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    for table in ("jobs", "idempotency_keys"):
        op.add_column(table, sa.Column("project", sa.String(), nullable=False, server_default=DEFAULT))
    op.create_index("jobs_project", "jobs", ["project", "kind", "status"])
    for table, kind in NAMED.items():
        with _batch(table, kind) as changes:
            changes.add_column(sa.Column("project", sa.String(), nullable=False, server_default=DEFAULT))
            changes.drop_constraint(f"{table}_name_key", type_="unique")
            changes.create_unique_constraint(f"{kind}_name", ["project", "name"])


def downgrade() -> None:
    for table, kind in NAMED.items():
        with _batch(table, kind) as changes:
            changes.drop_constraint(f"{kind}_name", type_="unique")
            changes.drop_column("project")
            changes.create_unique_constraint(f"{table}_name_key", ["name"])
    op.drop_index("jobs_project", "jobs")
    for table in ("idempotency_keys", "jobs"):
        op.drop_column(table, "project")
    op.drop_table("audit_events")
    op.drop_table("api_keys")
    op.drop_table("projects")


def _batch(table: str, kind: str) -> AbstractContextManager[BatchOperations]:
    """Alters a table, or on SQLite, makes it anew. SQLite's CHECK constraints aren't found by reflection."""
    check = sa.CheckConstraint(STATUSES, name=f"{kind}_status")
    return op.batch_alter_table(table, naming_convention=NAMING, table_args=(check,))
