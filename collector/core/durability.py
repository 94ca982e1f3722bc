"""Objects written and read back → how many were kept, and which were lost (rule A6).

No statistics are claimed: what is counted are the objects that somebody wrote in order to read them back.

A kind of probe that keeps canary objects says so in two facts of its samples: `object`, a full name that
whoever reads it uses and that is written once and never deleted by us; and `did`, "written" or "read". `ok`
is an object taken in, or one whose content was right. A `failed` read is of a lost object only where it was
answered: with the wrong content (reason `content`), or that there is none (`status` 404 or 410). All else
says nothing about the object, and a later read that finds it intact says that it never was lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from collector.core.attainment import Finding, found
from collector.core.record import Line, Outcome, Reason, Sample
from collector.core.timeline import Instant
from collector.core.window import Window


class Sighting(NamedTuple):
    """One line about an object: when its run was sent, and its `seq`."""

    at: Instant
    seq: int


class Canary(NamedTuple):
    """All that one probe of one origin knows of one object that was written to be read back."""

    probe: str
    object: str
    first: Sighting | None
    """When it was written, or first found intact."""
    intact: Sighting | None
    """The last read that found it so."""
    lost: Sighting | None
    """The first read since then that did not."""
    still: Sighting | None
    """The last that did not."""


def then(earlier: Canary, later: Canary) -> Canary:
    """What two stretches of lines know together, one after the other."""
    anew = later.intact is not None
    return earlier._replace(
        first=earlier.first or later.first,
        intact=later.intact or earlier.intact,
        lost=later.lost if anew else earlier.lost or later.lost,
        still=later.still or (None if anew else earlier.still),
    )


def joined(earlier: Iterable[Canary], later: Iterable[Canary]) -> list[Canary]:
    """The same for all objects of one origin."""
    known = {(one.probe, one.object): one for one in earlier}
    for one in later:
        key = one.probe, one.object
        known[key] = then(known[key], one) if key in known else one
    return list(known.values())


class Objects:
    """Follows the objects of one origin, line by line."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Canary] = {}

    def feed(self, line: Line) -> None:
        """The next line."""
        if type(line) is Sample and "object" in line.facts:
            self._sample(line)

    def take(self) -> list[Canary]:
        """What was learnt since the last time."""
        taken, self._known = list(self._known.values()), {}
        return taken

    def _sample(self, line: Sample) -> None:
        told = _told(line)
        if told is not None:
            key = told.probe, told.object
            self._known[key] = then(self._known[key], told) if key in self._known else told


_GONE = (404, 410)
"""HTTP: no such object, and no longer."""


def _told(line: Sample) -> Canary | None:
    nothing = Canary(line.probe, str(line.facts["object"]), None, None, None, None)
    here = Sighting(line.sent, line.seq)
    match line.facts.get("did"), line.outcome:
        case "written", Outcome.OK:
            return nothing._replace(first=here)
        case "read", Outcome.OK:
            return nothing._replace(first=here, intact=here)
        case "read", Outcome.FAILED if line.reason is Reason.CONTENT or line.facts.get("status") in _GONE:
            return nothing._replace(lost=here, still=here)
    return None


# --------------------------------------------------------------------------------------------- the figures


class Place(NamedTuple):
    """A line that a figure rests on."""

    at: Instant
    line: str
    """origin:seq"""


class Object(NamedTuple):
    """All that is known of one object by all who read it."""

    name: str
    first: Place | None
    intact: Place | None
    lost: Place | None
    """The first read known to have missed it since it was last found intact by anybody..."""
    still: Place | None
    """...and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurabilityFigure:
    """One durability commitment of one service over one window."""

    commitment: str
    service: str
    window: Window
    written: int
    """Objects that were there in the window: written before its end, and not lost before it."""
    kept: int
    """All of them but the lost."""
    read_back: int
    """Of the kept, those found intact since the window began: whoever is later was so then."""
    lost: tuple[Object, ...]
    target: Fraction
    finding: Finding
    flags: tuple[str, ...]

    @property
    def share(self) -> Fraction | None:
        """Kept of written; none where nothing was."""
        return Fraction(self.kept, self.written) if self.written else None


def together(told: Iterable[tuple[str, Canary]]) -> list[Object]:
    """What all origins know of each object, by its name."""
    by_name: dict[str, list[tuple[str, Canary]]] = {}
    for origin, one in told:
        by_name.setdefault(one.object, []).append((origin, one))
    return [_object(name, of) for name, of in sorted(by_name.items())]


def _object(name: str, told: Sequence[tuple[str, Canary]]) -> Object:
    def places(*fields: str) -> list[Place]:
        found = ((origin, getattr(one, field)) for origin, one in told for field in fields)
        return [Place(at.at, f"{origin}:{at.seq}") for origin, at in found if at is not None]

    intact = max(places("intact"), default=None)
    missed = [one for one in places("lost", "still") if intact is None or one.at > intact.at]
    first, lost, still = (
        min(places("first"), default=None),
        min(missed, default=None),
        max(missed, default=None),
    )
    return Object(name, first, intact, lost, still)


def durability(
    commitment: str,
    service: str,
    window: Window,
    objects: Iterable[Object],
    target: Fraction,
    flags: tuple[str, ...],
) -> DurabilityFigure:
    """The figure of one window, by what is known now. MET (A3) only where what was read back suffices."""
    start, end = window.span
    known = [one for one in objects if one.lost is None or one.lost.at >= start]
    there = [one for one in known if one.first is not None and one.first.at < end]
    held = [one for one in there if one.lost is None or one.lost.at >= end]
    written, kept = len(there), len(held)
    read_back = sum(one.intact is not None and one.intact.at >= start for one in held)
    best, worst = (Fraction(n, written) if written else None for n in (kept, read_back))
    strange = tuple(f"never-written: {one.name}" for one in known if one.first is None)
    return DurabilityFigure(
        commitment=commitment,
        service=service,
        window=window,
        written=written,
        kept=kept,
        read_back=read_back,
        lost=tuple(one for one in there if one.lost is not None and one.lost.at < end),
        target=target,
        finding=found(best, worst, target),
        flags=flags + strange,
    )
