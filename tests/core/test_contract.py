"""What a contract states as text is exact, and what it leaves out is not done."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from collector.core.account import Account, Settlement, draw, replay, settle
from collector.core.contract import Contract, ratio
from collector.core.effect import effects
from collector.core.timeline import Span
from tests.strategies import Journal, account, calendar, contract, instant, watched

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99.97 %", Fraction(9997, 10_000)),
        ("99.999%", Fraction(99_999, 100_000)),
        ("100 %", Fraction(1)),
        ("10", Fraction(10)),
    ],
)
def test_a_ratio_is_exact(text: str, expected: Fraction) -> None:
    assert ratio(text) == expected


@pytest.mark.parametrize("text", ["", "%", "99,9 %", "99.97 ‰", "-1 %", "1e2", "ten"])
def test_what_is_no_ratio_is_refused_as_it_was_written(text: str) -> None:
    with pytest.raises(ValueError, match=f'^expected a quoted ratio like "99.97 %", got "{text}"$'):
        ratio(text)


# ------------------------------------------------------------------------------------- what one leaves out


def invoiced(*commitments: str, **ticket: Any) -> Journal:
    """A load balancer that was down for a day of a month invoiced at 100 EUR, with ticket and notices."""
    made = watched("o" + "x" * 26 + "ooo", *commitments, every=HOUR, burst=HOUR, via="internal")
    times = {"opened": instant(0), "complete": instant(0), **ticket}
    made.declare("t", "ticket", number="1", severity=1, scope=("*",), **times)
    for month in (f"{year}-{n:02}" for year in (2025, 2026) for n in range(1, 13)):
        made.declare(f"i-{month}", "invoice", account="a", month=month, amount_cents=10_000)
    told = {"services": ("s",), "state": "delivered", "possible": ((0, 27 * HOUR),)}
    return made.declare("n", "notice", 28 * HOUR, sent=28 * HOUR, received=28 * HOUR, **told)


def settled(without: Contract, made: Journal) -> tuple[Account, Settlement]:
    drawn = account(made, until=30 * HOUR, as_of=30 * HOUR, by=without, readings={"window": "larger-credit"})
    return drawn, settle(drawn)


def test_a_contract_without_a_penalty_leaves_nothing_to_claim_and_still_says_what_was_missed() -> None:
    drawn, found = settled(msgspec.structs.replace(contract(), penalty=None), invoiced())

    assert [one.claim_finding for one in drawn.attainments] == ["MISSED"]
    assert found.claims == ()
    assert [bool(one.reserved) for one in found.reservations] == [True]


def test_without_a_cap_of_the_months_invoice_only_that_of_the_year_is_left() -> None:
    """25 hours of September are 3.5 %; what is over 0.2 % is worth 32.7 % of an invoice, the cap is 30."""
    penalty = contract().penalty
    assert penalty is not None
    uncapped = msgspec.structs.replace(penalty, cap_of_invoice=None, cap_of_invoice_clause="")

    (capped,) = settled(contract(), invoiced())[1].claims
    (free,) = settled(msgspec.structs.replace(contract(), penalty=uncapped), invoiced())[1].claims

    assert free.by_formula == capped.by_formula
    assert capped.credit == 3000
    assert free.credit == free.by_formula == Fraction(8_481_599, 2592)


def test_a_contract_that_asks_for_no_reservation_sets_no_deadline_to_send_one() -> None:
    made = watched("o" + "x" * 26 + "ooo", every=HOUR, burst=HOUR, via="internal")
    freely = msgspec.structs.replace(contract().deadlines, reservation=None)

    _, asked = settled(contract(), made)
    drawn, unasked = settled(msgspec.structs.replace(contract(), deadlines=freely), made)

    assert [(one.task, one.about) for one in asked.deadlines] == [("reserve", f"s@{instant(0)}")]
    assert unasked.deadlines == ()
    assert [one.claim_finding for one in drawn.attainments] == ["MISSED"]


def test_a_claim_that_was_refused_leaves_its_downtime_to_be_claimed_again() -> None:
    """C3: neither with the provider any more, nor credited."""
    told: dict[str, Any] = {"account": "a", "services": ("s",), "certain": ((HOUR, 26 * HOUR),)}
    claims = (
        invoiced().declare(
            "c", "claim", 28 * HOUR, commitment="load-balancer.availability", state=state, **told
        )
        for state in ("sent", "refused")
    )

    sent, refused = (settled(contract(), made)[1].claims for made in claims)

    assert sent == ()
    assert [claim.state for claim in refused] == ["due"]


@pytest.mark.parametrize(("account_id", "left"), [("a", []), ("b", ["due"])])
def test_a_claim_for_one_service_settles_the_month_for_the_others_of_its_account_alone(
    account_id: str, left: list[str]
) -> None:
    """Reading `penalty-unit`: one penalty for a promise and window."""
    told: dict[str, Any] = {"services": ("other",), "certain": ((HOUR, 26 * HOUR),), "state": "sent"}
    made = invoiced().declare(
        "c", "claim", 28 * HOUR, commitment="load-balancer.availability", account=account_id, **told
    )

    assert [claim.state for claim in settled(contract(), made)[1].claims] == left


def test_a_contract_that_accepts_no_invoice_by_silence_sets_no_deadline_to_contest() -> None:
    claimed = {"commitment": "load-balancer.availability", "account": "a", "services": ("s",), "root": "r"}
    made = invoiced().declare("c", "claim", 28 * HOUR, state="sent", size=1, statement="f", **claimed)
    late = {"account": "a", "month": "2026-10", "amount_cents": 10_000, "issued": instant(29 * HOUR)}
    made.declare("late", "invoice", 29 * HOUR, **late)
    silent = msgspec.structs.replace(contract().deadlines, contest=None)

    _, asked = settled(contract(), made)
    _, unasked = settled(msgspec.structs.replace(contract(), deadlines=silent), made)

    assert [one.about for one in asked.deadlines if one.task == "contest"] == ["late"]
    assert [one for one in asked.deadlines if one.task != "contest"] == list(unasked.deadlines)


def test_a_contract_whose_credits_do_not_expire_sets_no_deadline_to_use_one() -> None:
    made = invoiced().declare(
        "c", "credit", 28 * HOUR, account="a", claim="c", amount_cents=1, month="2026-08"
    )
    lasting = msgspec.structs.replace(contract().deadlines, credit=None)

    _, given = settled(contract(), made)
    _, kept = settled(msgspec.structs.replace(contract(), deadlines=lasting), made)

    assert [one.about for one in given.deadlines if one.task == "use-credit"] == ["c"]
    assert [one for one in given.deadlines if one.task != "use-credit"] == list(kept.deadlines)


def test_a_claim_for_a_sliding_window_is_for_its_worst_position() -> None:
    drawn = account(invoiced(), until=30 * HOUR, as_of=30 * HOUR, readings={"claim-clock": "claimed-window"})

    (claim,) = settle(drawn).claims

    assert (claim.kind, claim.attainment.window.kind) == ("sliding", "worst")
    assert claim.id == f"load-balancer.availability/s/sliding@{instant(HOUR + 0.01)}"


@pytest.mark.parametrize(
    ("ticket", "found"),
    [
        ({"opened": None, "complete": instant(2 * HOUR)}, 1),
        ({"opened": instant(3 * HOUR), "complete": instant(2 * HOUR)}, 1),
        ({"opened": instant(28 * HOUR), "complete": instant(2 * HOUR)}, 0),
        ({"opened": instant(0), "complete": None}, 0),
    ],
)
def test_a_ticket_tells_of_what_went_on_when_it_was_opened(ticket: dict[str, Any], found: int) -> None:
    """One whose opening nobody told was opened when it was complete; one after the outage tells nothing."""
    drawn = account(
        invoiced(**ticket), until=30 * HOUR, as_of=30 * HOUR, readings={"window": "larger-credit"}
    )

    assert len(settle(drawn).claims) == found


def test_what_was_let_go_without_a_penalty_had_no_base() -> None:
    bare = msgspec.structs.replace(contract(), penalty=None)
    drawn = account(
        invoiced(), until=30 * HOUR, as_of=60 * DAY, by=bare, readings={"window": "larger-credit"}
    )

    (claim, *_) = settle(drawn).claims

    assert (claim.state, claim.base) == ("late", (None, {}, ()))


def test_a_claim_says_all_that_it_needs_and_by_what_it_has_it() -> None:
    """C5. Nobody has decided on a deduction, nor put evidence on record; what is about others is no proof."""
    made = invoiced("object-storage.access-api")
    for id, of in (("mine", "a"), ("theirs", "b")):
        made.declare(f"zones-{id}", "deployment", account=of, zones=("r-a", "r-b"))
    made.declare("open", "force-majeure", spans=((2 * HOUR, 3 * HOUR),), scope=("*",), standing=None)
    drawn = account(made, until=30 * HOUR, as_of=30 * HOUR, readings={"claim-clock": "claimed-window"})

    claim = settle(drawn).claims[0]

    assert [(need.what, need.met, need.by) for need in claim.needs] == [
        ("calculation", True, ()),
        ("reservations", True, ("n",)),
        ("decided-deductions", False, ("open",)),
        ("ticket", True, ("t",)),
        ("all-zones", True, ("zones-mine",)),
        ("no-arrears", True, ()),
        ("evidence", False, ()),
    ]


def test_what_is_reached_through_the_internet_needs_a_second_vantage_point() -> None:
    made = watched("o" + "x" * 26 + "ooo", every=HOUR, burst=HOUR)
    made.declare("t", "ticket", number="1", severity=1, scope=("*",), opened=instant(0), complete=instant(0))
    told: dict[str, Any] = {"services": ("s",), "state": "delivered", "possible": ((0, 27 * HOUR),)}
    made.declare("n", "notice", 28 * HOUR, sent=28 * HOUR, received=28 * HOUR, **told)
    drawn = account(made, until=30 * HOUR, as_of=30 * HOUR, readings={"claim-clock": "claimed-window"})

    (claim,) = settle(drawn).claims

    assert ("two-witnesses", False) in [(need.what, need.met) for need in claim.needs]


def test_a_claim_is_among_what_is_to_be_done_by_its_name_and_a_reading_may_take_it_away() -> None:
    made = invoiced(complete=None)
    given: dict[str, Any] = {"as_of": instant(30 * HOUR), "asked": (Span(instant(0), instant(30 * HOUR)),)}
    evidence = replay({made.origin: made.lines}, contract(), instant(30 * HOUR))
    arguable = {"ticket": "support-only"}

    drawn = settle(draw(evidence, contract(), calendar(), readings=arguable, **given))
    moves = effects(evidence, contract(), calendar(), readings=arguable, **given)

    (claim,) = drawn.claims
    assert claim.credit is not None
    assert [one.about for one in drawn.deadlines if one.task == "claim"] == [claim.id]
    assert {one.reading: one.credit for one in moves}["ticket"] == {"a": (claim.credit, Fraction(0))}


@pytest.mark.parametrize("period", ["rolling-year", "claim"])
def test_the_cap_of_all_penalties_is_a_share_of_the_base(period: str) -> None:
    """Half of what clause 8 would leave: 15 EUR of a base of 100."""
    penalty = contract().penalty
    assert penalty is not None
    by = msgspec.structs.replace(
        contract(), penalty=msgspec.structs.replace(penalty, cap_of_base=Fraction(15, 100))
    )
    readings = {"window": "larger-credit", "cap-period": period}

    (claim,) = settle(account(invoiced(), until=30 * HOUR, as_of=30 * HOUR, by=by, readings=readings)).claims

    assert (claim.after_invoice_cap, claim.credit) == (Fraction(3000), Fraction(1500))
