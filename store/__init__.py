"""The data folder: SQLite is the truth, Chroma an index of it. Sessions stay in this package."""
