"""Bundles: what goes in, how they are written, opened and renewed."""
