"""`thesis alerts simulate`: history replayed in a folder of its own, for what would have fired."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import alerting, hearing, report
from agent.alerts import Alert, Status
from agent.config import Config, DataSection
from agent.progress import Progress, silent
from agent.replay import replay
from agent.sources import Fetched
from agent.thesis import Thesis
from agent.workspace import CACHE, opened

Answer = dict[str, Any]


def run(
    config: Config,
    thesis: Thesis,
    fetched: Fetched,
    source: str,
    today: datetime,
    progress: Progress = silent,
) -> list[Answer]:
    """Every alert that would have fired, oldest first; nothing of it is kept or told."""
    with tempfile.TemporaryDirectory(prefix="thesis-simulate-") as folder:
        elsewhere = config.model_copy(update={"data": DataSection(folder=Path(folder))})
        cache = config.data_folder / CACHE
        if cache.is_dir():  # a judge that was fitted need not be fitted again
            shutil.copytree(cache, Path(folder) / CACHE)
        with opened(elsewhere, thesis) as workspace:
            replay(workspace, fetched, source, progress, today=today)
            fired = [one for one in alerting.listing(workspace) if one.status is not Status.PENDING]
    return [as_answer(one) for one in reversed(fired)]


def as_answer(alert: Alert) -> Answer:
    """An alert as `simulate` prints it."""
    return {
        "rule": alert.rule.value,
        "category": alert.subject,
        "direction": alert.direction.value,
        "severity": alert.severity.value,
        "fired_at": report.iso(alert.fired_at),
        "resolved_at": report.iso(alert.resolved_at),
        "status": alert.status.value,
        "inhibited_by": alert.inhibited_by,
        "headline": alert.case.headline,
        "owners": list(alert.case.figures.get("owners", alert.case.owners)),
        "events": [hearing.as_source(one) for one in alert.case.evidence],
        "id": alert.id,
    }
