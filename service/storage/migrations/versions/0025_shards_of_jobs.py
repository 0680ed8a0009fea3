"""Jobs whose work is spread over other jobs: which jobs are parts of which, and into how many shards it was divided."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

IS_PART = sa.text("part_of IS NOT NULL")
COLUMNS = ("part_of", "shard", "shards")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("part_of", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("shard", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("shards", sa.Integer(), nullable=True))
    op.create_index("jobs_parts", "jobs", ["part_of", "shard"], sqlite_where=IS_PART, postgresql_where=IS_PART)


def downgrade() -> None:
    op.drop_index("jobs_parts", "jobs")
    for name in reversed(COLUMNS):
        op.drop_column("jobs", name)
