"""Every error the product raises on purpose.

    ThesiswatchError          what happened, to which thing, what to do next
    +-- ConfigError           config.toml cannot be used
    +-- ThesisFileError       a thesis file cannot be used (.path, .line)
    +-- ItemError             one item cannot be taken (.source, .line)
    +-- SourceError           one source cannot be read now (.source)
    +-- EmbedderError         texts cannot be turned into vectors
    |   +-- TextRefused       one of these texts is the reason; the others may be fine
    +-- JudgeError            the judge cannot be made ready
    +-- ChannelError          a message could not be sent (.sure, .taken)
    +-- StoreError            the data folder cannot be read or written
        +-- StoreBusy         somebody else is writing to it
        +-- StoreFull         its disk has no room for what was to be written
        +-- StoreDamaged      the database is none, or no longer sound
        +-- IndexMismatch     the vector index was made by another embedder
        +-- IndexBroken       the vector index cannot be read or written; SQL has all of it

The command line prints the message and exits with 1. Anything else that escapes is a bug.
"""

from pathlib import Path


class ThesiswatchError(Exception):
    """Root of the tree: `message` names the thing, `way_out` says what to do about it."""

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(f"{message}. {way_out}" if way_out else message)
        self.message = message
        self.way_out = way_out


class ConfigError(ThesiswatchError):
    """The configuration is missing, malformed or has a key nobody knows."""


class ThesisFileError(ThesiswatchError):
    """A thesis file breaks its own rules; `line` is 1-based, or None for the whole file."""

    def __init__(self, path: Path, line: int | None, message: str, way_out: str = "") -> None:
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {message}", way_out)
        self.path = path
        self.line = line


class ItemError(ThesiswatchError):
    """One line or entry is not an item; the others are not touched by it."""

    def __init__(self, source: str, line: int, message: str, way_out: str = "") -> None:
        super().__init__(f"source {source!r}, line {line}: {message}", way_out)
        self.source = source
        self.line = line


class SourceError(ThesiswatchError):
    """A source could not be looked at: not the same as having nothing new.

    `passing` when the next moment may help; `wait` is how many seconds it asked to be left alone.
    """

    def __init__(
        self,
        source: str,
        message: str,
        way_out: str = "",
        *,
        passing: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(f"source {source!r}: {message}", way_out)
        self.source = source
        self.passing = passing
        self.wait = wait


class EmbedderError(ThesiswatchError):
    """The embedder refused or is not installed as it should be."""


class TextRefused(EmbedderError):
    """The embedder works and refuses one of the texts it was given."""


class JudgeError(ThesiswatchError):
    """The judge cannot be fitted or reached."""


class ChannelError(ThesiswatchError):
    """A message was not taken; `sure` that it did not arrive. Holds no secret.

    `taken` when it was, but not for everybody: sending it again would give others a second copy.
    """

    def __init__(
        self, channel: str, message: str, way_out: str = "", *, sure: bool, taken: bool = False
    ) -> None:
        super().__init__(f"channel {channel!r}: {message}", way_out)
        self.channel = channel
        self.sure = sure
        self.taken = taken


class StoreError(ThesiswatchError):
    """SQLite or the data folder refused: locked, full, read-only or damaged."""


class StoreBusy(StoreError):
    """Another process holds the writer's lock of this data folder."""


class StoreFull(StoreError):
    """There is too little room on the disk; what was there is there still."""


class StoreDamaged(StoreError):
    """SQLite finds the database file malformed, or no database at all."""


class IndexMismatch(StoreError):
    """The index remembers another embedder than the configured one."""


class IndexBroken(StoreError):
    """Chroma cannot read its files, or cannot write them: the index is to be made anew from SQL."""
