"""What is asked and answered, and a full-text index of Chinese, which SQLite splits by no word."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


BATCH = 1000
LONGEST = 4000
"""Characters of an item whose Chinese is indexed."""


def upgrade() -> None:
    """Make the tables, and index the items that are there."""
    op.execute("CREATE VIRTUAL TABLE item_cjk USING fts5(pairs, tokenize='unicode61')")
    _learn(op.get_bind())
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


def _learn(connection: sa.Connection) -> None:
    """Index the Chinese of the items that are there, some at a time."""
    last = 0
    query = "SELECT number, title || ' ' || summary || ' ' || text FROM item WHERE number > ?"
    while rows := connection.exec_driver_sql(
        f"{query} ORDER BY number LIMIT {BATCH}", (last,)
    ).fetchall():
        last = rows[-1][0]
        found = [(number, " ".join(_pairs(said[:LONGEST]))) for number, said in rows]
        found = [one for one in found if one[1]]
        if found:
            connection.exec_driver_sql("INSERT INTO item_cjk(rowid, pairs) VALUES (?, ?)", found)


def _pairs(words: str) -> list[str]:
    """Neighbouring Chinese characters; a lone one by itself."""
    found: list[str] = []
    for run in re.findall(r"[\u3400-\u9fff]+", words):
        found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return found
