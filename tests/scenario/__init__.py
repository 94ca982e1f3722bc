"""Reads the scenarios of tests/scenarios; their language is told on top of certain-and-possible.toml."""
