"""What moved between two published accounts, in words: figure by figure, each value before and after."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any

from exporters.documents import show
from exporters.documents.difference import ABSENT, Change
from exporters.documents.page import Page
from exporters.documents.words import SHOWN, count, long

At = Callable[[int], str]

APART = ("as_of", "readings", "readings_effect", "contract", "version")
"""Parts of an account that are facts, or follow from what moved: told elsewhere, or not at all."""

REPEATED = ("ledger", "graces", "spans", "certain", "possible", "parts", "excursions", "by_formula", "share")
"""Values that say at length what another one beside them says in short."""

DURATIONS = frozenset(
    {"agreed", "up", "down", "edge", "unknown", "net", "claimable", "elapsed", "waited", "least", "most",
     "limit", "counted", "highest"}
)  # fmt: skip
INSTANTS = frozenset(
    {
        "start",
        "end",
        "sent",
        "received",
        "safe",
        "latest",
        "opened",
        "complete",
        "first_answer",
        "solved",
        "at",
    }
)


FIRST = ("finding", "claim_finding", "window", "agreed", "states", "excluded", "deducted", "net", "claimable")
"""What is told first of a figure; ratios follow from these."""


FOLLOWING = frozenset(
    {"best", "worst", "observed_best", "observed_worst", "claimable_best", "claimable_worst", "coverage",
     "attained", "after_invoice_cap", "credit_cents"}
)  # fmt: skip
"""Values that follow from others beside them."""


def figures(changes: Iterable[Change]) -> list[Change]:
    """Those changes of an account that are figures, thing by thing, what matters most first."""
    found = [change for change in changes if change.path[0] not in APART and not _not_sought(change)]
    shown = _without(found, REPEATED)
    return sorted(shown, key=lambda change: (change.path[:2], _rank(change), change.path))


def _without(changes: Sequence[Change], values: Iterable[str]) -> list[Change]:
    """Changes but those of some values, which are left only where nothing else of a thing moved."""
    hidden = {*values}
    told = {change.path[:2] for change in changes if hidden.isdisjoint(change.path[2:])}
    return [c for c in changes if c.path[:2] not in told or hidden.isdisjoint(c.path[2:])]


def _not_sought(change: Change) -> bool:
    # A restatement draws the position that was the worst, and does not look for others.
    return change.path[-1] == "episodes" and change.after is ABSENT


def _rank(change: Change) -> int:
    field = change.path[2] if len(change.path) > 2 else ""
    return FIRST.index(field) if field in FIRST else len(FIRST)


def causes(changes: Iterable[Change]) -> list[Change]:
    """Those that others follow from; none only where nothing moved."""
    return _without(figures(changes), FOLLOWING)


def things(shown: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    """Changes by the thing that they are of, each with its name."""
    for (part, name), group in groupby(shown, key=lambda change: (change.path[0], (*change.path, "")[1])):
        yield f"{_PART.get(part, part)} {name}".rstrip(), list(group)


def tell(page: Page, changes: Sequence[Change], at: At) -> None:
    """Every figure that moved, under the thing that it is a figure of."""
    for thing, moved in things(figures(changes)):
        page.gap()
        page.say(thing, style="heading")
        for change in moved:
            page.say(told(change, at), 5, hang=2)
    effects = sorted({c.path[1].split("/")[0] for c in changes if c.path[0] == "readings_effect"})
    if effects:
        page.gap()
        page.say(f"What these readings are worth moved too: {', '.join(effects)}.")


_PART: Mapping[str, str] = {
    "attainments": "Attainment",
    "outages": "Outage",
    "blips": "Blip",
    "incidents": "Incident",
    "deductions": "Deduction",
    "latency": "Latency",
    "durability": "Durability",
    "tickets": "Ticket",
    "reservations": "Reservation",
    "claims": "Claim",
    "deadlines": "Deadline",
    "flags": "Flags",
}


def told(change: Change, at: At) -> str:
    """One value, before and after."""
    name = ".".join(change.path[2:])
    if change.before is ABSENT or change.after is ABSENT:
        there = change.before if change.after is ABSENT else change.after
        word = "is not there any more" if change.after is ABSENT else "is new"
        return f"{name} {word}: {_value(change.path, there, at)}".strip()
    if members := _members(change.before, change.after):
        return f"{f'{name}: ' if name else ''}{'; '.join(members)}"
    before, after = (_value(change.path, value, at) for value in (change.before, change.after))
    if before == after:  # beyond the digits shown
        before, after = str(change.before), str(change.after)
    return f"{name or 'value'}: {before}, now {after}{_by(change)}"


def _members(before: Any, after: Any) -> Sequence[str]:
    """Of two lists of words, those that only one of them has: most are in both."""
    if not (_words(before) and _words(after)):
        return ()
    gone = (f"{one} is not there any more" for one in before if one not in after)
    return (*gone, *(f"{one} is new" for one in after if one not in before))


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _by(change: Change) -> str:
    """By how much a duration moved."""
    if not _is_duration(change.path) or not all(isinstance(v, int) for v in (change.before, change.after)):
        return ""
    by = change.after - change.before
    return f" ({'+' if by > 0 else '-'}{long(abs(by))})"


def _is_duration(path: Sequence[str]) -> bool:
    return path[-1] in DURATIONS or (len(path) > 2 and path[-2] in ("deducted", "excluded", "states"))


def _value(path: Sequence[str], value: Any, at: At) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() if _is_duration(path):
            return long(value)
        case int() if path[-1] in INSTANTS:
            return at(value)
        case str() if _is_ratio(value):
            return _ratio(path, value)
        case list():
            return _list(value, at)
        case dict():
            return _said(path, value, at)
        case _:
            return str(value)


def _is_ratio(value: str) -> bool:
    top, slash, bottom = value.partition("/")
    return bool(slash) and top.lstrip("-").isdigit() and bottom.isdigit()


def _ratio(path: Sequence[str], value: str) -> str:
    ratio = Fraction(value)
    if path[0] == "claims" and path[-1] not in ("attained", "target", "share"):
        return f"{show.grouped(ratio.__floor__())} cents"  # T2: down, never up
    return show.promise(ratio) if path[-1] == "target" else show.digits(ratio)


BRIEF = (
    "finding", "standing", "state", "kind", "why", "service", "scope", "certain", "net", "number", "severity",
    "clause", "reserved", "due", "safe", "latest", "credit",
)  # fmt: skip
"""What is said of a thing that is new, or gone."""


def _said(path: Sequence[str], value: Mapping[str, Any], at: At) -> str:
    known = [key for key in BRIEF if value.get(key) not in (None, "", [])]
    parts = [f"{key} {_value((*path, key), value[key], at)}" for key in known]
    return ", ".join(parts) or "nothing more to say"


def _list(value: Sequence[Any], at: At) -> str:
    if not value:
        return "none"
    if _words(value):
        return ", ".join(value)
    if len(value) <= SHOWN and all(_is_span(one) for one in value):
        return ", ".join(f"{at(start)} to {at(end)}" for start, end in value)
    return count(len(value), "entry", "entries")


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(edge, int) for edge in value)


def lines(changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    """Changes as programs read them; null stands for what is not there."""
    for path, before, after in changes:
        yield {
            "what": list(path),
            "before": None if before is ABSENT else before,
            "after": None if after is ABSENT else after,
        }
