"""How a process of our own is started: what it is called with, and what little it may know.

A child reads hostile bytes or writes an index; it has no use for keys, tokens and passwords, and
nobody can list the names that those have. So it gets the variables that a program needs to run.
"""

import os
import sys

NEEDED = frozenset(
    "HOME LANG LANGUAGE LOGNAME PATH TEMP TMP TMPDIR TZ USER VIRTUAL_ENV "
    "LD_LIBRARY_PATH DYLD_LIBRARY_PATH OMP_NUM_THREADS OPENBLAS_NUM_THREADS "
    "PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONHOME PYTHONUTF8 PYTHONWARNINGS "
    "APPDATA COMSPEC LOCALAPPDATA PROGRAMDATA SYSTEMDRIVE SYSTEMROOT USERPROFILE WINDIR".split()
)
"""Names of what a child is given of the parent's environment; the last line is for Windows."""


def command(module: str, *arguments: str) -> list[str]:
    """Runs `module`; no file of the folder that we stand in is taken for a module."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """The parent's variables that are NEEDED or set a locale, and where it finds its modules."""
    given = {
        name: text
        for name, text in os.environ.items()
        if name.upper() in NEEDED or name.startswith("LC_")
    }
    return given | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
