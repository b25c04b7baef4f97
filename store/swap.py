"""Puts a finished file into the place of another in one step, so that no reader sees half of one.

POSIX lets a file be replaced while it is read. Windows refuses as long as somebody has it open;
our readers do so for a moment, and virus scanners too, so there it is tried again.
"""

import os
import time
from pathlib import Path

WINDOWS = os.name == "nt"
TRIES = 20
PAUSE = 0.05
"""Seconds between two tries."""


def swap_in(draft: Path, path: Path) -> None:
    """Replace `path` with `draft`. Raises OSError; on Windows when it was refused for a second."""
    for _ in range(TRIES - 1 if WINDOWS else 0):
        try:
            draft.replace(path)
        except PermissionError:
            time.sleep(PAUSE)
        else:
            return
    draft.replace(path)
