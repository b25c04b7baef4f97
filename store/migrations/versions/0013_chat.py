"""What is asked and answered, and a full-text index of Chinese, which SQLite splits by no word."""

import sqlalchemy as sa
from alembic import op

from store import search

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables, and index the items that are there."""
    op.execute("CREATE VIRTUAL TABLE item_cjk USING fts5(pairs, tokenize='unicode61')")
    search.learn_all(op.get_bind())
    op.create_table(
        "conversation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("thesis_id", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("citations", sa.JSON(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_turn_conversation_id", "turn", ["conversation_id"])
