"""Alembic's entry: runs on the connection that `upgrade` opened, in its transaction."""

from alembic import context
from sqlmodel import SQLModel

import store.models  # noqa: F401  # fills SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
