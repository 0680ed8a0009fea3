"""What workers offer, whether they drain, and indexes for claims and for what ended before or after a moment."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

CLAIMABLE = sa.text("status = 'queued' AND waits_for IS NULL")
COLUMNS = ("queues", "devices", "desired_status", "started_at")


def upgrade() -> None:
    # Workers of the previous release, which write rows without these columns, claim from the queue `cpu`.
    op.add_column("workers", sa.Column("queues", sa.JSON(), nullable=False, server_default='["cpu"]'))
    op.add_column("workers", sa.Column("devices", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("desired_status", sa.String(), nullable=False, server_default="running"))
    op.add_column("workers", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "jobs_claim",
        "jobs",
        ["queue", sa.text("priority DESC"), "id", "kind"],
        sqlite_where=CLAIMABLE,
        postgresql_where=CLAIMABLE,
    )
    op.create_index("jobs_finished", "jobs", ["finished_at"])


def downgrade() -> None:
    op.drop_index("jobs_finished", "jobs")
    op.drop_index("jobs_claim", "jobs")
    for name in reversed(COLUMNS):
        op.drop_column("workers", name)
