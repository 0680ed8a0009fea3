"""The requests of callers that several hosts count together."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An unlogged table of PostgreSQL is cheaper to write: commits don't wait for the disk. After a crash it is empty,
    # so that all windows begin again.
    is_server = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "rate_windows",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        prefixes=["UNLOGGED"] if is_server else [],
    )


def downgrade() -> None:
    op.drop_table("rate_windows")
