"""Runs the steps in `versions/`; called through `app.store.migrate`."""

from alembic import context

from app.store.tables import Base

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    if connection.in_transaction():
        connection.get_transaction().commit()  # the house rule's one exception: Alembic owns this connection
