"""Runs the steps in `versions/`; called through `app.store.session`."""

from alembic import context

from app.store.tables import metadata

with context.config.attributes["engine"].begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
