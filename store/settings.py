"""What the data folder remembers about itself."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from store.models import Setting

_SETTING = Setting.__table__  # type: ignore[attr-defined]


def read(connection: Connection, key: str) -> str | None:
    """A remembered value."""
    return connection.execute(select(_SETTING.c.value).where(_SETTING.c.key == key)).scalar()


def keep(connection: Connection, key: str, value: str) -> None:
    """Remember a value."""
    query = insert(_SETTING).values(key=key, value=value)
    connection.execute(query.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
