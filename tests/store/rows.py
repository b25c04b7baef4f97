"""Column values of an item that nobody looks at closely."""

from datetime import UTC, datetime
from typing import Any

from store.models import ItemState

NOW = datetime(2025, 1, 27, 12, tzinfo=UTC)


def row(number: int, title: str = "a title", **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": f"i{number}",
        "title": title,
        "summary": "",
        "text": "",
        "first_seen_at": NOW,
        "published_at": NOW,
        "source": "s",
        "publisher": "p",
        "owner": "o",
        "lang": "",
        "kind": "news",
        "content_hash": "h",
        "state": ItemState.FETCHED,
        **more,
    }
