"""Why net downtime may not be claimed: not reserved, not told of by a ticket, asked for before, or lapsed."""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from collector.core.account import Account, Settlement
from collector.core.attainment import Attainment, Stake
from collector.core.breach import Ground, eligible, ticketed
from collector.core.contract import Contract
from collector.core.outage import Outage
from collector.core.timeline import Spans, difference, duration, intersection, spans, union

Reason: TypeAlias = Literal["open", "unreserved", "untold", "asked", "lapsed", "other", "anew"]

SAYS: Mapping[str, str] = {
    "open": "no notice has reserved it yet, which can still be done ({reserved})",
    "unreserved": "no notice reserved it {within} ({reserved})",
    "untold": "no complete ticket had told of it yet ({ticket})",
    "asked": "an earlier claim has asked for it already",
    "lapsed": "it lies in a missed window that nobody claimed in time ({claim})",
    "other": "by the plan of that time the service was another one (account, region, zone or resource), or "
    "it was given up with a window that nobody claimed in time ({claim})",
    "anew": "the grace of an incident, counted anew over what is left",
    "several": "some of this time has more than one of these reasons",
}
"""Reason → what it says in English, and what is said of `several`; `places` tells what stands in brackets."""


def places(contract: Contract) -> Mapping[str, str]:
    """Which clauses of the contract the reasons name."""
    by_id = {reading.id: reading.clause for reading in contract.readings}
    term = contract.deadlines.reservation
    return {
        "reserved": "" if term is None else term.clause,
        "ticket": by_id.get("ticket", ""),
        "claim": contract.deadlines.claim.clause,
    }


def reasons(
    one: Attainment, account: Account, settlement: Settlement, *, claimed: bool
) -> Mapping[Reason, Spans]:
    """Of what lies between net and claimable: each reason, and when it holds. An instant may have several.

    A figure that is no claim's counts all that is reserved; a claim's counts less (`breach.eligible`).
    """
    left = union(*(line.spans for line in one.ledger if line.kind == "unreserved"))
    stake = next((s for s in account.stakes[one.service] if s.commitment.id == one.commitment), None)
    if stake is None or not left:
        return {}
    reserved = stake.facts.reserved
    still = union(*(of.open for of in settlement.reservations if of.service == one.service))
    missing = difference(left, reserved)
    # C1: what can still be reserved is not waived.
    found: dict[Reason, Spans] = {
        "open": intersection(missing, still),
        "unreserved": difference(missing, still),
    }
    if claimed:
        found |= _not_for_a_claim(stake, one, left, account.ground, settlement)
    found["anew"] = difference(left, union(*found.values()))
    return {reason: parts for reason, parts in found.items() if parts}


def untold(account: Account, settlement: Settlement) -> Iterator[tuple[Attainment, Spans]]:
    """Promises that are missed on what is reserved and in no claim, with what no complete ticket told of.

    Each once, however many windows and headings show it. None where the contract asks for no ticket.
    """
    ground = account.ground
    known = {(one.attainment.service, one.commitment) for one in settlement.claims}
    for one in account.attainments:
        promised = one.service, ground.contract.promise(one.commitment, ground.readings)[0]
        if one.claim_finding != "MISSED" or promised in known:
            continue
        missing = difference(one.claimable.down, _told(one.service, account))
        if missing:
            known.add(promised)
            yield one, missing


def told_of(outage: Outage, account: Account) -> bool:
    """Whether a complete ticket told of some of an outage, or none is needed (reading `ticket`)."""
    return bool(intersection(outage.possible, _told(outage.service, account)))


def _told(service: str, account: Account) -> Spans:
    return union(*(ticketed(stake, account.ground) for stake in account.stakes[service][:1]))


def several(found: Mapping[Reason, Spans]) -> bool:
    """Whether some instant has more than one of the reasons."""
    return sum(map(duration, found.values())) > duration(union(*found.values()))


def _not_for_a_claim(
    stake: Stake, one: Attainment, left: Spans, ground: Ground, settlement: Settlement
) -> Mapping[Reason, Spans]:
    known = ticketed(stake, ground)
    counts = eligible(stake, ground)
    asked = difference(intersection(stake.facts.reserved, known), counts.facts.reserved)
    # Clause 11: what lies in windows that nobody claimed in time is gone, though all else would let it count.
    in_time = counts.over(one.window, ground.readings).claimable.down
    gone = difference(in_time, one.claimable.down)
    late = spans(
        claim.attainment.window.span
        for claim in settlement.claims
        if claim.state == "late" and claim.attainment.service == one.service
    )
    return {
        "untold": difference(left, known),
        "asked": intersection(left, asked),
        "lapsed": intersection(intersection(left, gone), late),
        # A claim is about what the plans of its time say that the service was (clause 11).
        "other": difference(intersection(left, gone), late),
    }
