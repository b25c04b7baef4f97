"""Brings a database file to the newest schema with Alembic, and does nothing when it is there.

Alembic is only imported when there is something to do: most commands never pay for it.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from agent.errors import StoreError

HEAD = "0014"
_FOLDER = Path(__file__).parent


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run what is missing up to `revision`; a file from a newer program is refused."""
    current = current_revision(engine)
    if current == HEAD and revision == "head":
        return
    if current is not None and current > HEAD:
        raise StoreError(
            f"the database has schema {current}, this program knows up to {HEAD}",
            "Upgrade thesiswatch",
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def current_revision(engine: Engine) -> str | None:
    """The file's revision, None for an empty file."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None
