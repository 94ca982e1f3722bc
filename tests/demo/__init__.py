"""The demonstration provider: every fault is what it claims to be."""
