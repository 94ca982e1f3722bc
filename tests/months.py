"""Months of a provider as tests make them up: outages, notices, tickets, invoices, claims, on full hours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from collector.core.account import Account, Evidence, Settlement, draw, replay, settle
from collector.core.claim import Claim
from collector.core.contract import Contract
from collector.core.record import Account as ProviderAccount
from collector.core.record import Declaration, Line, Outcome, Plan, Reason, Sample
from collector.core.timeline import DAY, HOUR, Duration, Instant
from tests.strategies import Journal, calendar, contract, probe, service

T = TypeVar("T")

BASES: Sequence[Instant] = tuple(
    number * 1_000_000
    for number in (
        1_790_805_600,  # 2026-10-01 in Paris: the clocks go back on the 25th
        1_796_079_600,  # 2026-12-01: holidays, and months of 31 days
        1_769_554_800,  # 2026-01-28: February lacks days
        1_772_319_600,  # 2026-03-01: the clocks go forward on the 29th
    )
)

OCTOBER, MARCH = BASES[0], BASES[3]
SAFE: Mapping[str, str] = {}
"""No reading moved."""

PROMISES: Sequence[tuple[str, ...]] = (
    ("load-balancer.availability",),
    ("compute.command-api",),
    ("internet.firewall",),
    ("internet.access", "internet.firewall"),
    ("block-storage.iops",),
)


@cache
def hourly() -> Contract:
    """The contract that ships, with a grace long enough to be seen in outages of hours."""
    shipped = contract()
    assert shipped.grace is not None
    grace = msgspec.structs.replace(shipped.grace, amount=2 * HOUR, joined_within=2 * HOUR)
    return msgspec.structs.replace(shipped, grace=grace)


@dataclass
class Chance:
    """Where a made-up world gets its numbers from: `Random(seed).randint`, or what hypothesis draws."""

    number: Callable[[int, int], int]

    def pick(self, of: Sequence[T]) -> T:
        return of[self.number(0, len(of) - 1)]

    def often(self, per_cent: int) -> bool:
        return self.number(0, 99) >= 100 - per_cent


@dataclass(frozen=True)
class Down:
    """An outage, in hours; all but `margin` on either side is certain."""

    start: int
    end: int
    margin: int = 0
    throttled: bool = False
    """Refused for the whole platform: downtime for one reading only."""


@dataclass
class Months:
    """What there was, what was told of it, and when somebody looks; hours count from `base`."""

    base: Instant
    hours: int
    as_of: Instant = 0
    promises: dict[str, tuple[str, ...]] = field(default_factory=dict)
    via: dict[str, str] = field(default_factory=dict)
    targets: dict[str, dict[str, str]] = field(default_factory=dict)
    down: dict[str, list[Down]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    """Declarations, with instants."""

    def at(self, hours: int) -> Instant:
        return self.base + hours * HOUR

    def span(self, start: int, end: int) -> tuple[Instant, Instant]:
        return self.at(start), self.at(end)

    def shared(self) -> bool:
        """Whether several services have a promise in common."""
        ids = [hourly().headings(id)[0] for of in self.promises.values() for id in of]
        return len(ids) > len(set(ids))

    def later(self, by: Duration) -> "Months":
        """The same, all of it so much later."""

        def moved(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(moved(one) for one in value)
            return value + by if isinstance(value, int) and value > DAY * 365 else value

        told = [{key: moved(value) for key, value in one.items()} for one in self.told]
        return replace(self, base=self.base + by, as_of=self.as_of + by, told=told)

    # ------------------------------------------------------------------------------------------------ told

    def notice(self, name: str, start: int, end: int) -> None:
        """A reservation that arrived when it was over."""
        span, over = self.span(start, end), self.at(end)
        self.tell("notice", services=(name,), possible=(span,), state="delivered", sent=over, received=over)

    def ticket(self, name: str, opened: int) -> None:
        """A complete ticket."""
        at = self.at(opened)
        self.tell("ticket", scope=(name,), number="1", severity=1, opened=at, complete=at)

    def invoices(self, usual: int = 1_000_000, other: Mapping[str, int] = MappingProxyType({})) -> None:
        """One for each month, from a year before to a few months on, in cents."""
        for month in dict.fromkeys(calendar().month_name(self.base + n * 28 * DAY) for n in range(-13, 6)):
            cents = other.get(month, usual)
            self.tell("invoice", account="a", month=month, amount_cents=cents, issued=self.base)

    def tell(self, kind: str, **fields: Any) -> None:
        self.told.append({"kind": kind, **fields})

    # ------------------------------------------------------------------------------------------- as lines

    def lines(self) -> list[Line]:
        """The journal of one origin. A probe that sees very far needs few samples: those at the edges."""
        seen = sorted((one for name in self.promises for one in self._samples(name)), key=lambda one: one[0])
        begun = [*Journal().start().clock().lines, self._plan()]
        made: list[Line] = [msgspec.structs.replace(line, at=self.base) for line in begun]
        made += [
            Declaration(seq=len(made) + k, at=self.base, **{"by": "test", "id": f"d{k:02}", **told})
            for k, told in enumerate(self.told)
        ]
        for at, name, outcome in seen:
            why = {Outcome.FAILED: Reason.TIMEOUT, Outcome.THROTTLED: Reason.RATE_PLATFORM}
            made.append(
                Sample(
                    seq=len(made), at=at, probe=f"p-{name}", slot=at, covers=1, sent=at, done=at,
                    outcome=outcome, reason=why.get(outcome, Reason.NONE), value=None, error=0, phases={},
                    facts={},
                )
            )  # fmt: skip
        return made

    def _plan(self) -> Plan:
        far = 500 * 24 * 3600
        return Plan(
            seq=2, at=self.base, contract="c", contract_sha256="",
            accounts=(ProviderAccount(id="a", region="r", zones=("r-a", "r-b")),),
            services=tuple(
                service(name, *ids, via=self.via.get(name, "internet"), targets=self.targets.get(name, {}))
                for name, ids in self.promises.items()
            ),
            probes=tuple(probe(f"p-{name}", name, every=far, burst=far) for name in self.promises),
        )  # fmt: skip

    def _samples(self, name: str) -> Iterator[tuple[Instant, str, Outcome]]:
        yield self.base, name, Outcome.OK
        for one in self.down[name]:
            bad = Outcome.THROTTLED if one.throttled else Outcome.FAILED
            yield self.at(one.start), name, Outcome.OK
            yield self.at(one.start + one.margin), name, bad
            yield self.at(one.end - one.margin), name, bad
            yield self.at(one.end), name, Outcome.OK
        if not any(self.at(one.start) <= self.as_of <= self.at(one.end) for one in self.down[name]):
            yield self.as_of, name, Outcome.OK  # so that what is over is known to be
        yield self.at(self.hours), name, Outcome.OK

    # ---------------------------------------------------------------------------------------------- drawn

    def evidence(self, by: Contract | None = None) -> Evidence:
        return replay({"v-1": self.lines()}, by or hourly(), self.as_of)

    def blind(self) -> Evidence:
        """The evidence without a single sample."""
        lines = [line for line in self.lines() if not isinstance(line, Sample)]
        return replay({"v-1": lines}, hourly(), self.as_of)

    def account(
        self,
        readings: Mapping[str, str] | None = None,
        *,
        by: Contract | None = None,
        evidence: Evidence | None = None,
    ) -> Account:
        return draw(
            evidence or self.evidence(by), by or hourly(), calendar(), as_of=self.as_of, readings=readings,
            asked=(),
        )  # fmt: skip

    def settled(self, readings: Mapping[str, str] | None = None, **more: Any) -> Settlement:
        return settle(self.account(readings, **more))


# ------------------------------------------------------------------------------------------- what comes of it


def due(found: Settlement) -> list[Claim]:
    return [claim for claim in found.claims if claim.state == "due"]


def credit(found: Settlement) -> Fraction | None:
    """All that may be claimed; None while a part of it is not known."""
    credits = [claim.credit for claim in due(found)]
    known = [one for one in credits if one is not None]
    return sum(known, Fraction(0)) if len(known) == len(credits) else None


def evening(opened: int) -> Months:
    """A load balancer is down from 20:00 to 06:00; the ticket is complete `opened` hours after that."""
    made = Months(OCTOBER, hours=24 * 40)
    made.promises["lb"] = ("load-balancer.availability",)
    made.via["lb"] = "internal"
    made.down["lb"] = [Down(24 * 9 + 20, 24 * 10 + 6)]
    made.notice("lb", 24 * 9 + 20, 24 * 10 + 6)
    made.ticket("lb", 24 * 9 + 20 + opened)
    made.invoices()
    return made


# ------------------------------------------------------------------------------------------------ by chance


def made_up(chance: Chance, *, services: int = 2, slips: int = 40, base: Instant | None = None) -> Months:
    """Some months, by chance; `slips` per cent of what can be forgotten, late or unusual is."""
    made = Months(base or chance.pick(BASES), hours=24 * chance.pick([40, 70, 100]))
    for name in ("lb", "net", "third")[: chance.number(1, services)]:
        made.promises[name] = chance.pick(PROMISES)
        made.via[name] = chance.pick(["internet", "internal"])
        made.down[name] = list(_outages(made, chance, slips))
        if chance.often(slips):
            made.targets[name] = {made.promises[name][0]: chance.pick(["98 %", "99.9 %", "95 %"])}
    for name in made.promises:
        for one in made.down[name]:
            made.told += _told_of(made, name, one, chance, slips)
    made.told += _deductions(made, chance, slips)
    made.told += _bookkeeping(made, chance, slips)
    ends = [one.end for of in made.down.values() for one in of] or [0]
    after = chance.pick([2, 30, 48, 60, 100]) if not chance.often(slips) else 24 * chance.number(0, 40)
    made.as_of = min(made.at(chance.pick(ends) + after), made.at(made.hours))
    if chance.often(slips):
        made.told += _filed(made, chance)
    return made


def _outages(made: Months, chance: Chance, slips: int) -> Iterator[Down]:
    at = chance.number(1, 24 * 30)
    for _ in range(chance.pick([2, 1, 3, 4, 0])):
        length = chance.pick([5, 12, 40, 1, 2, 3, 100])
        if at + length >= made.hours:
            return
        margin = 1 if length > 2 and chance.often(slips) else 0
        yield Down(at, at + length, margin, throttled=chance.often(slips // 3))
        at += length + chance.pick([1, 2, 30, 24 * 5, 24 * 12, 24 * 29, 24 * 31])


def _told_of(made: Months, name: str, one: Down, chance: Chance, slips: int) -> Iterator[dict[str, Any]]:
    """Notices and a ticket."""
    every = made.span(one.start, one.end)
    for _ in range(chance.number(0, 2) if chance.often(slips) else 1):
        sent, late, possible = one.end + chance.number(0, 1), 0, every
        if chance.often(slips):
            sent, late = one.end + chance.pick([-2, 10, 47, 48, 49, 100]), chance.pick([0, 1, 20])
            possible = (every[0], max(every[0], every[1] - HOUR * chance.number(0, 1)))
        yield {
            "kind": "notice", "services": (name,), "certain": (), "state": chance.pick(["delivered", "sent"]),
            "possible": (possible,), "sent": made.at(sent), "received": made.at(sent + late),
        }  # fmt: skip
    if not chance.often(slips // 2):
        opened = one.start + (chance.pick([1, 2, 10]) if chance.often(slips) else 0)
        yield {
            "kind": "ticket", "scope": (chance.pick([name, "r", "*"]),), "number": "1", "severity": 1,
            "opened": made.at(opened), "complete": made.at(opened + chance.number(0, 1)),
            "solved": chance.pick([None, made.at(one.end + 5)]),
        }  # fmt: skip


def _deductions(made: Months, chance: Chance, slips: int) -> Iterator[dict[str, Any]]:
    while chance.often(slips):
        start = chance.number(0, made.hours)
        every = [one for of in made.down.values() for one in of]
        if every and chance.often(70):
            start = chance.pick(every).start + chance.pick([-1, 0, 1])
        days = chance.pick([2, 3, 4, 6])
        yield {
            "kind": chance.pick(["planned-maintenance"] * 2 + ["force-majeure", "suspension"]),
            "spans": (made.span(start, start + chance.pick([1, 3, 30, 24 * 8])),),
            "scope": (chance.pick(["*", *made.promises]),),
            "standing": chance.pick(["accepted", "accepted", "disputed", "refused"]),
            "sent": made.at(start - 24 * days), "received": made.at(start - 24 * (days - 2)),
        }  # fmt: skip


def _bookkeeping(made: Months, chance: Chance, slips: int) -> Iterator[dict[str, Any]]:
    names = list(dict.fromkeys(calendar().month_name(made.base + n * 28 * DAY) for n in range(-13, 6)))
    first = chance.number(0, len(names) - 1) if chance.often(slips // 2) else 0
    missing = chance.pick(names) if chance.often(slips // 2) else None
    for month in names[first:]:
        if month != missing:
            yield {
                "kind": "invoice", "account": "a", "month": month, "id": f"invoice-{month}",
                "amount_cents": chance.pick([999_999, 100_003, 7]) if chance.often(slips) else 1_000_000,
                "issued": made.base,
            }  # fmt: skip
    if not chance.often(slips // 2):
        yield {"kind": "deployment", "account": "a", "zones": ("r-a", "r-b"), "resources": ()}
    if chance.often(slips // 8):
        start = chance.number(0, made.hours)
        yield {"kind": "arrears", "account": "a", "spans": (made.span(start, start + 48),)}


def _filed(made: Months, chance: Chance) -> Iterator[dict[str, Any]]:
    """An earlier claim on some of it, maybe credited or refused."""
    name = chance.pick(list(made.promises))
    if not made.down[name]:
        return
    one = chance.pick(made.down[name])
    cents = chance.pick([1, 20_000, 250_001])
    yield {
        "kind": "claim", "id": "filed", "number": "7", "account": "a", "services": (name,),
        "commitment": chance.pick(made.promises[name]), "amount_cents": cents, "statement": "x",
        "certain": (made.span(one.start, one.end - chance.number(0, 1)),),
        "state": chance.pick(["sent", "delivered", "accepted", "refused", "drafted"]),
    }  # fmt: skip
    if chance.often(40):
        month = calendar().month_name(made.at(one.start))
        yield {"kind": "credit", "id": "paid", "account": "a", "claim": chance.pick(["filed", "7"]),
               "month": month, "amount_cents": cents, "received": made.at(one.end)}  # fmt: skip


def months(**how: Any) -> st.SearchStrategy[Months]:
    """Some months, as hypothesis draws them."""
    return st.composite(lambda drawn: made_up(Chance(lambda a, b: drawn(_whole(a, b))), **how))()


_whole = cache(st.integers)  # made once: there are hundreds of draws in an example
