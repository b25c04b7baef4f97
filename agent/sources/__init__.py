"""Where items come from: one file per kind of source. A source delivers drafts, never decides."""

from agent.sources.draft import Draft, Fault, Fetched

__all__ = ["Draft", "Fault", "Fetched"]
