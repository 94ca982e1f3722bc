"""A contract as data: commitments, deductions, deadlines, penalties and readings, each beside its clause."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from collector.core.timeline import Term, Unit, decimal

Choice: TypeAlias = str
Readings: TypeAlias = dict[str, Choice]
"""Reading → the choice in force, for every reading of a contract."""

READINGS: Mapping[str, frozenset[Choice]] = {
    "excluded-time": frozenset({"period-stays", "leaves-period"}),
    "window": frozenset({"smaller-credit", "larger-credit", "calendar", "sliding"}),
    "grace-kind": frozenset({"accumulated", "wall"}),
    "grace-scope": frozenset({"headed", "access-only"}),
    "grace-unit": frozenset({"outage", "joined"}),
    "platform-throttle": frozenset({"not-unavailable", "unavailable"}),
    "overrun": frozenset({"until-it-ends", "as-announced"}),
    "disputed": frozenset({"takes-off", "takes-nothing"}),
    "notice-time": frozenset({"theirs-sent-ours-received", "theirs-received-ours-sent"}),
    "clear-days": frozenset({"strict", "extended"}),
    "reservation-clock": frozenset({"each-instant", "outage-end"}),
    "claim-clock": frozenset({"first-missed-window", "claimed-window"}),
    "ticket": frozenset({"always", "support-only"}),
    "command-api": frozenset({"once", "each"}),
    "penalty-unit": frozenset({"commitment", "resource"}),
    "cap-period": frozenset({"rolling-year", "claim"}),
    "no-formula": frozenset({"no-credit", "shortfall"}),
}
"""Every reading that code has functions for, with the choices they know; a contract says which is safe."""

DEDUCTION_RULES = frozenset({"declared", "announced"})
"""What judges a declared deduction: its own standing; and the clear days between its notice and its start."""

PENALTY_FORMULAS: Mapping[str, str] = {"shortfall": "factor", "tiers": "tiers"}
"""What can compute a credit, each with the key of the penalty that it needs."""

Measure: TypeAlias = Literal["availability", "latency", "durability", "iops", "response", "restoration"]

SHARES_OF_TIME: frozenset[Measure] = frozenset({"availability", "iops"})
"""Measures whose target is a share of time, judged as an attainment."""


def ratio(text: str) -> Fraction:
    """The exact fraction that "99.97 %" (9997/10000) or "10" is; ValueError for anything else.

    Never from a float: 0.99999 in binary is another number than 99999/100000.
    """
    number = decimal(text.removesuffix("%").removesuffix(" "))
    if number is None:
        raise ValueError(f'expected a quoted ratio like "99.97 %", got "{text}"')
    return number / 100 if text.endswith("%") else number


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    clause: str


class Limit(_Data, frozen=True, kw_only=True):
    """How long one severity of ticket may take."""

    severity: int
    limit: Term
    business_hours: bool = False


class Commitment(_Data, frozen=True, kw_only=True):
    """One promise. `target` is a fraction (99.97 % is 9997/10000); `limit` is a latency in µs."""

    id: str
    measure: Measure
    window: Literal["P1M", "P1Y", "sample", "ticket"]
    target: Fraction | None = None
    limit: Term | None = None
    limits: tuple[Limit, ...] = ()
    all_zones: bool = False
    """Marked with a star: only where the customer deployed on every zone of the region."""
    same_as: str = ""
    """Promised again elsewhere: the commitment whose measurement this one shares."""


class Refusal(_Data, frozen=True, kw_only=True):
    """Something that the contract promises nothing about; a plan that names it is refused."""

    id: str
    why: str


class DeductionRule(_Data, frozen=True, kw_only=True):
    """Time that the contract takes out. `rule` names the function that judges the declaration's standing."""

    kind: str
    rule: str = "declared"
    notice_clear_days: int | None = None
    """For `announced`: how many clear days must lie between the notice and the start."""


class Grace(_Data, frozen=True, kw_only=True):
    """Time that never counts at the start of a network incident."""

    amount: Term
    joined_within: Term
    incidents_of: str
    """The commitment whose outages make the incidents."""
    heads: tuple[str, ...]
    """The commitments that its sentence heads."""


class Countable(_Data, frozen=True, kw_only=True):
    """The shortest outage that counts at all (0 where a contract has none)."""

    minimum: Term = 0


class Due(_Data, frozen=True, kw_only=True):
    """A term: so many of a unit after an event. Clear days are full calendar days between two events."""

    within: int
    unit: Unit


class Deadlines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every term of the contract; what it does not ask for is left out."""

    reservation: Due | None = None
    """In hours from each instant of downtime; where a contract has none, nothing needs a reservation."""
    claim: Due
    """From the end of the window claimed."""
    contest: Due | None = None
    """From the issue of an invoice to its acceptance."""
    credit: Due | None = None
    """From a credit's issue to its expiry."""
    hardware_notice: Due | None = None
    """How long before hardware maintenance the provider says it writes; less does not make it unannounced."""


class Throttle(_Data, frozen=True, kw_only=True):
    """What the provider refuses because of rate, without that being unavailability."""

    identical_apart: Term
    """Identical requests may come no closer than this."""


class Liability(_Data, frozen=True, kw_only=True):
    """What may be asked for beyond penalties: named in a claim, never computed."""

    billings: int
    billings_past: int
    past_days: int


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of a credit: below that share of the window, so much of the base."""

    below: Fraction
    credit: Fraction


class Penalty(_Data, frozen=True, kw_only=True):
    """What a miss is worth; `formula` names the function that computes it from its own keys."""

    formula: str
    factor: Fraction | None = None
    """For `shortfall`: (promised - attained) * factor * base."""
    tiers: tuple[Tier, ...] = ()
    """For `tiers`: the lowest step that the attained share is below."""
    base_months: int
    """The base is the mean of so many monthly invoices before the window's end; 0: the window's own month."""
    cap_of_base: Fraction
    """All penalties together, as a share of the base."""
    cap_of_invoice: Fraction | None = None
    """All penalties together, as a share of the invoice of the month of the incidents."""
    cap_of_invoice_clause: str = ""
    final_clause: str = ""
    """What makes a penalty settle its incidents for good; empty where nothing does."""


class Business(_Data, frozen=True, kw_only=True):
    """When business hours run, in the contract's zone: [opens, closes), minutes after midnight."""

    opens_minute: int
    closes_minute: int
    """At most 1440, the end of the day."""
    weekdays: tuple[int, ...]
    """ISO: Monday is 1."""


class Reading(_Data, frozen=True, kw_only=True):
    """A clause that can be read in more than one way."""

    id: str
    safe: Choice
    arguable: Choice
    says_safe: str
    says_arguable: str


class InForce(_Data, frozen=True, kw_only=True):
    """Half-open dates "YYYY-MM-DD" in the contract's zone; `until` is empty while the version is in force."""

    since: str
    until: str = ""


class Contract(_Data, frozen=True, kw_only=True, dict=True):
    """One version of one provider's terms."""

    id: str
    provider: str
    version: str
    zone: str
    holidays: str
    """Country code of the public holidays."""
    currency: str
    in_force: InForce
    commitments: tuple[Commitment, ...]
    refused: tuple[Refusal, ...] = ()
    deductions: tuple[DeductionRule, ...]
    grace: Grace | None = None
    countable: Countable
    deadlines: Deadlines
    throttle: Throttle | None = None
    penalty: Penalty | None = None
    liability: Liability | None = None
    business: Business
    readings: tuple[Reading, ...]

    def commitment(self, id: str) -> Commitment:
        """The commitment of that name; KeyError if the contract has none."""
        return self._by_id[id]

    def headings(self, id: str) -> tuple[str, ...]:
        """The commitments that promise the same as that one, itself among them, the measured one first."""
        return self._headings[self.commitment(id).same_as or id]

    @cached_property
    def _by_id(self) -> Mapping[str, Commitment]:
        return {commitment.id: commitment for commitment in self.commitments}

    @cached_property
    def _headings(self) -> Mapping[str, tuple[str, ...]]:
        """Measured commitment → it, and those that say the same."""
        return {
            id: (id, *(c.id for c in self.commitments if c.same_as == id))
            for id, commitment in self._by_id.items()
            if not commitment.same_as
        }

    def promise(self, id: str, readings: Readings) -> tuple[str, ...]:
        """The headings that are one promise with that one, under the reading `command-api`."""
        return _PROMISES[readings["command-api"]](self, id)

    def all_safe(self) -> Readings:
        """Every reading as it gives the customer least."""
        return {reading.id: reading.safe for reading in self.readings}

    def all_arguable(self) -> Readings:
        """Every reading as it could be argued for the customer."""
        return {reading.id: reading.arguable for reading in self.readings}


# ------------------------------------------------------------------------------------ reading command-api


def _once(contract: Contract, id: str) -> tuple[str, ...]:
    # Safe: what several headings promise is one promise, with all that is said over any of them.
    return contract.headings(id)


def _each(contract: Contract, id: str) -> tuple[str, ...]:  # noqa: ARG001
    # Arguable: each heading is a promise of its own.
    return (id,)


_PROMISES: Mapping[Choice, Callable[[Contract, str], tuple[str, ...]]] = {"once": _once, "each": _each}
