"""Versions of datasets. What a dataset was before is its first version, and every job reads that one."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATUSES = "status IN ('building', 'processing', 'ready', 'failed')"
COPIED = ("status", "source", "kind", "file", "descriptor", "folder", "error", "created_at")


def upgrade() -> None:
    versions = op.create_table(
        "dataset_versions",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("dataset_id", sa.String(), sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("file", sa.JSON(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("descriptor", sa.JSON(), nullable=True),
        sa.Column("folder", sa.String(), nullable=True),
        sa.Column("drift", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(STATUSES, name="dataset_version_status"),
        sa.UniqueConstraint("dataset_id", "number", name="dataset_version_number"),
    )
    op.add_column("datasets", sa.Column("version", sa.Integer(), nullable=True))
    op.add_column("datasets", sa.Column("last_version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("dataset_version", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("dataset_sha256", sa.String(), nullable=True))
    op.add_column("versions", sa.Column("dataset_version", sa.Integer(), nullable=True))
    _add_first_versions(versions)


def _add_first_versions(versions: sa.Table) -> None:
    bind = op.get_bind()
    columns = [sa.column(name, versions.c[name].type) for name in ("id", *COPIED)]
    datasets = sa.table("datasets", *columns, sa.column("version"))
    for row in bind.execute(sa.select(*columns).select_from(datasets)).mappings().all():
        sha256 = (row["file"] or {}).get("sha256")
        bind.execute(versions.insert().values(**row, dataset_id=row["id"], number=1, sha256=sha256))
    bind.execute(datasets.update().where(datasets.c.status == "ready").values(version=1))
    jobs = sa.table("jobs", *map(sa.column, ("dataset_id", "dataset_version", "dataset_sha256")))
    digest = sa.select(versions.c.sha256).where(versions.c.id == jobs.c.dataset_id).scalar_subquery()
    read = jobs.update().where(jobs.c.dataset_id.is_not(None))
    bind.execute(read.values(dataset_version=1, dataset_sha256=digest))
    bind.execute(sa.table("versions", sa.column("dataset_version")).update().values(dataset_version=1))


def downgrade() -> None:
    op.drop_column("versions", "dataset_version")
    op.drop_column("jobs", "dataset_sha256")
    op.drop_column("jobs", "dataset_version")
    op.drop_column("datasets", "last_version")
    op.drop_column("datasets", "version")
    op.drop_table("dataset_versions")
