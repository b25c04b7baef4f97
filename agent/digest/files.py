"""A digest as files: the mail, its page, its text and its pictures."""

import base64
import tempfile
import webbrowser
from pathlib import Path

from agent.channels import email
from agent.digest.making import Digest
from agent.digest.schedule import Kind
from agent.errors import ThesiswatchError

NOBODY = "thesis@localhost"


def write(digest: Digest, folder: Path) -> list[Path]:
    """Write it into `folder`, named after its day; returns what was written.

    Raises ThesiswatchError when the folder cannot be written.
    """
    name, parcel = _name(digest), digest.parcel
    mail = email.compose(parcel, name, NOBODY, (NOBODY,))
    files = {
        f"{name}.eml": bytes(mail),
        f"{name}.html": as_page(digest).encode(),
        f"{name}.txt": f"{parcel.subject}\n\n{parcel.text}\n".encode(),
        **{f"{name}-{image}.png": base64.b64decode(data) for image, data in parcel.images.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
    except OSError as error:
        reason = error.strerror or error
        raise ThesiswatchError(f"{folder} cannot be written: {reason}", "Name another") from error
    return [folder / file for file in files]


def _name(digest: Digest) -> str:
    kind = "digest" if digest.kind is Kind.DAILY else "weekly"
    return f"{kind}-{digest.day}"


def as_page(digest: Digest) -> str:
    """The page with its pictures in it, for a browser."""
    html = digest.parcel.html
    for image, data in digest.parcel.images.items():
        html = email.with_picture(html, image, f"data:image/png;base64,{data}")
    return html


def open_page(digest: Digest) -> None:
    """Show the page in the user's browser. Raises ThesiswatchError where there is none."""
    folder = Path(tempfile.mkdtemp(prefix="thesis-digest-"))
    path = folder / f"{_name(digest)}.html"
    path.write_text(as_page(digest), encoding="utf-8")
    if not webbrowser.open(path.as_uri()):
        raise ThesiswatchError(f"no browser opened {path}", "Open it by hand, or use --out DIR")
