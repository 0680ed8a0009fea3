"""The metadata of datasets, models and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = ("datasets", "models", "jobs")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("metadata", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "metadata")
