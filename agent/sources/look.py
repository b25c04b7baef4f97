"""One look at a source, whatever its kind."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from agent.config import Config, SourceSection
from agent.sources import arxiv, feeds, files
from agent.sources.article import Articles
from agent.sources.draft import Fetched
from agent.sources.edgar import Edgar, Known
from agent.sources.http import Client
from agent.sources.worker import FILINGS, Worker
from agent.thesis import Entity


class Looker:
    """Looks at sources, from threads if need be; use it as a context manager."""

    def __init__(self, config: Config, companies: Sequence[Entity], known: Known) -> None:
        self._config = config
        self._companies = companies
        self._known = known
        self._client = Client(config.http)
        self._worker = Worker()
        self._filing_worker = Worker(FILINGS)
        self._articles = Articles(self._client, self._worker.extract)
        self._edgar = Edgar(
            self._client, self._filing_worker.read_filing, known, config.http.user_agent
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._worker.close()
        self._filing_worker.close()

    def look(self, source: SourceSection, before: Any | None) -> Fetched:
        """What `source` has; `before` is its stored state. Raises SourceError."""
        if source.kind == "file" and source.path is not None:
            return files.fetch(self._config.resolve(source.path), source.name)
        last_look = before.last_success_at if before else None
        if source.kind == "edgar":
            return self._edgar.fetch(source, self._companies, last_look)
        if source.kind == "arxiv":
            return arxiv.fetch(source, self._client, self._worker.read_feed, last_look)
        marks = {"etag": before.etag, "last_modified": before.last_modified} if before else {}
        found = feeds.fetch(source, self._client, self._worker.read_feed, **marks)
        if not source.full_text:
            return found
        known = self._known([one.id for one in found.drafts])
        return replace(found, drafts=self._articles.complete(source.name, found.drafts, known))
