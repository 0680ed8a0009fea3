"""Models and versions that come from a client's file, and from no dataset."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("models", "versions"):
        op.add_column(table, sa.Column("source", sa.JSON(), nullable=True))
        op.add_column(table, sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("models", sa.Column("trainable", sa.Boolean(), nullable=False, server_default=sa.true()))
    _let_dataset_be_null(nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM versions WHERE dataset_id IS NULL")
    _let_dataset_be_null(nullable=False)
    op.drop_column("models", "trainable")
    for table in ("versions", "models"):
        op.drop_column(table, "notes")
        op.drop_column(table, "source")


def _let_dataset_be_null(*, nullable: bool) -> None:
    # SQLite makes the table anew. No foreign key refers to it, so that removes nothing else.
    with op.batch_alter_table("versions") as table:
        table.alter_column("dataset_id", existing_type=sa.String(), nullable=nullable)
        table.alter_column("dataset_name", existing_type=sa.String(), nullable=nullable)
