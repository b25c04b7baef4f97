"""A secret that is committed is found by the gate, and what only looks like one is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import secrets_scan

PLANTED = {
    "an OpenAI key": 'OpenAI(api_key|="sk-|abcdefgh1234567890wXT3BlbkFJa1b2c3d4e5f6g7h8i9j0")',
    "a project key": "OPENAI_API_KEY=sk-|proj-Zx81mNq0Lw93Yt5_KdVb2Ra7Ue-4CsPf6Gh",
    "a compatible endpoint's key": "key: sk-|0f3c9ab2417d4e5f8a6b7c8d9e0f1a2b",
    "an AWS key": "aws_access_key_id = AKIA|Q3EGRZ7TL5WK2NVB",
    "a private key": "-----BEGIN |RSA PRIVATE KEY-----",
    "a password in an address": "feed = 'https:/|/me:hunter2Zebra@feeds.example/rss'",
    "a password in a query": "url = https://feeds.example/rss?user=me&password|=hunter2Zebra",
    "a password in code": "smtp_password = '|hunter2Zebra'",
    "a GitHub token": "token ghp_|1a2B3c4D5e6F7g8H9i0JkLmNoPqRsTuVwXyZ",
    "a Slack hook": "https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/|aBcDeFgHiJkLmNoPqRsTuVwX",
    "a Telegram token": "tgram: 123456789:|AAF3-bcDEfghIJklMNopQRstUVwxYZ01234",
}
"""Realistic and made up; cut in two by a bar, or this file would be refused."""
HARMLESS = (
    'password_env = "THESIS_SMTP_PASSWORD"',
    "password = os.environ['SMTP_PASSWORD']",
    "api_key=config.openai_api_key.get_secret_value()",
    "url = 'https://user:{password}@host/feed'",
    "https://www.example.com/2024/11/04/sk-hynix-shares-rally-after-the-14th.html",
    "numpy==2.3.1 --hash=sha256:0a4f5ff8b6d6a5c9ad6d1d4ab8a5a2d0d9f3f4f36cf4f1f38d91d1c27a1d2bcd",
    "smtp_password = 'hunter2Zebra'  # pragma: allowlist secret",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(".env\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("name", ["config.toml", "agent.py", "notes"])
def test_a_planted_secret_is_found_where_it_stands(kind: str, name: str, repository: Path) -> None:
    text = "# a line before\n" + PLANTED[kind].replace("|", "") + "\n"
    (repository / name).write_text(text, encoding="utf-8")
    assert [(one.path, one.line) for one in secrets_scan.scan(repository)][:1] == [(name, 2)]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_is_let_pass(line: str, repository: Path) -> None:
    (repository / "agent.py").write_text(line + "\n", encoding="utf-8")
    assert secrets_scan.scan(repository) == []


def test_what_git_ignores_is_not_looked_at(repository: Path) -> None:
    (repository / ".env").write_text(PLANTED["a project key"].replace("|", ""), encoding="utf-8")
    (repository / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    assert secrets_scan.scan(repository) == []


def test_a_folder_that_is_no_repository_is_searched_whole(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    text = PLANTED["an AWS key"].replace("|", "")
    (tmp_path / "deep" / "notes").write_text(text, encoding="utf-8")
    assert [one.path for one in secrets_scan.scan(tmp_path)] == ["deep/notes"]


def test_the_command_fails_and_never_says_the_secret(repository: Path) -> None:
    (repository / "notes").write_text(PLANTED["a project key"].replace("|", ""), encoding="utf-8")
    command = [sys.executable, "-m", "tests.secrets_scan", str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "notes:1: Key of an OpenAI-compatible endpoint" in done.stderr
    assert "Zx81" not in done.stdout + done.stderr
    (repository / "notes").unlink()
    assert subprocess.run(command, check=False).returncode == 0


def test_detectors_of_what_we_rely_on_are_there() -> None:
    kinds = {detector.secret_type for detector in secrets_scan._detectors()}
    assert {"AWS Access Key", "Private Key", "Basic Auth Credentials", "Secret Keyword"} <= kinds
