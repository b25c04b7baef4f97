"""Data folders as earlier versions left them, a pack a schema; README.md says how they are made."""

import tarfile
from pathlib import Path

HERE = Path(__file__).parent
ENDING = ".tar.xz"
CONFIG = "config.toml"
DATA = "data"


def kept() -> list[str]:
    """The schemas of which a folder is kept, oldest first."""
    return sorted(path.name.removesuffix(ENDING) for path in HERE.glob(f"*{ENDING}"))


def unpack(schema: str, into: Path, of: Path = HERE) -> Path:
    """The folder as it was left, from those in `of`; gives the path of its config.toml."""
    with tarfile.open(of / f"{schema}{ENDING}") as packed:
        packed.extractall(into, filter="data")
    for path in into.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return into / CONFIG
