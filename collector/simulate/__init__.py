"""The journal of a made-up period, line by line as a collector would have written it, and the truth."""

from collector.simulate.period import Progress, simulate

__all__ = ["Progress", "simulate"]
