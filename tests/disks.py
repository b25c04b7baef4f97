"""Small and read-only disks, mounted for one test; whoever may not mount is skipped, saying so."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator["Disk"]:
    """A disk of that size at `place`."""
    place.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place))
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class Disk:
    """`fill` leaves no byte free, `free_some` gives a piece back."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filling: list[Path] = []

    def fill(self, piece: int = 300_000) -> None:
        try:
            while True:
                self._filling.append(self.place / f"filling{len(self._filling)}")
                with self._filling[-1].open("wb") as file:
                    file.write(b"x" * piece)
        except OSError:
            pass

    def free_some(self) -> None:
        self._filling.pop().unlink()

    def free_all(self) -> None:
        while self._filling:
            self.free_some()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` cannot be written meanwhile: by its mode or, as root minds no mode, by a mount."""
    if os.geteuid() != 0:
        modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
        return
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*how: str) -> None:
    try:
        done = subprocess.run(["mount", *how], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"this test needs a mount: {error}")
    if done.returncode:
        pytest.skip(f"this test needs a mount: {done.stderr.splitlines()[0]}")
