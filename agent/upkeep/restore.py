"""`thesis restore`: a backup in the place of what is there. The old state or the new, never half:

verify     every name, size and SHA-256     before anything is written
| unpack   the database, beside             checked through, upgraded, all vectors in its outbox
| write    config.toml and thesis, beside   where there are none: from here on no room is needed
| keep     the old database, beside         under a name of its own
| empty    the vector index                 the old outbox is full by then, should it end here
| put      the new database in place        in one transaction
| settings config.toml last                 who finds one has its thesis and its data

Killed before the last step, a folder without a configuration is left without one: no daemon begins
there on data that are not the backup's. Running it again, with --force, is all there is to do.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import config as configuration
from agent import thesis as theses
from agent.config import Config
from agent.errors import ConfigError, StoreError, ThesisFileError
from agent.upkeep import archive, drafts
from agent.upkeep.archive import CONFIG, EXEMPLARS, THESIS, Archive
from agent.upkeep.cells import instant
from store import copies, index_process, migrations
from store.copies import Contents
from store.database import FILE_NAME, daemon_lock, exists, writer_lock


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in `folder` now; `kept` is the database that was there, or None.

    `written` and `left` are files of the configuration: those that were not there, and those that
    were, with whether they differ from the backup's. `notes` are sentences.
    """

    made_at: datetime
    folder: Path
    contents: Contents
    kept: Path | None
    written: tuple[Path, ...]
    left: tuple[tuple[Path, bool], ...]
    notes: tuple[str, ...]

    def as_row(self) -> dict[str, Any]:
        """As an answer."""
        held = self.contents
        return {
            "data": str(self.folder),
            "made_at": instant(self.made_at),
            "items": held.items,
            "verdicts": held.verdicts,
            "ledger_rows": held.ledger_rows,
            "score": held.score,
            "as_of": instant(held.as_of) if held.as_of else None,
            "kept": str(self.kept) if self.kept else None,
            "written": [str(path) for path in self.written],
            "left_alone": [{"file": str(path), "differs": differs} for path, differs in self.left],
            "notes": list(self.notes),
        }


def restore(file: Path, config_path: Path, now: datetime, *, force: bool = False) -> Restored:
    """Put the backup `file` into the data folder of `config_path`, or of its own where none is.

    Raises StoreBusy while a daemon or another writer is at work, StoreError when there is a
    database already and not `force`, ThesiswatchError when the backup is not as it was made.
    """
    with archive.opened(file) as backup:
        _refuse_newer(backup)
        config = _config(backup.verify(), config_path)
        folder = config.data_folder
        with daemon_lock(folder), writer_lock(folder):
            if exists(folder) and not force:
                raise StoreError(
                    f"there is a database in {folder}",
                    "Add --force to put the backup in its place; it is kept beside",
                )
            return _replace(backup, config, config_path, now)


def _replace(backup: Archive, config: Config, config_path: Path, now: datetime) -> Restored:
    """All that writes, under the locks of the folder."""
    folder, manifest = config.data_folder, backup.manifest
    old = (folder / FILE_NAME).stat().st_size if exists(folder) else 0
    size = sum(member.size for member in manifest.members)
    needs = 2 * size + old if old else size
    copies.room_for(folder, needs)
    wanted = dict(_settings(backup, config, config_path))
    there = {path: path.read_bytes() for path in wanted if path.exists()}
    new = {path: text for path, text in wanted.items() if path not in there}
    with drafts.beside(folder, now, alone=True, needs=needs) as draft:
        backup.extract(FILE_NAME, draft / FILE_NAME)
        copies.make_ready(draft)
        with drafts.ready(new):
            kept = _swap(draft, folder)
            drafts.settle(folder)
    contents = copies.contents(folder, manifest.thesis)
    return Restored(
        made_at=manifest.made_at,
        folder=folder,
        contents=contents,
        kept=kept,
        written=tuple(new),
        left=tuple((path, there[path] != wanted[path]) for path in there),
        notes=tuple(_notes(backup, config, contents)),
    )


def _swap(draft: Path, folder: Path) -> Path | None:
    """Keep what is in place, and put the draft there; returns where the old one is kept."""
    kept = copies.keep(folder, draft) if exists(folder) else None
    try:
        if kept:
            copies.expect_empty_index(folder)
        index_process.empty(folder)
        copies.put(draft, folder)
    except StoreError:
        if kept:  # it is in place still: a copy for every try would fill the disk
            copies.unkeep(kept)
        raise
    return kept


def _refuse_newer(backup: Archive) -> None:
    said = backup.manifest
    if said.format > archive.FORMAT or said.schema_revision > migrations.HEAD:
        raise StoreError(
            f"{backup.path} was made by thesiswatch {said.program} with schema "
            f"{said.schema_revision}, this program knows up to {migrations.HEAD}",
            "Upgrade thesiswatch",
        )


def _config(backup: Archive, path: Path) -> Config:
    """The configuration that is there or, where there is none, as it would be."""
    if path.exists():
        return configuration.load(path)
    try:
        raw = tomllib.loads(backup.read(CONFIG).decode())
    except ValueError as error:
        raise ConfigError(
            f"the {CONFIG} in {backup.path} is not valid TOML: {error}", f"Write {path} first"
        ) from error
    return configuration.parse(raw, path)


def _settings(backup: Archive, config: Config, config_path: Path) -> Iterator[tuple[Path, bytes]]:
    """The files of the configuration with their places, in the order they are to be put there.

    Who finds a thesis file has all of it, and who finds a config.toml has its thesis.
    """
    place = _place_of_thesis(backup, config)
    if place is not None:
        folder = place.parent / theses.EXEMPLARS
        for member in backup.manifest.members:
            if member.name.startswith(EXEMPLARS) and not place.exists():
                yield folder / member.name.removeprefix(EXEMPLARS), backup.read(member.name)
        yield place, backup.read(THESIS)
    yield config_path, backup.read(CONFIG)


def _place_of_thesis(backup: Archive, config: Config) -> Path | None:
    """Where the backup's thesis belongs; None where it has none, or the place is not ours to fill.

    A file of that name outside of the configuration's folder might be anything.
    """
    if backup.manifest.member(THESIS) is None:
        return None
    try:
        found = theses.find(config.thesis.file, config.folder)
    except ThesisFileError:
        found = config.resolve(Path(config.thesis.file))
        if found.suffix != ".toml" or not found.is_relative_to(config.folder):
            return None
    return None if found.is_relative_to(theses.BUNDLED) else found


def _notes(backup: Archive, config: Config, contents: Contents) -> Iterator[str]:
    """What whoever restores should know besides."""
    name, of = config.thesis.file, backup.manifest.thesis
    if backup.manifest.member(THESIS) and _place_of_thesis(backup, config) is None:
        yield (
            f"The thesis in the backup was not written, as [thesis] file is {name!r}: unzip "
            f"{THESIS} and {EXEMPLARS} to where you want them, and name that"
        )
    try:
        thesis = theses.load(theses.find(name, config.folder))
        if thesis.id != of:
            yield f"The backup is of the thesis {of!r}, the configuration watches {thesis.id!r}"
    except ThesisFileError as error:
        yield f"The thesis cannot be watched yet: {error}"
    if contents.waiting:
        yield f"Messages that waited then go out with the next pass: {contents.waiting}"
    if contents.unindexed:
        yield (
            f"The index is empty: {contents.unindexed:,} vectors are put into it by the next pass, "
            "or by `thesis index rebuild`; nothing is lost meanwhile"
        )
