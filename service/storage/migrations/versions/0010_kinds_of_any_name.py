"""A kind of job is a module of the service, which no table lists: a new kind needs no migration."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME = "job_kind"
CONDITION = "kind IN ('build', 'import', 'training', 'evaluation', 'batch_prediction')"
CONSTRAINT = f"CONSTRAINT {NAME} CHECK ({CONDITION})"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_sqlite_table(f"{CONSTRAINT}, ", "")
    else:
        op.drop_constraint(NAME, "jobs", type_="check")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite_sqlite_table("CONSTRAINT job_status", f"{CONSTRAINT}, CONSTRAINT job_status")
    else:
        op.create_check_constraint(NAME, "jobs", CONDITION)


def _rewrite_sqlite_table(old: str, new: str) -> None:
    """Change the text that SQLite keeps of the table: its documented way to change a CHECK (lang_altertable.html).

    Making the table anew would remove the old one, and with it, by their foreign keys, all events.
    """
    connection = op.get_bind()
    definition = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'jobs'"))
    one_line = " ".join(str(definition).split())
    assert old in one_line, one_line
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = 'jobs'"),
        {"sql": one_line.replace(old, new)},
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {int(version or 0) + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = RESET"))
