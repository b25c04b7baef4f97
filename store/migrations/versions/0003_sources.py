"""What an item amends, and until when a source asked to be left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both columns."""
    op.add_column("item", sa.Column("amends", sa.String(), nullable=False, server_default=""))
    op.add_column("source_state", sa.Column("not_before", sa.DateTime(), nullable=True))
