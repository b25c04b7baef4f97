"""Whether SQLite's file is as SQLite wrote it: a disk or a careless copy can change bytes of it,
and most pages are asked for by nobody for months.

SQLite keeps no checksums: a text or a number that became another valid one is not seen.
"""

from store.database import Database, damaged

_TABLES = """
    SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name <> 'embedding'
"""


def look(database: Database, *, whole: bool = False) -> None:
    """Raise StoreError when the database is damaged.

    Only `whole` holds every index against its table and reads every text: 5 s for 120,000 items
    where the short look takes one.
    """
    with database.bare() as connection:
        check = "integrity_check" if whole else "quick_check"
        (said,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
        if said != "ok":
            raise damaged(database.folder, said.splitlines()[-1])
        for (name,) in connection.execute(_TABLES).fetchall() if whole else ():
            for _ in connection.execute(f'SELECT * FROM "{name}"'):
                pass
