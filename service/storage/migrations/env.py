"""Alembic's environment: runs the migrations on the connection that service.storage.database.migrate passes."""

from alembic import context

from service.storage.records import Record

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
