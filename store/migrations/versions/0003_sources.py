"""What an item amends and lacks, when its date came, and how long a source is left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("item", sa.Column("amends", sa.String(), nullable=False, server_default=""))
    op.add_column("item", sa.Column("note", sa.String(), nullable=False, server_default=""))
    op.add_column("item", sa.Column("dated_at", sa.DateTime(), nullable=True))
    op.add_column("source_state", sa.Column("not_before", sa.DateTime(), nullable=True))
