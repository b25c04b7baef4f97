"""What kept folders need when they are opened."""

from collections.abc import Iterator

import pytest

from tests.hook_server import HookServer


@pytest.fixture(scope="module")
def hook() -> Iterator[HookServer]:
    """Where the channels in the configurations of the folders lead."""
    with HookServer() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAT_URL", running.address)
        patch.setenv("PAGER_URL", running.address)
        yield running
