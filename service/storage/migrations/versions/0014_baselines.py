"""The metrics of the naive guess beside those of a training."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("baseline", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "baseline")
