"""What is on an account's books, and which months an amount is for (C4, clause 8)."""

from fractions import Fraction
from typing import Any, Literal

import msgspec
import pytest

from collector.core.contract import Tier
from collector.core.credit import Ask, Books, books, by_month, capped, share_of_base
from collector.core.record import Declaration
from collector.core.timeline import HOUR, MINUTE, Instant, Span, spans
from tests.core.test_window import day
from tests.strategies import calendar, contract


def told(id: str, kind: Literal["invoice", "credit", "claim"], **more: Any) -> Declaration:
    return Declaration(seq=1, at=0, id=id, kind=kind, by="me", account="a", **more)


def invoice(month: str | None, cents: int | None, id: str = "i") -> Declaration:
    return told(f"{id}-{month}", "invoice", month=month, amount_cents=cents)


def credit(month: str | None, cents: int | None) -> Declaration:
    return told(f"c-{month}", "credit", claim="claim", month=month, amount_cents=cents)


def claim(cents: int | None) -> Declaration:
    """For an hour at the end of August and one at the beginning of September."""
    midnight = day("2026-09-01")
    return told(
        "claim", "claim", state="sent", amount_cents=cents, certain=((midnight - HOUR, midnight + HOUR),)
    )


def kept(*declared: Declaration) -> Books:
    return books("a", declared, calendar())


def test_a_miss_that_reaches_no_tier_is_worth_nothing() -> None:
    penalty = contract().penalty
    assert penalty is not None
    tiers = (Tier(below=Fraction(99, 100), credit=Fraction(1, 10)),)
    tiered = msgspec.structs.replace(penalty, formula="tiers", tiers=tiers)

    worth = [share_of_base(Fraction(999, 1000), Fraction(n, 1000), tiered) for n in (989, 990, 995)]

    assert worth == [Fraction(1, 10), 0, 0]


def test_an_invoice_of_nothing_is_lower_than_one_of_a_cent_whichever_came_first() -> None:
    nothing, cent = invoice("2026-08", 0, "x"), invoice("2026-08", 1, "y")

    assert kept(nothing, cent).invoiced("2026-08") == kept(cent, nothing).invoiced("2026-08") == 0


def test_a_negative_invoice_is_one_of_nothing() -> None:
    """Of a negative base a claim would be negative, and make room for those that share its caps."""
    penalty = contract().penalty
    assert penalty is not None
    found = kept(invoice("2026-07", -1200))

    assert found.invoiced("2026-07") == 0
    assert found.base(Span(day("2026-07-05"), day("2026-08-05")), calendar(), penalty).amount == 0


def test_what_is_negative_takes_no_room_and_makes_none() -> None:
    """A negative credit pays nothing of its claim, so that is asked for as before."""
    assert kept(claim(-100)).credited("2026-08") == 0
    found = kept(claim(101), credit("2026-08", -1))
    assert [found.credited(month) for month in ("2026-08", "2026-09")] == [101, 101]
    assert kept(credit("2026-08", -1), credit(None, -1)).credited("2026-08") == 0


def test_an_invoice_that_names_no_month_may_be_the_first_so_no_account_is_young_with_it() -> None:
    """A mean of one month, where it may have to be one of twelve, would be a guess."""
    penalty = contract().penalty
    assert penalty is not None
    july, window = invoice("2026-07", 1200), Span(day("2026-07-05"), day("2026-08-05"))

    assert kept(july).base(window, calendar(), penalty).amount == 1200
    found = kept(july, invoice(None, 1200)).base(window, calendar(), penalty)
    assert (found.amount, len(found.missing)) == (None, 11)


def test_a_base_of_no_months_is_the_invoice_of_the_month_in_which_the_window_begins() -> None:
    penalty = contract().penalty
    assert penalty is not None
    found = kept(
        *(invoice(month, cents) for month, cents in (("2026-06", 1), ("2026-07", 20), ("2026-08", 300)))
    )
    window = Span(day("2026-07-05"), day("2026-08-05"))

    base = found.base(window, calendar(), msgspec.structs.replace(penalty, base_months=0))

    assert base.amount == 20
    assert base.months == {"2026-07": "i-2026-07"}
    assert base.missing == ()


def test_credits_and_claims_that_say_no_amount_take_no_room() -> None:
    assert kept(credit("2026-08", None)).credited("2026-08") == 0
    assert kept(claim(None)).credited("2026-08") == 0


def test_a_credit_that_names_no_month_may_be_of_any_so_it_takes_room_from_each_and_from_every_year() -> None:
    found = kept(credit(None, 70))

    assert [found.credited(month) for month in ("2020-01", "2026-08")] == [70, 70]
    assert found.credited_since(day("2030-08-12"), calendar()) == 70


@pytest.mark.parametrize("certain", [None, (), ((5, 5),)])
def test_a_claim_that_names_no_downtime_takes_room_from_each_month_and_from_every_year(certain: Any) -> None:
    """It may be for any: else it would ask for money under no cap."""
    asked = told("claim", "claim", state="sent", amount_cents=70, certain=certain)
    found = kept(asked, credit("2026-08", 20))

    assert [found.credited(month) for month in ("2020-01", "2026-08")] == [50, 70]
    assert found.credited_since(day("2030-08-12"), calendar()) == 50


@pytest.mark.parametrize(
    ("credited", "august", "september"),
    [(None, 0, 101), (0, 0, 101), (100, 100, 1), (101, 101, 0), (150, 150, 0)],
)
def test_what_a_credit_for_one_of_its_months_leaves_of_a_claim_is_still_asked_for_the_other(
    credited: int | None, august: int, september: int
) -> None:
    """To the last cent."""
    found = kept(claim(101), credit("2026-08", credited))

    assert found.credited("2026-08") == august
    assert found.credited("2026-09") == september


def test_of_a_claim_whose_months_are_all_credited_nothing_is_asked_for_any_more() -> None:
    found = kept(claim(101), credit("2026-08", 20), credit("2026-09", 30))

    assert [found.credited(month) for month in ("2026-08", "2026-09", "2026-10")] == [20, 30, 0]


def test_the_rolling_year_holds_the_twelve_months_before_the_one_that_runs_and_what_came_since() -> None:
    end: Instant = day("2026-08-12")
    months = {"2025-07": 1, "2025-08": 20, "2026-07": 300, "2026-08": 4000, "2026-09": 50_000}

    assert kept(*(credit(*one) for one in months.items())).credited_since(end, calendar()) == 54_320


def test_an_outage_that_ends_with_its_month_is_for_that_month_alone() -> None:
    """Else it would have no credit before the next month is invoiced."""
    midnight = day("2026-09-01")

    assert by_month(Fraction(60), spans([(midnight - HOUR, midnight)]), calendar()) == {"2026-08": 60}
    over = spans([(midnight - HOUR, midnight - HOUR + MINUTE), (midnight - 4 * MINUTE, midnight + MINUTE)])
    assert by_month(Fraction(60), over, calendar()) == {"2026-08": 50, "2026-09": 10}


@pytest.mark.parametrize("period", ["rolling-year", "claim"])
def test_a_claim_has_no_credit_before_the_month_of_its_incidents_is_invoiced(period: str) -> None:
    """Its base may be known long before: that is of the months which were over. Then clause 8 takes 30 %."""
    penalty = contract().penalty
    assert penalty is not None
    window, readings = Span(day("2026-07-20"), day("2026-08-20")), {"cap-period": period}
    ask = Ask(Fraction(50), {"2026-08": Fraction(1)}, Fraction(100), window)

    before = capped([ask], kept(invoice("2026-07", 100)), penalty, calendar(), readings)
    after = capped([ask], kept(invoice("2026-08", 100)), penalty, calendar(), readings)

    assert before.of_invoice == before.of_base == (None,)
    assert after.of_invoice == after.of_base == (Fraction(30),)
