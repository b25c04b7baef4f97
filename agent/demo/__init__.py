"""The bundled archive (2024-10 to 2025-04, own wording, real publishers, dates and links)."""
