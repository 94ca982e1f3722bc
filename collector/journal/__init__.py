"""The append-only journal: written, read, proven."""
