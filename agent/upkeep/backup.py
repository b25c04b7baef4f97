"""`thesis backup`: what cannot be had again, in one file, while whoever writes goes on."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent import thesis as theses
from agent.errors import ThesiswatchError
from agent.thesis import Thesis
from agent.upkeep import archive, drafts
from agent.upkeep.archive import CONFIG, EXEMPLARS, THESIS, Manifest
from agent.workspace import read_settings, require_data
from store import copies, upkeep
from store.database import FILE_NAME


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made: where it is, how large in bytes, and what it holds."""

    file: Path
    size: int
    manifest: Manifest

    def as_row(self) -> dict[str, Any]:
        """As an answer."""
        said = self.manifest.model_dump(mode="json", exclude={"format"})
        return {"file": str(self.file), "bytes": self.size, **said}


def make(config_path: Path, file: Path, now: datetime, *, force: bool = False) -> Backup:
    """Write a backup to `file`, which appears whole, read back and checked, or not at all.

    Raises ThesiswatchError when there is a `file` already and not `force`.
    """
    config, thesis = read_settings(config_path)
    require_data(config)
    if file.is_dir() or (file.exists() and not force):
        way_out = "Name a file in it" if file.is_dir() else "Name another, or add --force"
        raise ThesiswatchError(f"{file} exists already", way_out)
    texts = {CONFIG: _read(config_path), **_of_thesis(thesis)}
    needs = 2 * upkeep.size_of(config.data_folder) + sum(map(len, texts.values()))
    with drafts.beside(file.parent, now, file=file, needs=needs) as folder:
        copies.take(config.data_folder, folder / FILE_NAME)
        held = copies.contents(folder, thesis.id)
        manifest = archive.write(
            folder / "backup.zip",
            {FILE_NAME: folder / FILE_NAME, **texts},
            program=version("thesiswatch"),
            schema_revision=held.schema,
            made_at=now,
            thesis=thesis.id,
            items=held.items,
            verdicts=held.verdicts,
            ledger_rows=held.ledger_rows,
            score=held.score,
            as_of=held.as_of,
        )
        with archive.opened(folder / "backup.zip") as again:
            again.verify()
        drafts.put(folder / "backup.zip", file)
        return Backup(file, file.stat().st_size, manifest)


def _of_thesis(thesis: Thesis) -> dict[str, bytes]:
    """The files of a thesis of one's own; a bundled one comes with the program.

    Those that the program reads, and no others: secrets may lie beside them. Byte for byte, as a
    thesis' version is the hash of its file.
    """
    if thesis.path.is_relative_to(theses.BUNDLED):
        return {}
    exemplars = {f"{EXEMPLARS}{path.name}": _read(path) for path in thesis.exemplars}
    return {THESIS: _read(thesis.path), **exemplars}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ThesiswatchError(
            f"{path} cannot be read: {error.strerror or error}", "Check the file"
        ) from error
