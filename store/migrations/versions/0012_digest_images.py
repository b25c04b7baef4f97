"""The pictures of a digest as it was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.add_column("digest", sa.Column("images", sa.JSON(), server_default="{}", nullable=False))
