"""Support times over declared tickets (A7): what no page of a dispute says once for all."""

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import Account, draw, replay
from collector.core.contract import Contract
from collector.core.eligibility import Eligibility
from collector.core.published import to_json
from collector.core.record import Account as ProviderAccount
from collector.core.record import Declaration
from collector.core.support import Known, SupportTime, Ticket, tickets
from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Instant
from tests.strategies import T0, Journal, calendar, contract, probe, service

PARIS = ZoneInfo("Europe/Paris")
EVERYWHERE: dict[str, Any] = {"account": "a", "zones": ("r-a", "r-b")}


def drawn(*declared: dict[str, Any]) -> Account:
    journal = Journal().start().clock().plan([service()], [probe()])
    journal.declare("zones", "deployment", **EVERYWHERE)
    for k, fields in enumerate(declared):
        given = {"number": str(k), "severity": 1, "opened": T0, "complete": T0, "scope": ("s",)}
        journal.declare(f"t{k}", "ticket", **{**given, **fields})
    as_of = T0 + 90 * DAY
    evidence = replay({journal.origin: journal.lines}, contract(), as_of)
    return draw(evidence, contract(), calendar(), as_of=as_of)


def ticket(as_of: Instant = T0 + 90 * DAY, by: Contract | None = None, **fields: Any) -> Ticket:
    """The ticket alone, without a journal around it."""
    terms = by or contract()
    everywhere = Declaration(seq=0, at=0, id="zones", kind="deployment", by="x", **EVERYWHERE)
    eligibility = Eligibility(
        contract=terms,
        calendar=calendar(),
        accounts={"a": ProviderAccount(id="a", region="r", zones=EVERYWHERE["zones"])},
        declarations=(everywhere,),
        as_of=as_of,
    )
    usual = {"number": "0", "severity": 1, "opened": T0, "complete": T0, "scope": ("s",)}
    declared = Declaration(seq=1, at=0, id="t0", kind="ticket", by="x", **{**usual, **fields})
    known = Known([service()], terms, calendar(), eligibility)
    (found,) = tickets((everywhere, declared), known, as_of)
    return found


def of(found: Ticket, measure: str) -> SupportTime:
    (one,) = (one for one in found.commitments if one.commitment == f"support.{measure}")
    return one


def all_day(**changed: Any) -> Contract:
    """The contract with business hours from midnight to midnight, every day."""
    hours: dict[str, Any] = {"opens_minute": 0, "closes_minute": 24 * 60, "weekdays": tuple(range(1, 8))}
    business = msgspec.structs.replace(contract().business, **{**hours, **changed})
    return msgspec.structs.replace(contract(), business=business)


# ------------------------------------------------------------------------------------------------- the form


def test_the_published_form_says_what_the_ticket_says_and_what_was_owed_on_it() -> None:
    found = drawn(
        {
            "number": "4711",
            "severity": 3,
            "first_answer": T0 + MINUTE,
            "solved": T0 + DAY,
            "waiting": ((T0 + HOUR, T0 + 2 * HOUR),),
        }
    )

    (published,) = json.loads(json.dumps(to_json(found)))["tickets"]

    assert published == {
        "id": "t0",
        "number": "4711",
        "severity": 3,
        "scope": ["s"],
        "opened": T0,
        "complete": T0,
        "first_answer": T0 + MINUTE,
        "solved": T0 + DAY,
        "waiting": [[T0 + HOUR, T0 + 2 * HOUR]],
        "commitments": [
            {
                "commitment": "support.response",
                "clause": "SLA9 (GTI)",
                "limit": HOUR,
                "business_hours": False,
                "elapsed": MINUTE,
                "waited": 0,
                "least": MINUTE,
                "most": MINUTE,
                "finding": "MET",
                "flags": [],
            },
            {
                "commitment": "support.restoration",
                "clause": "SLA9 (GTR)",
                "limit": 48 * HOUR,
                "business_hours": True,
                "elapsed": 8 * HOUR,
                "waited": 0,
                "least": 8 * HOUR,
                "most": 8 * HOUR,
                "finding": "MET",
                "flags": [],
            },
        ],
        "flags": [],
    }


def test_tickets_come_in_the_order_of_opening_and_one_declared_twice_says_so() -> None:
    found = drawn({"opened": T0 + HOUR}, {"number": "7"}, {"number": "7", "opened": T0 + MINUTE})

    assert [(one.number, one.flags) for one in found.tickets] == [
        ("7", ("same-number-declared-twice",)),
        ("7", ("same-number-declared-twice",)),
        ("0", ()),
    ]


def test_a_ticket_that_says_nothing_is_shown_all_the_same() -> None:
    """A journal that a stranger wrote may lack what the inbox insists on."""
    found = ticket(number=None, severity=None, opened=None, complete=None, scope=None)

    assert (found.number, found.opened, found.flags) == ("", None, ("unknown-scope",))
    assert [(one.finding, one.flags) for one in found.commitments] == [
        ("OPEN", ("severity-without-limit", "never-complete", "not-all-zones")),
        ("OPEN", ("severity-without-limit", "never-complete", "not-all-zones")),
    ]


def test_what_happens_at_the_instant_of_the_account_has_happened() -> None:
    found = ticket(first_answer=T0 + MINUTE, solved=T0 + MINUTE, as_of=T0 + MINUTE)

    assert found.flags == ()
    assert [one.finding for one in found.commitments] == ["MET", "MET"]


@pytest.mark.parametrize(
    ("waiting", "flags"),
    [
        (((1, 2), (2, 3)), ()),
        (((5, 6), (1, 2)), ()),
        (((1, 4), (2, 2)), ()),
        (((1, 4), (2, 3)), ("waiting-overlaps",)),
        (((2, 3), (5, 6), (1, 4)), ("waiting-overlaps",)),
        (((3, 1),), ("waiting-reversed",)),
    ],
)
def test_waiting_that_is_told_strangely_is_flagged_and_nothing_else(
    waiting: tuple[tuple[int, int], ...], flags: tuple[str, ...]
) -> None:
    assert ticket(waiting=tuple((T0 + a, T0 + b) for a, b in waiting)).flags == flags


def test_an_answer_or_a_solution_from_before_the_opening_proves_nothing() -> None:
    found = ticket(complete=None, first_answer=T0 - 1, solved=T0 - 1)

    assert [(one.elapsed, one.most, one.finding, one.flags) for one in found.commitments] == [
        (None, None, "OPEN", ("never-complete", "out-of-order: first_answer before opened")),
        (None, None, "OPEN", ("never-complete", "out-of-order: solved before opened")),
    ]


def test_a_contract_without_support_owes_nothing_on_a_ticket() -> None:
    silent = tuple(c for c in contract().commitments if not c.id.startswith("support."))

    assert ticket(by=msgspec.structs.replace(contract(), commitments=silent)).commitments == ()


# ------------------------------------------------------------------------------------------- business hours

BEFORE_THE_CLOCKS_CHANGE = int(datetime(2026, 3, 27, 12, tzinfo=PARIS).timestamp()) * SECOND


def test_business_hours_that_never_end_are_elapsed_hours_across_both_clock_changes() -> None:
    """A day of 23 hours has 23, one of 25 has 25; a limit in hours is of hours."""
    for day, hours in (("2026-03-28", 23), ("2026-10-24", 25), ("2026-06-06", 24)):
        noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=PARIS)
        opened, solved = (int(at.timestamp()) * SECOND for at in (noon, noon + timedelta(1)))
        found = ticket(
            severity=3,
            opened=opened,
            complete=opened,
            solved=solved,
            by=all_day(),
        )

        assert of(found, "restoration").elapsed == hours * HOUR


def test_a_holiday_has_no_business_hours_even_if_all_others_are() -> None:
    """14 July, from noon the day before to noon the day after: two halves."""
    noon = datetime(2026, 7, 13, 12, tzinfo=PARIS)
    opened, solved = (int(at.timestamp()) * SECOND for at in (noon, noon + timedelta(2)))

    found = ticket(severity=3, opened=opened, complete=opened, solved=solved, by=all_day())

    assert of(found, "restoration").elapsed == DAY


def test_what_counts_is_told_span_by_span_and_adds_up_to_what_elapsed() -> None:
    """From Friday at four to Monday at eleven, an hour of waiting on Monday off; nothing without an end."""
    opened, solved, *waited = (
        int(datetime.fromisoformat(f"2026-06-{at}").replace(tzinfo=PARIS).timestamp()) * SECOND
        for at in ("05T16:00", "08T11:00", "08T09:30", "08T10:30")
    )
    found = ticket(severity=3, opened=opened, complete=opened, solved=solved, waiting=(tuple(waited),))

    restoration = of(found, "restoration")
    monday = solved - 2 * HOUR
    assert restoration.counted == ((opened, opened + HOUR), (monday, waited[0]), (waited[1], solved))
    assert restoration.elapsed == 2 * HOUR
    assert (of(found, "response").counted, of(found, "response").elapsed) == ((), None)


minutes = st.integers(0, 11 * 24 * 60)


@given(start=minutes, length=minutes, waits=st.lists(st.tuples(minutes, minutes), max_size=4))
def test_business_hours_are_what_counting_quarter_by_quarter_finds(
    start: int, length: int, waits: list[tuple[int, int]]
) -> None:
    """By another road: a wall clock asked each quarter of an hour, across a clock change and Easter."""
    quarter = 15 * MINUTE
    base = BEFORE_THE_CLOCKS_CHANGE
    opened = base + start // 15 * quarter
    solved = opened + length // 15 * quarter
    waiting = tuple((base + a // 15 * quarter, base + (a + b) // 15 * quarter) for a, b in waits)

    found = of(
        ticket(severity=3, opened=opened, complete=opened, solved=solved, waiting=waiting),
        "restoration",
    )

    open_ = [at for at in range(opened, solved, quarter) if _open(at)]
    counted = [at for at in open_ if not any(a <= at < b for a, b in waiting)]
    assert found.elapsed == len(counted) * quarter
    assert found.waited == (len(open_) - len(counted)) * quarter


def _open(at: Instant) -> bool:
    here = datetime.fromtimestamp(at // SECOND, PARIS)
    holiday = here.date() in calendar().holidays
    return 9 <= here.hour < 17 and here.isoweekday() <= 5 and not holiday


# ------------------------------------------------------------------------------------------------------ laws

moments = st.one_of(st.none(), st.integers(-2, 40).map(lambda k: T0 + k * 10 * MINUTE))
spells = st.lists(st.tuples(st.integers(-2, 40), st.integers(-2, 40)), max_size=4).map(
    lambda found: tuple((T0 + a * 10 * MINUTE, T0 + b * 10 * MINUTE) for a, b in found)
)
told = st.fixed_dictionaries(
    {
        "severity": st.integers(1, 4),
        "opened": moments,
        "complete": moments,
        "first_answer": moments,
        "solved": moments,
        "waiting": spells,
    }
)


@given(told, st.integers(0, 50))
def test_a_finding_never_says_more_than_its_bounds(fields: dict[str, Any], until: int) -> None:
    found = ticket(**fields, as_of=T0 + until * 10 * MINUTE)

    assert len(found.commitments) == 2
    for one in found.commitments:
        assert one.elapsed is None or one.least <= one.elapsed
        assert one.elapsed is None or one.most is None or one.elapsed <= one.most
        if one.finding == "MISSED":
            assert one.limit is not None
            assert one.least > one.limit
        if one.finding == "MET":
            assert one.limit is not None
            assert one.most is not None
            assert one.most <= one.limit


@given(told, st.integers(0, 50))
def test_the_order_of_waiting_and_telling_it_twice_change_no_figure(
    fields: dict[str, Any], until: int
) -> None:
    as_of = T0 + until * 10 * MINUTE
    twice = {**fields, "waiting": (*reversed(fields["waiting"]), *fields["waiting"])}

    assert ticket(**fields, as_of=as_of).commitments == ticket(**twice, as_of=as_of).commitments


@given(told, spells, st.integers(0, 50))
def test_more_waiting_never_makes_a_miss(fields: dict[str, Any], more: Any, until: int) -> None:
    as_of = T0 + until * 10 * MINUTE
    before = ticket(**fields, as_of=as_of)
    after = ticket(**{**fields, "waiting": (*fields["waiting"], *more)}, as_of=as_of)

    for one, other in zip(before.commitments, after.commitments, strict=True):
        assert other.least <= one.least
        assert one.finding == "MISSED" or other.finding != "MISSED"


@given(told, st.integers(0, 50), st.integers(0, 50))
def test_what_was_missed_by_then_stays_missed_while_nothing_new_is_learnt(
    fields: dict[str, Any], until: int, later: int
) -> None:
    """Nothing the ticket dates after the first account; or it would be news."""
    as_of = T0 + until * 10 * MINUTE
    known = {k: None if isinstance(v, int) and v > as_of else v for k, v in fields.items() if k != "waiting"}

    first, second = (ticket(**known, as_of=at) for at in (as_of, as_of + later * 10 * MINUTE))

    for one, other in zip(first.commitments, second.commitments, strict=True):
        if one.finding != "OPEN":
            assert other.finding == one.finding
