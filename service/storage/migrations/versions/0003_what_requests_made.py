"""The resource that a request with an idempotency key created. Of a dataset's request, only the file is kept."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DATASETS = sa.table("datasets", sa.column("id", sa.String), sa.column("options", sa.JSON), sa.column("file", sa.JSON))


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("resource_id", sa.String(), nullable=True))
    op.add_column("datasets", sa.Column("file", sa.JSON(), nullable=True))
    _copy(DATASETS.c.options, DATASETS.c.file, lambda options: options.get("file"))
    op.drop_column("datasets", "options")


def downgrade() -> None:
    op.add_column("datasets", sa.Column("options", sa.JSON(), nullable=False, server_default="{}"))
    _copy(DATASETS.c.file, DATASETS.c.options, lambda file: {"file": file})
    op.drop_column("datasets", "file")
    op.drop_column("idempotency_keys", "resource_id")


def _copy(source: sa.ColumnClause, target: sa.ColumnClause, change: Callable[[dict[str, Any]], Any]) -> None:
    connection = op.get_bind()
    for id_, value in connection.execute(sa.select(DATASETS.c.id, source)).all():
        if value and (changed := change(value)):
            connection.execute(sa.update(DATASETS).where(DATASETS.c.id == id_).values({target.name: changed}))
