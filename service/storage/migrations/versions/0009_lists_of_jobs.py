"""Indexes for the pages of lists of jobs, with any filter."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LISTS = {
    "jobs_list": ["kind", "id"],
    "jobs_list_status": ["kind", "status", "id"],
    "jobs_list_model": ["kind", "model_name", "id"],
    "jobs_list_dataset": ["kind", "dataset_name", "id"],
}


def upgrade() -> None:
    for name, columns in LISTS.items():
        op.create_index(name, "jobs", columns)


def downgrade() -> None:
    for name in LISTS:
        op.drop_index(name, "jobs")
