"""The evaluations that training jobs create when they end."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("made_by", sa.String(), nullable=True))
    op.create_index("ix_jobs_made_by", "jobs", ["made_by"])


def downgrade() -> None:
    op.drop_index("ix_jobs_made_by", "jobs")
    op.drop_column("jobs", "made_by")
