"""What a job says of itself, and what it complains of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.daemon import work
from agent.daemon.jobs import Job
from agent.progress import silent
from agent.workspace import Workspace

NOW = datetime(2025, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_refused_lines_are_complained_of_by_source_and_line_once(
    workspaces: Callable[..., Workspace], lines: Callable[..., Path]
) -> None:
    path = lines({"title": "A chip"}, *(f"broken {n}" for n in range(work.MOST_REFUSED + 2)))
    source = f"[[sources]]\nname = 'mine'\nkind = 'file'\npath = '{path}'\n"
    opened = workspaces("watching", config=source)
    told = work.look(Job.FILES, opened, NOW, silent).complaints
    assert told[0].startswith("source 'mine', line 2: not JSON: expecting value. Correct that line")
    assert told[-1] == "and 2 more entries were refused"
    assert len(told) == work.MOST_REFUSED + 1
    assert work.look(Job.FILES, opened, NOW + HOUR, silent).complaints == ()
