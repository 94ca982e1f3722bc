"""What the figures mean: every rule by example, every law by property."""
