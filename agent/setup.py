"""`thesis init`: a folder with config.toml, a thesis of one's own to edit, and room for data."""

import re
import shutil
from pathlib import Path

from agent import config as configuration
from agent import thesis as theses
from agent.errors import ConfigError

THESIS_FOLDER = "thesis"
ENV_FILE = ".env.example"
ENV_EXAMPLE = '# OPENAI_API_KEY=sk-...   for [embedding] kind = "openai" and the language model\n'


def initialise(folder: Path) -> Path:
    """Write the files and return the path of config.toml; nothing that exists is touched."""
    path = folder / configuration.FILE_NAME
    if path.exists():
        raise ConfigError(f"{path} exists already", "Edit it, or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(theses.BUNDLED / "nvda_short_case", folder / THESIS_FOLDER)
        if not (folder / ENV_FILE).exists():
            (folder / ENV_FILE).write_text(ENV_EXAMPLE, encoding="utf-8")
        path.write_text(_with_own_thesis(configuration.default_text()), encoding="utf-8")
        configuration.load(path).data_folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror or error}", "Name another folder"
        ) from error
    return path


def _with_own_thesis(text: str) -> str:
    """The default configuration, watching the copy in the folder instead of the bundled file."""
    own = f'file = "{THESIS_FOLDER}/{theses.THESIS_FILE}"'
    return re.sub(r'^file = ".*"$', own, text, count=1, flags=re.MULTILINE)
