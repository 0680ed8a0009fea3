"""Snapshots of trainings, the jobs that trainings start from, and versions that were made of snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("job_id", sa.String(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("epoch", sa.Integer(), primary_key=True),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
    )
    op.add_column("jobs", sa.Column("parent", sa.String(), nullable=True))
    op.create_index("jobs_parent", "jobs", ["parent", "id"])
    op.add_column("versions", sa.Column("trained_by", sa.String(), nullable=True))
    op.add_column("versions", sa.Column("epoch", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "epoch")
    op.drop_column("versions", "trained_by")
    op.drop_index("jobs_parent", "jobs")
    op.drop_column("jobs", "parent")
    op.drop_table("snapshots")
