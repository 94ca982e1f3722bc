"""Deductions and their standing (D1 to D3), and declarations that correct each other."""

from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from collector.core.contract import DeductionRule
from collector.core.deduction import Deduction, hardware_notice
from collector.core.published import to_json
from tests.strategies import (
    T0,
    Journal,
    S,
    account,
    at,
    attainment,
    calendar,
    contract,
    instant,
    seconds,
    watched,
)

DOWN = 490 * S - 10_000
"""Of `journal()`: certain from 10.01 to 500."""


def journal() -> Journal:
    return watched("o" + "x" * 50 + "o", burst=10)


def force(id: str = "f", *spans: tuple[float, float], **more: Any) -> dict[str, Any]:
    """A force majeure that is accepted for everything."""
    usual = {"id": id, "kind": "force-majeure", "standing": "accepted", "scope": ("*",)}
    return {**usual, "spans": spans or ((100, 200),), **more}


def deducted(made: Journal, **readings: str) -> dict[str, int]:
    found = attainment(made, until=600, as_of=600, readings=readings)
    return {line.kind: line.amount for line in found.ledger if line.kind != "unreserved"}


def maintained(**fields: Any) -> Journal:
    usual = {"spans": ((100, 200),), "scope": ("s",), "standing": "accepted", "sent": -30 * 86_400}
    return journal().declare("m", "planned-maintenance", **{**usual, **fields})


def test_maintenance_announced_in_time_takes_exactly_its_overlap() -> None:
    assert deducted(maintained(spans=((0, 200),)), overrun="as-announced") == {
        "planned-maintenance": 190 * S - 10_000
    }


@pytest.mark.parametrize(
    ("starts", "sent", "taken"),
    [
        ("2026-10-12T08:00", "2026-10-09T23:59", True),
        ("2026-10-12T08:00", "2026-10-10T00:00", False),
        ("2026-10-14T08:00", "2026-10-11T12:00", True),
        ("2026-10-14T00:00", "2026-10-12T00:00", False),
    ],
)
def test_two_clear_days_of_notice_to_the_day(starts: str, sent: str, taken: bool) -> None:
    """facts/slo.md 4.2: maintenance on Monday the 12th needs notice by Friday the 9th, by Paris dates."""
    start, notice = (_paris(text) for text in (starts, sent))
    made = journal().declare(
        "m",
        "planned-maintenance",
        standing="accepted",
        scope=("*",),
        sent=notice,
        spans=((start, start + 10),),
    )

    (found,) = account(made, until=600).deductions

    assert found.takes is taken
    assert found.standing == ("accepted" if taken else "refused")
    assert taken or "2 clear days needed it by 2026-10-" in found.why


def _paris(text: str) -> float:
    moment = datetime.fromisoformat(text)
    day_us = (moment.hour * 60 + moment.minute) * 60 * S
    return (calendar().instant_of(moment.date(), day_us) - T0) / S


def test_maintenance_announced_too_late_is_kept_as_refused_and_takes_nothing() -> None:
    made = maintained(sent=-86_400)

    (found,) = account(made, until=600).deductions

    assert (found.id, found.standing) == ("m", "refused")
    assert found.why == "announced on 2026-09-20 for 2026-09-21; 2 clear days needed it by 2026-09-18"
    assert deducted(made) == {}


def test_maintenance_without_a_notice_is_refused() -> None:
    (found,) = account(maintained(sent=None), until=600).deductions

    assert (found.standing, found.why) == ("refused", "no notice is on record")


def test_one_declaration_may_stand_for_one_of_its_spans_only() -> None:
    made = maintained(spans=((100, 200), (5 * 86_400, 5 * 86_400 + 60)), sent=-86_400)

    found = account(made, until=600).deductions

    assert [(d.standing, seconds(d.spans)) for d in found] == [
        ("accepted", [(432_000, 432_060)]),
        ("refused", [(100, 200)]),
    ]


def test_a_mail_counts_when_it_was_sent_or_when_it_arrived() -> None:
    """Reading `notice-time`: sent in time, arrived too late."""
    made = maintained(sent=-30 * 86_400, received=-60, spans=((100, 200),))

    assert deducted(made, overrun="as-announced") == {"planned-maintenance": 100 * S}
    assert deducted(made, **{"notice-time": "theirs-received-ours-sent"}) == {}


@pytest.mark.parametrize("reading", ["theirs-sent-ours-received", "theirs-received-ours-sent"])
def test_a_mail_that_arrived_before_it_was_sent_counts_from_when_it_came(reading: str) -> None:
    """One of the two times is wrong: the earlier one leaves the customer less."""
    made = maintained(sent=-60, received=-30 * 86_400)

    assert deducted(made, overrun="as-announced", **{"notice-time": reading}) == {
        "planned-maintenance": 100 * S
    }


def test_two_full_working_days_are_more_than_two_full_days() -> None:
    """Reading `clear-days`: notice on Friday for Monday leaves a weekend, which is no working day."""
    friday = (calendar().instant_of(calendar().date_of(T0), 0) - T0) / S - 3 * 86_400
    made = maintained(sent=friday)

    assert deducted(made, overrun="as-announced") == {"planned-maintenance": 100 * S}
    assert deducted(made, **{"clear-days": "extended"}) == {}


def test_maintenance_that_overruns_goes_on_until_it_ends_or_not() -> None:
    """Reading `overrun`: announced for 100 to 200, down until 500."""
    assert deducted(maintained()) == {"planned-maintenance": 400 * S}
    assert deducted(maintained(), overrun="as-announced") == {"planned-maintenance": 100 * S}


def test_maintenance_that_ended_before_an_outage_does_not_excuse_it() -> None:
    assert deducted(maintained(spans=((-100, 0),))) == {}


@pytest.mark.parametrize(
    ("standing", "taken", "read_otherwise"),
    [
        ("accepted", True, True),
        ("disputed", True, False),
        ("refused", False, False),
        ("proposed", False, False),
        (None, False, False),
    ],
)
def test_what_is_accepted_takes_time_off_and_what_is_disputed_by_its_reading(
    standing: str | None, taken: bool, read_otherwise: bool
) -> None:
    made = journal().declare(**force(standing=standing, why="said so"))

    readings: dict[str, str]
    for off, readings in ((taken, {}), (read_otherwise, {"disputed": "takes-nothing"})):
        (found,) = account(made, until=600, readings=readings).deductions
        assert (found.standing, found.takes) == (standing or "proposed", off)
        assert deducted(made, **readings) == ({"force-majeure": 100 * S} if off else {})


@pytest.mark.parametrize(
    ("scope", "taken"), [(("s",), True), (("r",), True), (("*",), True), (("t", "r2"), False)]
)
def test_a_scope_names_services_a_region_or_everything(scope: tuple[str, ...], taken: bool) -> None:
    made = journal().declare(**force("f", scope=scope))

    assert bool(deducted(made)) is taken


def test_an_unknown_scope_is_kept_and_flagged() -> None:
    made = journal().declare(**force("f", scope=("nil",)))

    found = account(made, until=600)

    assert [d.id for d in found.deductions] == ["f"]
    place = f"v-1:{made.lines[-1].seq}"
    assert found.flags == (f'unknown-scope: f: no plan has "nil" ({place})',)


def test_overlapping_deductions_are_told_apart_in_the_order_of_the_ledger() -> None:
    """D1: whoever declared first, suspension comes before force majeure; nothing is taken twice."""
    made = journal().declare(
        "f", "force-majeure", standing="accepted", scope=("*",), spans=((100, 300), (250, 310))
    )
    made.declare("u", "suspension", standing="accepted", scope=("*",), spans=((200, 400),))

    assert deducted(made) == {"suspension": 200 * S, "force-majeure": 100 * S}


def test_a_reversed_span_is_kept_as_refused() -> None:
    made = journal().declare(**force("f", (200, 100)))

    (found,) = account(made, until=600).deductions

    assert (found.standing, found.why) == ("refused", "the span ends before it starts")
    assert deducted(made) == {}


def test_a_contract_that_knows_no_such_deduction_refuses_it() -> None:
    by = msgspec.structs.replace(contract(), deductions=())
    made = journal().declare(**force("f", (100, 200)))

    (found,) = account(made, until=600, by=by).deductions

    assert (found.standing, found.why) == ("refused", "the contract takes nothing off for force-majeure")


def test_how_many_clear_days_is_the_contracts_word() -> None:
    rules = (DeductionRule(clause="11", kind="planned-maintenance", rule="announced", notice_clear_days=40),)
    by = msgspec.structs.replace(contract(), deductions=rules)

    (found,) = account(maintained(), until=600, by=by).deductions

    assert "40 clear days needed it by" in found.why


def test_a_correction_takes_the_place_of_what_it_supersedes() -> None:
    made = journal().declare(**force("a", (100, 200)))
    made.declare(
        "b", "force-majeure", 50, supersedes="a", standing="accepted", scope=("*",), spans=((100, 110),)
    )

    assert deducted(made) == {"force-majeure": 10 * S}


def test_a_correction_counts_from_when_it_was_known() -> None:
    made = journal().declare(**force("a", (100, 200)))
    made.declare(
        "b", "force-majeure", 700, supersedes="a", standing="refused", scope=("*",), spans=((100, 200),)
    )

    assert _at(made, 650)[0].id == "a"
    assert _at(made, 750)[0].id == "b"


def _at(made: Journal, as_of: float) -> tuple[Deduction, ...]:
    return account(made, until=600, as_of=as_of).deductions


def test_time_that_leaves_the_period_leaves_its_states_too() -> None:
    """Reading `excluded-time`, D3: 600 s with 100 s of force majeure in the middle of an outage."""
    made = journal().declare(**force("f", (100, 200)))

    stays, leaves = (
        attainment(made, until=600, readings={"excluded-time": choice})
        for choice in ("period-stays", "leaves-period")
    )

    assert (stays.agreed, stays.down, stays.net.amount) == (600 * S, DOWN, DOWN - 100 * S)
    assert (leaves.agreed, leaves.down, leaves.net.amount) == (500 * S, DOWN - 100 * S, DOWN - 100 * S)
    assert [(line.kind, line.amount, line.because) for line in leaves.excluded] == [
        ("force-majeure", 100 * S, ("f",))
    ]
    assert stays.net.best == Fraction(600 * S - DOWN + 100 * S, 600 * S)
    assert leaves.net.best == Fraction(600 * S - DOWN, 500 * S)


def test_a_period_that_is_excluded_whole_has_no_figure_and_stays_open() -> None:
    made = journal().declare(**force("f", (-100, 700)))

    found = attainment(made, until=600, readings={"excluded-time": "leaves-period"})

    assert (found.agreed, found.net.best, found.coverage, found.finding) == (0, None, None, "OPEN")
    assert (found.net.amount, found.claimable.amount, found.observed.amount) == (0, 0, 0)


def test_an_exclusion_over_unknown_time_changes_nothing() -> None:
    """Icinga removes unknown time from the total twice here and reports 75 % for 60 %."""
    plain = watched("?" * 50 + "x" * 20 + "o" * 30, burst=10)
    more = watched("?" * 50 + "x" * 20 + "o" * 30, burst=10)
    more.declare(**force("f", (200, 300)))

    assert attainment(plain, until=1000) == attainment(more, until=1000)


# ------------------------------------------------------------------------ clause 20, told beside the figures


def published(made: Journal, readings: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The deductions of an account in its published form."""
    drawn = account(made, until=600, as_of=600, readings=readings)
    found: list[dict[str, Any]] = to_json(drawn)["deductions"]
    return found


@pytest.mark.parametrize(
    ("starts", "sent", "kept"),
    [
        ("2026-10-28T00:00", "2026-10-14T23:59", True),
        ("2026-10-27T23:59", "2026-10-14T00:00", False),
    ],
)
def test_maintenance_says_whether_the_mail_came_as_early_as_promised_for_hardware(
    starts: str, sent: str, kept: bool
) -> None:
    """Two weeks ahead, says clause 20; what came later is deducted all the same."""
    start = _paris(starts)

    (told,) = published(maintained(spans=((start, start + 1),), sent=_paris(sent)))

    assert told["standing"] == "accepted"
    day = instant(_paris("2026-10-28T00:00"))
    assert told["hardware_notice"] == {"clause": "20", "enough_from": day, "kept": kept}


@pytest.mark.parametrize(
    ("reading", "kept"), [({}, True), ({"notice-time": "theirs-received-ours-sent"}, False)]
)
def test_it_came_as_early_as_the_reading_of_its_time_says(reading: dict[str, str], kept: bool) -> None:
    """Sent two weeks ahead, and a day under way."""
    start, sent = _paris("2026-10-28T00:00"), _paris("2026-10-14T12:00")

    (told,) = published(maintained(spans=((start, start + 1),), sent=sent, received=sent + 86_400), reading)

    assert told["hardware_notice"]["kept"] is kept


def test_nothing_is_said_of_hardware_about_what_is_no_maintenance_or_bears_no_date() -> None:
    told = published(maintained(sent=None).declare(**force()))

    assert [one["hardware_notice"] for one in told] == [None, None]


def test_what_is_excluded_outside_of_a_period_does_not_leave_it() -> None:
    made = journal().declare(**force("f", (700, 800)))

    found = attainment(made, until=600, as_of=900, readings={"excluded-time": "leaves-period"})

    assert (found.agreed, found.excluded, found.down) == (600 * S, (), DOWN)


@pytest.mark.parametrize("standing", ["proposed", "refused", None])
def test_maintenance_that_nobody_accepted_stays_so_however_early_its_mail(standing: str | None) -> None:
    (found,) = account(maintained(standing=standing, why="not ours"), until=600).deductions

    assert (found.standing, found.why) == (standing or "proposed", "not ours")


def test_a_deduction_says_all_that_was_declared_and_under_which_clause() -> None:
    given: dict[str, Any] = {
        "scope": ("s",),
        "sent": -9,
        "received": -8,
        "document": "0" * 64,
        "why": "storm",
        "standing": None,
    }
    made = journal().declare("f", "force-majeure", spans=((300, 310), (100, 200)), **given)

    (found,) = account(made, until=600).deductions

    assert found == Deduction(
        id="f", kind="force-majeure", clause="13.2", spans=at((100, 200), (300, 310)), scope=("s",),
        standing="proposed", why="storm", by="test", document="0" * 64,
        sent=instant(-9), received=instant(-8), takes=False,
    )  # fmt: skip


def test_of_what_the_contract_does_not_know_there_is_no_clause() -> None:
    bare = msgspec.structs.replace(contract(), deductions=())

    (found,) = account(journal().declare(**force()), until=600, by=bare).deductions

    assert (found.clause, found.standing) == ("", "refused")


def test_a_span_of_no_length_is_refused() -> None:
    (found,) = account(journal().declare(**force("f", (100, 100))), until=600).deductions

    assert (found.standing, found.why) == ("refused", "the span ends before it starts")


def test_maintenance_in_dispute_needs_its_notice_all_the_same() -> None:
    late, early = (
        account(maintained(standing="disputed", sent=sent), until=600).deductions[0]
        for sent in (0, -30 * 86_400)
    )

    assert (late.standing, early.standing) == ("refused", "disputed")


def test_how_early_hardware_notices_come_is_counted_as_the_contract_says() -> None:
    """Ten business days from Monday, September 21: Monday, October 5."""
    due = contract().deadlines.hardware_notice
    assert due is not None
    terms = msgspec.structs.replace(due, within=10, unit="business-days")
    by = msgspec.structs.replace(
        contract(), deadlines=msgspec.structs.replace(contract().deadlines, hardware_notice=terms)
    )
    (one,) = account(maintained(sent=0, received=86_400), until=600, by=by).deductions

    found = hardware_notice(one, by, calendar(), by.all_safe())

    assert found == (due.clause, instant(_paris("2026-10-05T00:00")), False)
    moved = {**by.all_safe(), "notice-time": "theirs-received-ours-sent"}
    later = hardware_notice(one, by, calendar(), moved)
    assert later is not None
    assert later.enough_from == instant(_paris("2026-10-06T00:00"))


def test_a_mail_of_which_only_one_time_is_known_counts_from_that() -> None:
    for times in ({"sent": None, "received": -30 * 86_400}, {"sent": -30 * 86_400, "received": None}):
        (found,) = account(maintained(**times), until=600).deductions

        assert found.standing == "accepted"
