"""The laws of claims: they fit their figures, safe is safe, and names, weeks and order make no odds."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import Settlement, settle
from collector.core.reservation import Coverage
from collector.core.timeline import DAY, difference, intersection, union
from tests.months import BASES, OCTOBER, SAFE, Down, Months, credit, due, evening, hourly, months
from tests.strategies import calendar, choices


def iso(at: int) -> str:
    return calendar().iso(at)[:16]


# -------------------------------------------------------------------------------------------------- law 1


@pytest.mark.law(number=1)
@given(months(slips=20), choices())
def test_a_claim_counts_no_more_than_may_be_claimed_and_asks_no_more_than_the_formula_gives(
    made: Months, readings: dict[str, str]
) -> None:
    """Law 1, of claims: counted ⊆ reserved, counted ⊆ net ⊆ observed; credit ≤ under one cap ≤ by formula."""
    account = made.account(readings)
    for claim in settle(account).claims:
        found = claim.attainment
        (reserved,) = {s.facts.reserved for s in account.stakes[found.service]}
        assert claim.counted
        assert not difference(claim.counted, reserved)
        assert not difference(claim.counted, found.net.down)
        assert not difference(found.net.down, found.observed.down)
        assert found.claim_finding == "MISSED"
        if claim.by_formula is not None:
            assert sum(claim.parts.values(), Fraction(0)) == claim.by_formula
        if claim.credit is not None:
            assert claim.after_invoice_cap is not None
            assert claim.by_formula is not None
            assert 0 <= claim.credit <= claim.after_invoice_cap <= claim.by_formula


# -------------------------------------------------------------------------------------------------- law 4


@pytest.mark.law(number=4)
@given(months(slips=30), choices(), st.randoms(use_true_random=False))
def test_claims_do_not_depend_on_the_order_in_which_declarations_arrive(
    made: Months, readings: dict[str, str], chance: Any
) -> None:
    """Law 4, of all that is settled."""
    made.told = [{"id": f"d{k:02}", **told} for k, told in enumerate(made.told)]
    plain = made.settled(readings)

    made.told = chance.sample(made.told, len(made.told))

    assert made.settled(readings) == plain


# ------------------------------------------------------------------------------------------------- law 10


@pytest.mark.law(number=10)
@given(months(slips=30), choices("penalty-unit"))
def test_other_names_give_the_same_claims(made: Months, readings: dict[str, str]) -> None:
    """Law 10. Under one penalty per promise, of two that are missed by the same a name makes the choice."""
    readings["penalty-unit"] = "resource"
    new = {"lb": "zz", "net": "a", "r": "r", "*": "*"}
    plain = made.settled(readings)

    named: tuple[dict[str, Any], ...] = (made.promises, made.via, made.targets, made.down)
    renamed: list[dict[str, Any]] = [{new[name]: one for name, one in of.items()} for of in named]
    made.promises, made.via, made.targets, made.down = renamed
    for told in made.told:
        for key in {"scope", "services"} & told.keys():
            told[key] = tuple(new[name] for name in told[key])

    assert told_of(made.settled(readings), new={}) == told_of(plain, new)


def told_of(found: Settlement, new: Mapping[str, str]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            new.get(one.attainment.service, one.attainment.service), one.commitment, one.attainment.window,
            one.state, one.due, one.counted, one.credit is None, one.credit or 0,
        )
        for one in found.claims
    )  # fmt: skip


@pytest.mark.law(number=10)
@given(months(slips=30, base=BASES[1]), st.integers(-4, 2), choices())
def test_whole_weeks_later_the_same_downtime_is_reserved_until_so_much_later(
    made: Months, weeks: int, readings: dict[str, str]
) -> None:
    """Law 10: 48 hours know no months, no holidays and, in winter, no change of the clocks."""
    readings["clear-days"] = "strict"  # working days before maintenance do
    here = made.settled(readings).reservations

    later = made.later(weeks * 7 * DAY)

    there = later.settled(readings).reservations
    assert [timed(one, made.base) for one in here] == [timed(one, later.base) for one in there]


def timed(one: Coverage, base: int) -> tuple[Any, ...]:
    spans = (one.reserved, one.waived, one.open)
    moments = (None if at is None else at - base for at in (one.safe, one.latest))
    return one.service, [[(a - base, b - base) for a, b in of] for of in spans], *moments


# -------------------------------------------------------------------------------------------------- law 6


@pytest.mark.law(number=6)
@given(months(slips=10), choices())
def test_the_credit_that_is_safe_is_the_smallest(made: Months, readings: dict[str, str]) -> None:
    """Law 6: of what can still be claimed in full, no combination of readings gives less than all-safe.

    It speaks of claims in time: what a combination counts more may have been missed, and lapsed, earlier. And
    where one penalty is paid for all resources of a promise, of promises with one: see the cases below.
    """
    evidence = made.evidence()
    safe, other = (made.settled(chosen, evidence=evidence) for chosen in (SAFE, readings))
    if readings["penalty-unit"] == "commitment" and made.shared():
        readings["penalty-unit"] = "resource"
        other = made.settled(readings, evidence=evidence)
    if any(claim.state == "late" for claim in other.claims):
        return
    least, credited = credit(safe), credit(other)

    if least is not None and credited is not None:
        assert least <= credited


@pytest.mark.law(number=6)
@given(months(slips=10), st.sampled_from(["strict", "extended"]), st.sampled_from(["safe", "arguable"]))
def test_no_reading_of_the_clock_gives_less_time_than_the_safe_deadline(
    made: Months, days: str, clock: str
) -> None:
    """Law 6: of a claim about the same downtime, and of an outage to be reserved.

    And what may still be claimed has its safe deadline before it, and nothing in it that has lapsed.
    """
    clocks = {"safe": "first-missed-window", "arguable": "claimed-window"}
    evidence = made.evidence()
    safe = made.settled(SAFE, evidence=evidence)
    other = made.settled({"clear-days": days, "claim-clock": clocks[clock]}, evidence=evidence)

    for one in due(safe):
        assert made.as_of < one.due.safe <= one.due.latest
        for lapsed in safe.claims:
            same = one.attainment.service == lapsed.attainment.service and one.commitment == lapsed.commitment
            assert lapsed.state != "late" or not same or not intersection(one.counted, lapsed.counted)
        for another in due(other):
            if one.commitment == another.commitment and intersection(one.counted, another.counted):
                assert one.due.safe <= another.due.latest
    for task in safe.deadlines:
        assert task.latest is None or task.safe <= task.latest


@pytest.mark.law(number=6)
@given(months(slips=10), choices())
def test_no_reading_waives_earlier_than_the_safe_one(made: Months, readings: dict[str, str]) -> None:
    """Law 6: what all-safe still holds to be open of an outage is open, or reserved, under every reading."""
    readings["platform-throttle"] = "not-unavailable"
    readings["notice-time"] = "theirs-sent-ours-received"
    evidence = made.evidence()
    safe, other = (made.settled(chosen, evidence=evidence) for chosen in (SAFE, readings))

    others = {one.outage: one for one in other.reservations}
    for one in safe.reservations:
        if one.open:
            assert one.safe is not None
            assert made.as_of < one.safe
            assert one.latest is None or one.safe <= one.latest
            there = others[one.outage]
            assert not difference(one.open, union(there.open, there.reserved))


def test_a_reading_that_counts_more_may_have_lapsed_earlier() -> None:
    """Why law 6 speaks of claims in time: missed on the 10th and not on the 11th, it was due a day earlier.

    What was missed by midnight is given up then, with all that the notice of the night documents. All-safe
    begins to count with the ticket at 23:00, and was missed on the 11th alone.
    """
    made = evening(opened=3)
    told = {"ticket": "support-only"}

    made.as_of = made.at(24 * 10 + 12)
    (safe,), (other,) = due(made.settled(SAFE)), due(made.settled(told))
    assert safe.credit is not None
    assert other.credit is not None
    assert safe.credit < other.credit
    assert (iso(safe.due.safe), iso(other.due.safe)) == ("2026-10-17T00:00", "2026-10-16T00:00")

    made.as_of = made.at(24 * 15 + 12)
    assert [one.credit for one in due(made.settled(SAFE))] == [safe.credit]
    assert due(made.settled(told)) == []


def test_a_reading_that_counts_more_may_have_been_missed_earlier_so_that_its_deadline_is_earlier() -> None:
    """Why law 6 moves deadlines by readings of the clock alone: see the dates of the case before."""
    made = evening(opened=5)
    made.as_of = made.at(24 * 10 + 12)

    (safe,) = due(made.settled(SAFE))
    (other,) = due(made.settled({"ticket": "support-only"}))

    assert other.due.safe < safe.due.safe
    assert safe.due.safe <= other.due.latest


def test_a_reading_that_counts_more_may_bring_in_a_resource_that_is_missed_by_less() -> None:
    """Why law 6 speaks of one resource per promise: "the smallest shortfall" is the smallest of those missed.

    The second load balancer has no ticket. Where it needs none it is missed as well, by less, and is the one.
    """
    made = evening(opened=0)
    made.promises["second"] = ("load-balancer.availability",)
    made.via["second"] = "internal"
    made.down["second"] = [Down(24 * 10, 24 * 10 + 3)]
    made.notice("second", 24 * 10, 24 * 10 + 3)
    made.as_of = made.at(24 * 10 + 12)

    (safe,), (other,) = due(made.settled(SAFE)), due(made.settled({"ticket": "support-only"}))
    both = due(made.settled({"ticket": "support-only", "penalty-unit": "resource"}))

    assert (safe.attainment.service, other.attainment.service) == ("lb", "second")
    assert safe.credit is not None
    assert other.credit is not None
    assert safe.credit > other.credit
    assert {claim.attainment.service for claim in both} == {"lb", "second"}


def test_no_notice_covers_what_happened_after_it_was_sent() -> None:
    """C1, reading `notice-time`: sent at 02:00 and received when all was over, it tells of nothing later.

    Else the notice would cover more where it counts from its arrival, which is the safe choice.
    """
    made = evening(opened=0)
    made.told[0] |= {"sent": made.at(24 * 10 + 2), "received": made.at(24 * 10 + 8)}
    made.as_of = made.at(24 * 10 + 12)

    for choice in ("theirs-sent-ours-received", "theirs-received-ours-sent"):
        (claim,) = due(made.settled({"notice-time": choice}))
        assert claim.counted == (made.span(24 * 9 + 20, 24 * 10 + 2),)


def test_what_lapsed_under_one_kind_of_window_is_not_claimed_under_the_other() -> None:
    """Law 6, reading `window`: also where another resource has a claim in time under both kinds.

    The night of the 9th lapsed by the sliding window, on the 15th; the calendar's runs until November. The
    second load balancer was missed later: without it there was no claim, and with it there was one too many.
    """
    made = evening(opened=0)
    made.promises["second"], made.via["second"] = ("load-balancer.availability",), "internal"
    made.down["second"] = [Down(24 * 12, 24 * 12 + 20)]
    made.notice("second", 24 * 12, 24 * 12 + 20)
    made.ticket("second", 24 * 12)
    made.as_of = made.at(24 * 17)

    assert [claim.attainment.service for claim in due(made.settled(SAFE))] == ["second"]


def test_what_lapsed_under_one_kind_of_window_is_not_counted_beside_what_has_not_under_the_other() -> None:
    """Law 6, reading `window`: an hour each on October 30 and November 2 were missed in a sliding month that
    nobody claimed in time. The night of November 30 is missed in November, which has the second of them too,
    and in December.
    """
    made = Months(OCTOBER, hours=24 * 70)
    made.promises["lb"], made.via["lb"] = ("load-balancer.availability",), "internal"
    made.down["lb"] = [Down(707, 708), Down(779, 780), Down(1462, 1467)]
    for one in made.down["lb"]:
        made.notice("lb", one.start, one.end)
        made.ticket("lb", one.start)
    made.invoices()
    made.as_of = made.at(24 * 62 + 13)

    found = made.settled(SAFE).claims
    gone = [claim.counted for claim in found if claim.state == "late"]
    still = {choice: [one.counted for one in due(made.settled({"window": choice}))] for choice in CHOICES}

    assert gone == [(made.span(707, 708), made.span(779, 780))]
    assert still["smaller-credit"] == [(made.span(1462, 1465),), (made.span(1465, 1467),)]
    assert still["larger-credit"] == [(made.span(1462, 1467),)]


def test_what_lapsed_with_its_calendar_month_is_not_claimed_in_a_sliding_one_that_has_not() -> None:
    """Law 6, reading `window`: October 20 was October's, which nobody claimed by November 6. A sliding month
    that has the night of November 10 too would ask for both, until the days from its own end have run.
    """
    made = Months(OCTOBER, hours=24 * 70)
    made.promises["lb"], made.via["lb"] = ("load-balancer.availability",), "internal"
    made.down["lb"] = [Down(24 * 19, 24 * 19 + 10), Down(24 * 40, 24 * 40 + 3)]
    for one in made.down["lb"]:
        made.notice("lb", one.start, one.end)
        made.ticket("lb", one.start)
    made.invoices(other={"2026-11": 100_000_000})  # so that the sliding month is worth less
    made.as_of = made.at(24 * 42 + 12)

    found = made.settled({"claim-clock": "claimed-window"}).claims

    october, november = made.span(24 * 19, 24 * 19 + 10), made.span(24 * 40, 24 * 40 + 3)
    assert [(one.kind, one.state, one.counted) for one in found] == [
        ("sliding", "due", (november,)),
        ("calendar", "late", (october,)),
    ]


CHOICES = "smaller-credit", "larger-credit"


def test_a_notice_of_downtime_that_was_deducted_is_not_given_up_with_what_was_not_claimed() -> None:
    """Clause 11: the night of the 10th is gone. Two hours of the 11th were maintenance, which nobody could
    claim, so that the notice of them and of the 13th stands.
    """
    made = evening(opened=0)
    made.down["lb"] += [Down(24 * 10 + 14, 24 * 10 + 16), Down(24 * 12, 24 * 12 + 10)]
    spans, over = (
        (made.span(24 * 10 + 14, 24 * 10 + 16), made.span(24 * 12, 24 * 12 + 10)),
        made.at(24 * 12 + 10),
    )
    made.tell("notice", services=("lb",), possible=spans, state="delivered", sent=over, received=over)
    made.ticket("lb", 24 * 10 + 14)
    made.ticket("lb", 24 * 12)
    deducted = dict(scope=("lb",), sent=made.at(0), received=made.at(0), spans=spans[:1])
    made.as_of = made.at(24 * 16 + 12)

    assert [one.counted for one in due(made.settled(SAFE))] == []
    made.tell("planned-maintenance", standing="accepted", **deducted)
    assert [one.counted for one in due(made.settled(SAFE))] == [spans[1:]]


def test_without_reservations_only_the_time_of_the_lapsed_windows_is_given_up() -> None:
    """Another contract: what came after them is judged by itself, and nobody sent a notice."""
    made = evening(opened=0)
    made.told = [one for one in made.told if one["kind"] != "notice"]
    made.down["lb"].append(Down(24 * 12, 24 * 12 + 10))
    made.ticket("lb", 24 * 12)
    made.as_of = made.at(24 * 16 + 12)
    terms = msgspec.structs.replace(hourly().deadlines, reservation=None)
    by = msgspec.structs.replace(hourly(), deadlines=terms)

    found = made.settled(SAFE, by=by).claims

    assert [(one.state, one.counted) for one in found] == [
        ("due", (made.span(24 * 12, 24 * 12 + 10),)), ("late", (made.span(24 * 9 + 20, 24 * 10 + 6),)),
    ]  # fmt: skip


# ------------------------------------------------------------------------ what windows are chosen by (C3)


def test_the_window_is_chosen_by_its_credit_and_not_by_its_shortfall() -> None:
    """C3, reading `window`: November, of 30 days, is missed by more, but makes the base smaller.

    Sliding: (5 h - 0.2 % of 744 h) / 744 h × 10 × 10 000 € = 472 €, of which the invoice's 30 % leaves 300 €.
    Calendar: (5 h - 0.2 % of 720 h) / 720 h × 10 × 5 500 € = 271.94 €.
    """
    made = Months(OCTOBER, hours=24 * 60)
    made.promises["lb"], made.via["lb"] = ("load-balancer.availability",), "internal"
    made.down["lb"] = [Down(24 * 33, 24 * 33 + 5)]
    made.notice("lb", 24 * 33, 24 * 33 + 5)
    made.ticket("lb", 24 * 33)
    for month, cents in (("2026-10", 1_000_000), ("2026-11", 100_000)):
        made.tell("invoice", account="a", month=month, amount_cents=cents, issued=made.base)
    made.as_of = made.at(24 * 34)

    (smaller,), (larger,) = (due(made.settled({"window": of})) for of in ("smaller-credit", "larger-credit"))

    assert (smaller.kind, int(smaller.credit or 0)) == ("calendar", 27_194)
    assert (larger.kind, int(larger.credit or 0)) == ("sliding", 30_000)
    assert smaller.share > larger.share


def test_of_windows_that_overlap_the_one_with_the_largest_credit_is_claimed() -> None:
    """C3: three days in a month whose invoice was 1 €, or half a day in a month that leaves something."""
    made = Months(OCTOBER, hours=24 * 61)
    made.promises["lb"], made.via["lb"] = ("load-balancer.availability",), "internal"
    made.down["lb"] = [Down(24 * 21, 24 * 24), Down(24 * 55 + 12, 24 * 56)]
    for one in made.down["lb"]:
        made.notice("lb", one.end - 40, one.end)
        made.ticket("lb", one.start)
    made.invoices(other={"2026-10": 100})
    made.as_of = made.at(24 * 58)

    (claim,) = due(made.settled({"window": "sliding", "claim-clock": "claimed-window"}))

    assert claim.counted == (made.span(24 * 55 + 12, 24 * 56),)
    assert claim.credit is not None
    assert claim.credit > 30


def test_where_more_was_credited_than_the_caps_leave_nothing_is_left() -> None:
    """C4: no room under either cap is no credit, and no error."""
    made = evening(opened=0)
    made.tell("credit", account="a", claim="of-old", month="2026-10", amount_cents=2_000_000)
    made.as_of = made.at(24 * 10 + 12)

    (claim,) = due(made.settled(SAFE))

    assert claim.credit == 0
