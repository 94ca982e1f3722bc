"""Evidence bundles: what leaves the house for whoever does not believe us, and holds it against a deposit."""
