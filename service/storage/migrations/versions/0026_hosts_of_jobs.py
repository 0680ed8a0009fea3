"""On how many workers a job runs, and the job that leads those that help it."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("hosts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("leader", sa.String(), nullable=True))
    op.create_index("jobs_leader", "jobs", ["leader"])


def downgrade() -> None:
    op.drop_index("jobs_leader", "jobs")
    op.drop_column("jobs", "leader")
    op.drop_column("jobs", "hosts")
