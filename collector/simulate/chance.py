"""Draws in whole numbers alone, so that a seed means the same on every machine."""

from collections.abc import Iterator
from random import Random

from collector.core.timeline import Duration, Instant, Span


def source(*names: object) -> Random:
    """Chances of their own for what `names` say: one more probe does not change what befalls the others."""
    return Random("/".join(map(str, names)))


def length(chance: Random, shortest: Duration, octaves: int) -> Duration:
    """A length of a power law: of four, three are twice as long at least, up to `octaves` times."""
    octave = 0
    while octave < octaves and chance.randrange(4):
        octave += 1
    return (shortest << octave) + chance.randrange(shortest << octave)


def moments(chance: Random, span: Span, every: Duration) -> Iterator[Instant]:
    """Instants in `span`, `every` far apart on average."""
    at = span.start + chance.randrange(2 * every)
    while at < span.end:
        yield at
        at += 1 + chance.randrange(2 * every)
