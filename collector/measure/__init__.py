"""When to probe, how often at most, and one run under its deadline."""
