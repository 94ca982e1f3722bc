"""What each reading is worth: the account all-safe, all-arguable, and with every single switch moved."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from collector.core.account import Account, Evidence, draw, settle
from collector.core.attainment import Attainment
from collector.core.calendar import Calendar
from collector.core.contract import Contract, Readings
from collector.core.credit import Cents, total
from collector.core.timeline import Instant
from collector.core.window import Asked


class Moved(NamedTuple):
    """A figure before and after a reading moved."""

    before: Attainment
    after: Attainment | None
    """None where that window is not drawn any more."""


class Effect(NamedTuple):
    """What one choice, or all arguable ones together (`reading` is "all"), does to the account as drawn."""

    reading: str
    choice: str
    figures: tuple[Moved, ...]
    """Those that it moves; none where it moves none."""
    credit: Mapping[str, tuple[Cents | None, Cents | None]]
    """Account → what may be claimed before and after, where it is another; None until it is invoiced."""


def effects(
    evidence: Evidence,
    contract: Contract,
    calendar: Calendar,
    *,
    as_of: Instant,
    readings: Mapping[str, str] | None = None,
    asked: Sequence[Asked] = ("trailing",),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Effect, ...]:
    """What would move the account that `draw` draws of the same: all-arguable first, then each reading.

    `progress` hears how many accounts are drawn, of how many.
    """

    def drawn(moved: Mapping[str, str]) -> Account:
        return draw(
            evidence, contract, calendar, as_of=as_of, readings={**(readings or {}), **moved}, asked=asked
        )

    here = drawn({})
    credit_here = _credit(here)
    moves: list[tuple[str, str, Readings]] = [("all", "arguable", contract.all_arguable())]
    for reading in contract.readings:
        for choice in dict.fromkeys((reading.safe, reading.arguable)):
            if choice != here.readings[reading.id]:
                moves.append((reading.id, choice, {reading.id: choice}))
    found: list[Effect] = []
    for id, choice, moved in moves:
        progress(len(found) + 1, len(moves) + 1)
        there = drawn(moved)
        found.append(Effect(id, choice, _moved(here, there), _differing(credit_here, _credit(there))))
    return tuple(found)


def _moved(here: Account, there: Account) -> tuple[Moved, ...]:
    found = {_key(one): one for one in there.attainments}
    pairs = (Moved(one, found.get(_key(one))) for one in here.attainments)
    return tuple(
        pair for pair in pairs if pair.after is None or _figures(pair.before) != _figures(pair.after)
    )


def _key(one: Attainment) -> tuple[object, ...]:
    # Of the sliding window, one position is the worst, wherever it lies.
    return one.commitment, one.service, one.window.kind if one.window.kind == "worst" else one.window


def _figures(one: Attainment) -> tuple[object, ...]:
    return one.agreed, one.down, one.net, one.claimable, one.finding, one.claim_finding


def _credit(account: Account) -> dict[str, Cents | None]:
    """Account → the sum of what may be claimed; None where a part of it is not known yet."""
    due = [claim for claim in settle(account).claims if claim.state == "due"]
    return {of: total(one.credit for one in due if one.account == of) for of in {one.account for one in due}}


def _differing(
    before: Mapping[str, Cents | None], after: Mapping[str, Cents | None]
) -> dict[str, tuple[Cents | None, Cents | None]]:
    found = {}
    for account in sorted({*before, *after}):
        pair = before.get(account, Cents(0)), after.get(account, Cents(0))
        if pair[0] != pair[1]:
            found[account] = pair
    return found
