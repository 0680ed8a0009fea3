"""The versions whose weights jobs use, and the weights that models reuse."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("folder", sa.String(), nullable=True))
    op.create_table(
        "job_sources",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "place"),
    )
    op.create_index("job_sources_version", "job_sources", ["model_id", "number"])


def downgrade() -> None:
    op.drop_table("job_sources")
    op.drop_column("models", "folder")
