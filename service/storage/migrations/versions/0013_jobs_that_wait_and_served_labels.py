"""Jobs that wait for their model or dataset, and the label that a model serves."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("waits_for", sa.String(), nullable=True))
    op.create_index("jobs_waiting", "jobs", ["waits_for"])
    op.add_column("models", sa.Column("serve", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "serve")
    op.drop_index("jobs_waiting", "jobs")
    op.drop_column("jobs", "waits_for")
