"""One file per schema revision, numbered; a landed one never changes."""
