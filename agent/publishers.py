"""Who wrote an item, and what their word is worth. The owner counts, not the domain.

The table is `publishers.toml` beside this file; a user's ratings in config.toml win over it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

TABLE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher; `reliability` in [0.3, 1]. `opinion` marks outlets that mostly argue."""

    name: str
    owner: str
    reliability: float
    opinion: bool = False
    aggregator: bool = False


class Publishers:
    """Resolves names and URLs to publishers; unknown ones get the default reliability."""

    def __init__(
        self,
        default_reliability: float,
        ratings: Mapping[str, float],
        table: str | None = None,
    ) -> None:
        rows = tomllib.loads(table or TABLE.read_text(encoding="utf-8"))["publishers"]
        own = {name.casefold(): value for name, value in ratings.items()}
        self._default = default_reliability
        self._ratings = own
        self._by_name: dict[str, Publisher] = {}
        self._by_domain: dict[str, Publisher] = {}
        self._seen: dict[tuple[str, str], Publisher] = {}
        for row in rows:
            publisher = Publisher(
                name=row["name"],
                owner=row["owner"],
                reliability=own.get(row["name"].casefold(), row["reliability"]),
                opinion=row.get("opinion", False),
                aggregator=row.get("aggregator", False),
            )
            for name in (row["name"], *row.get("aliases", ())):
                self._by_name[name.casefold()] = publisher
            for domain in row["domains"]:
                self._by_domain[domain] = publisher

    def resolve(self, name: str, url: str | None) -> Publisher:
        """The publisher called `name` (may be empty) or, failing that, the one behind `url`.

        On an aggregator (a site that carries others' work) the writer it names is the owner or,
        when it names none, the page's own section: two writers on one platform stay two.
        """
        host, path = _split(url)
        section = path.strip("/").split("/")[0] if path else ""
        key = (name, f"{host}/{section}")
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = self._resolve(name, host, section)
        return found

    def _resolve(self, name: str, host: str, section: str) -> Publisher:
        by_name = self._by_name.get(name.casefold()) or self._by_host(name.casefold())
        by_host = self._by_host(host)
        if by_name and not by_name.aggregator:
            return by_name
        if by_host and not by_host.aggregator:
            return by_host
        if name.strip() and not by_name and not _looks_like_host(name):
            return self._unknown(name, name)
        if by_host:
            return replace(by_host, owner=f"{host}/{section}".rstrip("/"))
        domain = self._registrable(host or name.casefold())
        return self._unknown(domain, domain)

    def _unknown(self, name: str, owner: str) -> Publisher:
        return Publisher(name, owner, self._ratings.get(name.casefold(), self._default))

    def _by_host(self, host: str) -> Publisher | None:
        while "." in host:
            if host in self._by_domain:
                return self._by_domain[host]
            host = host.split(".", 1)[1]
        return None

    def _registrable(self, host: str) -> str:
        """`news.example.co.uk` -> `example.co.uk`, by the public-suffix list tldextract carries."""
        extracted = self._suffixes(host)
        return str(extracted.top_domain_under_public_suffix) or host or "unknown"

    @cached_property
    def _suffixes(self):  # type: ignore[no-untyped-def]  # tldextract is imported late
        import tldextract

        return tldextract.TLDExtract(
            suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True
        )


def _split(url: str | None) -> tuple[str, str]:
    try:
        parts = urlsplit(url or "")
        return (parts.hostname or "").removeprefix("www."), parts.path
    except ValueError:
        return "", ""


def _looks_like_host(name: str) -> bool:
    return "." in name and " " not in name
