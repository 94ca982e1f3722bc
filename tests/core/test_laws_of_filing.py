"""The laws of filing claims: the caps hold whatever is filed, in any order, and nothing is paid twice."""

from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.claim import Claim
from collector.core.timeline import intersection, within
from tests.months import MARCH, OCTOBER, SAFE, Down, Months, credit, due, evening, months
from tests.strategies import calendar, choices


def file(made: Months, claim: Claim, state: str = "sent") -> dict[str, Any]:
    """Declares that a claim was filed, for whole cents of its credit."""
    assert claim.credit is not None
    name = f"filed-{len(made.told)}"
    counted = tuple((start, end) for start, end in claim.counted)
    made.tell(
        "claim", id=name, number=name, account="a", services=(claim.attainment.service,), state=state,
        commitment=claim.commitment, certain=counted, amount_cents=int(claim.credit), statement="s",
    )  # fmt: skip
    return made.told[-1]


def invoiced(made: Months) -> dict[str, int]:
    return {told["month"]: told["amount_cents"] for told in made.told if told["kind"] == "invoice"}


class Ledger:
    """What was asked for, by hand: each claim with its part of each month."""

    def __init__(self, made: Months) -> None:
        self.caps = {month: Fraction(3, 10) * cents for month, cents in invoiced(made).items()}
        self.asked: list[tuple[Claim, dict[str, Fraction]]] = []

    def of(self, month: str) -> Fraction:
        return sum((parts.get(month, Fraction(0)) for _, parts in self.asked), Fraction(0))

    def parts(self, claim: Claim, due: list[Claim]) -> dict[str, Fraction]:
        """The months of a claim's credit: all that are due share what the cap of each leaves."""
        assert claim.credit is not None
        left = {}
        for month, part in claim.parts.items():
            wanted = sum((one.parts.get(month, Fraction(0)) for one in due), Fraction(0))
            room = max(self.caps[month] - self.of(month), Fraction(0))
            left[month] = part * min(Fraction(1), room / wanted)
        whole = sum(left.values(), Fraction(0))
        return {month: part / whole * int(claim.credit) for month, part in left.items()} if whole else {}

    def file(self, claim: Claim, due: list[Claim]) -> None:
        self.asked.append((claim, self.parts(claim, due)))

    def holds(self, cap_period: str) -> None:
        for month, cap in self.caps.items():
            assert self.of(month) <= cap + len(self.asked)
        for one, _ in self.asked:
            end, base = one.attainment.window.span.end, one.base.amount
            year = {*calendar().months_before(end, 12), calendar().month_name(end - 1)}
            assert base is not None
            if cap_period == "rolling-year":
                assert sum((self.of(month) for month in year), Fraction(0)) <= base

    def pays_once(self, unit: str) -> None:
        for (one, _), (another, _) in combinations(self.asked, 2):
            if one.commitment == another.commitment:
                same = one.attainment.service == another.attainment.service
                assert not (same and intersection(one.counted, another.counted))
                if unit == "commitment" and not same:
                    assert not within(one.counted, another.attainment.window.span)


@pytest.mark.law(number=9)
@given(months(slips=10), choices(), st.randoms(use_true_random=False))
def test_whatever_is_filed_refused_and_credited_the_caps_hold_and_no_instant_is_paid_twice(
    made: Months, readings: dict[str, str], chance: Any
) -> None:
    """Law 9, as time goes by: after each outage some claims are filed, each drawn anew before it is."""
    made.told = [told for told in made.told if told["kind"] not in ("claim", "credit")]
    ledger = Ledger(made)
    ends = sorted({one.end for of in made.down.values() for one in of})
    for end in ends:
        made.as_of = made.at(min(end + chance.choice([2, 30, 60]), made.hours))
        now = due(made.settled(readings))
        for id in [claim.id for claim in now]:
            claim = next((one for one in now if one.id == id and one.credit), None)
            if claim is None or chance.random() < 0.2:
                continue
            filed, fate = file(made, claim), chance.choice(["stays", "stays", "refused", "credited"])
            if fate == "refused":
                filed["state"] = "refused"
            else:
                ledger.file(claim, now)
            if fate == "credited":
                for month, cents in ledger.asked[-1][1].items():
                    made.tell("credit", account="a", claim=filed["id"], month=month, amount_cents=int(cents))
            ledger.holds(readings["cap-period"])
            ledger.pays_once(readings["penalty-unit"])
            now = due(made.settled(readings))


@pytest.mark.law(number=9)
@given(months(slips=10), choices("penalty-unit"), st.randoms(use_true_random=False))
def test_claims_filed_one_by_one_get_what_they_get_together(
    made: Months, readings: dict[str, str], chance: Any
) -> None:
    """Law 9: in any order, one cent for each apart; of one whose incidents lie in several months, no more.

    It speaks of one claim per service and promise: of a plan of several windows, filing one makes the choice
    between sliding and calendar windows anew for the rest. What is due then beside them takes a share of the
    caps too, so that it belongs to what they got.
    """
    readings["penalty-unit"] = "resource"
    settled = made.settled(readings)
    found = due(settled)
    if len({(one.commitment, one.attainment.service) for one in found}) < len(found):
        return
    together, got = credit(settled), 0
    for claim in chance.sample(found, len(found)):
        again = next((one for one in due(settled) if one.id == claim.id), None)
        if together is None or again is None or again.credit is None:
            return
        got += file(made, again)["amount_cents"]
        settled = made.settled(readings)

    still = credit(settled)
    assert together is None or got <= together + len(found)
    if together is not None and still is not None and all(len(claim.parts) == 1 for claim in found):
        assert together - got <= len(found) + still


@pytest.mark.law(number=9)
@given(months(slips=30), choices())
def test_what_nobody_saw_is_no_claim(made: Months, readings: dict[str, str]) -> None:
    """Law 9: windows that are all UNKNOWN, whatever was reserved, told of and invoiced."""
    made.down = {name: [] for name in made.down}
    readings["platform-throttle"] = "not-unavailable"

    assert made.settled(readings).claims == ()
    assert made.settled(readings, evidence=made.blind()).claims == ()


def test_a_claim_over_two_months_leaves_of_each_what_its_whole_amount_leaves() -> None:
    """C4: it is declared as one amount, so either of its months may have to bear it all.

    Of October's invoice nearly nothing can be asked. Booked by time, half of the claim would stand there, and
    November's 30 % would be asked for again in part.
    """
    made = Months(OCTOBER, hours=24 * 60)
    made.promises["lb"], made.via["lb"] = ("load-balancer.availability",), "internal"
    made.down["lb"] = [Down(24 * 31 - 11, 24 * 31 + 13), Down(24 * 36, 24 * 36 + 30)]
    for one in made.down["lb"]:
        made.notice("lb", one.start, one.end)
        made.ticket("lb", one.start)
    made.invoices(other={"2026-10": 100})
    made.as_of = made.at(24 * 32)
    (first,) = due(made.settled({"window": "larger-credit"}))
    file(made, first)

    made.as_of = made.at(24 * 38)
    (second,) = due(made.settled({"window": "larger-credit"}))

    assert first.credit is not None
    assert second.credit is not None
    assert set(first.parts) == {"2026-10", "2026-11"}
    assert int(first.credit) + int(second.credit) == 300_000


def test_what_is_due_in_a_calendar_month_once_a_sliding_claim_is_filed_shares_the_cap_and_loses_nothing() -> (
    None
):
    """Law 9, reading `window` = larger-credit: a first outage, whose sliding month nobody claimed in time, is
    in no claim beside the second one, and in its calendar month once that one is claimed.
    """
    made = Months(MARCH, hours=24 * 40)
    made.promises |= {"lb": ("internet.firewall",), "net": ("load-balancer.availability",)}
    made.via |= {"lb": "internet", "net": "internet"}
    made.down = {"lb": [Down(1, 6), Down(126, 166)], "net": [Down(1, 6), Down(7, 12)]}
    for name, of in made.down.items():
        for one in of:
            made.notice(name, one.start, one.end)
            made.ticket(name, one.start)
    made.invoices()
    made.as_of = made.at(168)

    def now() -> list[tuple[str, str]]:
        return [(one.attainment.service, one.kind) for one in due(made.settled(readings))]

    readings = {"window": "larger-credit", "penalty-unit": "resource"}
    before = now()
    got = file(made, due(made.settled(readings))[0])["amount_cents"]
    after = now()
    for id in [claim.id for claim in due(made.settled(readings))]:
        got += file(made, next(one for one in due(made.settled(readings)) if one.id == id))["amount_cents"]

    assert before == [("lb", "sliding"), ("net", "calendar")]
    assert after == [("lb", "calendar"), ("net", "calendar")]
    assert 300_000 - 3 <= got <= 300_000
    assert now() == []


def test_one_penalty_for_a_promise_is_not_paid_again_for_another_resource() -> None:
    """Law 9, reading `penalty-unit`: once the resource that is missed by least is claimed, that is all."""
    made = evening(opened=0)
    made.promises["second"] = ("load-balancer.availability",)
    made.via["second"] = "internal"
    made.down["second"] = [Down(24 * 10, 24 * 10 + 3)]
    made.notice("second", 24 * 10, 24 * 10 + 3)
    made.ticket("second", 24 * 10)
    made.as_of = made.at(24 * 10 + 12)
    (smallest,) = due(made.settled(SAFE))

    file(made, smallest)

    assert smallest.attainment.service == "second"
    assert due(made.settled(SAFE)) == []
    assert [claim.attainment.service for claim in due(made.settled({"penalty-unit": "resource"}))] == ["lb"]
