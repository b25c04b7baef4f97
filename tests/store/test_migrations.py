"""Every schema there ever was becomes the newest one, and the newest is what the models say."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlmodel import SQLModel

import store.models  # noqa: F401  # fills SQLModel.metadata
from agent.errors import StoreBusy, StoreError
from store import items, migrations, search
from store.database import FILE_NAME, Database, engine_at, open_database, open_to_read, writer_lock
from store.search import Scope
from tests.store.rows import row

FOLDER = str(Path(migrations.__file__).parent)
EARLIER = [f"{n:04}" for n in range(1, 14)]
FULL_TEXT = ("item_text", "item_cjk")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = engine_at(tmp_path / FILE_NAME, 1.0)
    yield made
    made.dispose()


def schema(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        )
        return [(kind, name, sql) for kind, name, sql in rows]


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", FOLDER)
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][
        ::-1
    ]


def test_head_is_the_last_of_one_line_of_revisions() -> None:
    assert revisions() == [*EARLIER, migrations.HEAD]


def test_empty_file_becomes_the_newest_schema(engine: Engine) -> None:
    assert migrations.current_revision(engine) is None
    migrations.upgrade(engine)
    assert migrations.current_revision(engine) == migrations.HEAD


def test_reader_upgrades_only_while_nobody_writes(engine: Engine, tmp_path: Path) -> None:
    migrations.upgrade(engine, EARLIER[0])
    with writer_lock(tmp_path), pytest.raises(StoreBusy):
        open_to_read(tmp_path)
    assert migrations.current_revision(engine) == EARLIER[0]
    open_to_read(tmp_path).close()
    assert migrations.current_revision(engine) == migrations.HEAD
    with writer_lock(tmp_path):
        open_to_read(tmp_path).close()


@pytest.mark.parametrize("earlier", EARLIER)
def test_earlier_schema_becomes_the_newest_and_keeps_its_rows(
    engine: Engine, tmp_path: Path, earlier: str
) -> None:
    migrations.upgrade(engine, earlier)
    assert migrations.current_revision(engine) == earlier
    with engine.begin() as connection:
        old = {
            **row(1, "kept through the change 英伟达股价"),
            "event_reason": "",
            "state_reason": "",
        }
        old |= {"first_seen_at": "2025-01-27 12:00:00.000000", "published_at": None}
        names = ", ".join(old)
        connection.execute(
            text(f"INSERT INTO item ({names}) VALUES (:{names.replace(', ', ', :')})"), old
        )
        if earlier >= "0013":  # since then whoever adds an item indexes its Chinese
            search.learn(connection, [old])
    upgraded = open_database(tmp_path)
    assert migrations.current_revision(engine) == migrations.HEAD
    with upgraded.reading() as connection:
        (found,) = items.listing(connection, match="kept")
        scope = Scope(until=datetime(2025, 2, 1, tzinfo=UTC))
        assert search.lexical(connection, [], search.pairs("英伟达"), scope, 9) == [found.number]
    assert found.id == "i1"
    upgraded.close()


@pytest.mark.parametrize("earlier", EARLIER)
def test_every_way_ends_in_the_same_schema(engine: Engine, tmp_path: Path, earlier: str) -> None:
    migrations.upgrade(engine, earlier)
    migrations.upgrade(engine)
    fresh = engine_at(tmp_path / "fresh.sqlite3", 1.0)
    migrations.upgrade(fresh)
    assert schema(engine) == schema(fresh)
    fresh.dispose()


def test_schema_is_what_the_models_say(engine: Engine) -> None:
    migrations.upgrade(engine)

    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return not (kind == "table" and str(name).startswith(FULL_TEXT))

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_ours, "compare_type": True}
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_upgrade_at_the_head_changes_nothing(engine: Engine) -> None:
    migrations.upgrade(engine)
    before = schema(engine)
    migrations.upgrade(engine)
    assert schema(engine) == before


def test_newer_schema_is_refused_and_left_alone(engine: Engine, tmp_path: Path) -> None:
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    before = schema(engine)
    with pytest.raises(StoreError, match="schema 0999, this program knows up to") as refused:
        open_database(tmp_path)
    assert "Upgrade" in refused.value.way_out
    assert schema(engine) == before


def test_upgrade_that_breaks_off_leaves_the_earlier_schema(engine: Engine) -> None:
    migrations.upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE in_the_way (a)"))
        connection.execute(
            text("CREATE TRIGGER item_text_update AFTER DELETE ON in_the_way BEGIN SELECT 1; END")
        )  # 0002 wants that name, near its end
    before = schema(engine)
    with pytest.raises(Exception, match="item_text_update already exists"):
        migrations.upgrade(engine)
    assert schema(engine) == before
    assert migrations.current_revision(engine) == "0001"


def test_file_of_another_program_is_not_taken_over(tmp_path: Path) -> None:
    other = create_engine(f"sqlite:///{tmp_path / FILE_NAME}")
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE item (name)"))
        connection.execute(text("INSERT INTO item VALUES ('theirs')"))
    with pytest.raises(StoreError, match="item already exists"):
        open_database(tmp_path)
    with other.connect() as connection:
        assert connection.execute(text("SELECT * FROM item")).fetchall() == [("theirs",)]
    other.dispose()


def test_open_database_hands_out_the_newest_schema(tmp_path: Path) -> None:
    database: Database = open_database(tmp_path)
    with database.reading() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert found == migrations.HEAD
    database.close()
