"""A full-text index over title, summary and text that the database itself keeps in step."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = "title, summary, text"
NEW = "new.title, new.summary, new.text"
OLD = "old.title, old.summary, old.text"
FORGET = f"INSERT INTO item_text(item_text, rowid, {COLUMNS}) VALUES ('delete', old.number, {OLD});"
LEARN = f"INSERT INTO item_text(rowid, {COLUMNS}) VALUES (new.number, {NEW});"


def upgrade() -> None:
    """Make the index, its triggers, and fill it from the items that are there."""
    op.execute(
        f"CREATE VIRTUAL TABLE item_text USING fts5({COLUMNS}, content='item', "
        "content_rowid='number', tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute(f"CREATE TRIGGER item_text_insert AFTER INSERT ON item BEGIN {LEARN} END")
    op.execute(f"CREATE TRIGGER item_text_delete AFTER DELETE ON item BEGIN {FORGET} END")
    op.execute(
        f"CREATE TRIGGER item_text_update AFTER UPDATE OF {COLUMNS} ON item "
        f"BEGIN {FORGET} {LEARN} END"
    )
    op.execute("INSERT INTO item_text(item_text) VALUES ('rebuild')")
