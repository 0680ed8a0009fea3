"""An index to find the few transitions and the last epoch in a long log."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("events_type", "events", ["job_id", "type", "seq"])


def downgrade() -> None:
    op.drop_index("events_type", "events")
