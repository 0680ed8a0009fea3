"""What pictures of a job's result need beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("points", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "points")
