"""Merges and splits of events and which items they moved; the prompts that models were told."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables, and let an event say what became of it."""
    op.create_table(
        "regrouping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_event", sa.String(), nullable=False),
        sa.Column("to_event", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_regrouping_at", "regrouping", ["at"])
    op.create_table(
        "move",
        sa.Column("regrouping_id", sa.Integer(), nullable=False),
        sa.Column("item_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["regrouping_id"], ["regrouping.id"]),
        sa.ForeignKeyConstraint(["item_number"], ["item.number"]),
        sa.PrimaryKeyConstraint("regrouping_id", "item_number"),
    )
    op.create_index("ix_move_item_number", "move", ["item_number"])
    op.create_table(
        "prompt_version",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.add_column("event", sa.Column("merged_into", sa.String(), nullable=False, server_default=""))
