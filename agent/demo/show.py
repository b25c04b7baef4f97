"""`thesis demo`: the whole job on the bundled archive, offline, in a temporary folder."""

import csv
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import charts, hearing, report, screen
from agent import config as configuration
from agent.replay import replay
from agent.sources import files
from agent.workspace import Workspace, writing

HERE = Path(__file__).parent
ARCHIVE = HERE / "archive.jsonl"
CLOSES = HERE / "nvda_closes.csv"
TOP = 6


def run() -> None:
    """Replay the archive and print the score's path, the top evidence and what to type next."""
    folder = Path(tempfile.mkdtemp(prefix="thesis-demo-"))
    path = folder / configuration.FILE_NAME
    path.write_text(_config(), encoding="utf-8")
    fetched = files.fetch(ARCHIVE, "demo")
    print(f"Replaying {len(fetched.drafts)} items, 2024-10 to 2025-04, offline and without a key.")
    with (
        writing(path) as workspace,
        screen.progress("replay", 2 * len(fetched.drafts), "judge", "replay") as progress,
    ):
        replay(workspace, fetched, "demo", progress)
        _show(workspace, folder)
    _next(path)


def _config() -> str:
    """The default configuration without its sources: the demo looks at nothing outside."""
    return configuration.default_text().split("# Sources:")[0]


def _show(workspace: Workspace, folder: Path) -> None:
    history = report.history(workspace, None, None)
    chart = folder / "score.png"
    charts.as_png(
        history,
        chart,
        title=f"{workspace.thesis.title}: strength of the thesis",
        prices=_closes(),
        price_label="NVDA close, USD",
    )
    print()
    print(charts.in_terminal(history, min(screen.console().width, 100)))
    print(f"\nThe same as a picture, with the NVDA price: {chart}\n")
    names = {category.id: category.name for category in workspace.thesis.categories}
    screen.score(report.score(workspace, None), names)
    rows = report.explain(workspace)["rows"]
    _side("For the thesis (bad for its subject)", [row for row in rows if row["contribution"] > 0])
    _side("Against it", [row for row in rows if row["contribution"] < 0])
    print("\nAlerts it would have sent as the days went by")
    screen.alerts(hearing.table(workspace, report.standing_at(workspace, None).as_of))


def _side(title: str, rows: list[dict[str, Any]]) -> None:
    out = screen.console()
    out.print(f"\n[bold]{title}[/bold]")
    if not rows:
        out.print("nothing")
    for row in rows[:TOP]:
        owners = len(row["owners"])
        more = f" and {owners - 1} more owner{'s' if owners > 2 else ''}" if owners > 1 else ""
        out.print(
            f"{row['contribution']:+.3f}  {row['category']}  {screen.safe(row['title'])}\n"
            f"        [dim]{screen.safe(row['publisher'])}{more}, {row['published'][:10]}, "
            f"{screen.safe(row['url'])}[/dim]"
        )


def _closes() -> list[charts.Point]:
    with CLOSES.open(encoding="utf-8", newline="") as stream:
        return [
            (datetime.fromisoformat(row["date"]).replace(tzinfo=UTC), float(row["close"]))
            for row in csv.DictReader(stream)
        ]


def _next(path: Path) -> None:
    print(f"""
What to type next (the demo's data stays in {path.parent}):
  thesis explain --since 2025-01-24 --as-of 2025-01-28 --config {path}
  thesis alerts --config {path}
  thesis digest --date 2025-01-27 --config {path}
  thesis ask "Who invested in Tenstorrent?" --config {path}
  thesis items --match deepseek --config {path}
  thesis init my-thesis      your own sources, your own essay""")
