"""Columns for resuming a job from a checkpoint and for orders to a running job."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("orders", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("jobs", sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("checkpoint", sa.JSON(), nullable=True))


def downgrade() -> None:
    for name in ("checkpoint", "closed", "orders", "deaths"):
        op.drop_column("jobs", name)
