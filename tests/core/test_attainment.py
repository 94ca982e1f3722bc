"""Attainment: exact at the limit, with bounds and a ledger (A1 to A3, C1)."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from collector.core.account import settle
from collector.core.attainment import Facts, Terms, attained, found
from collector.core.contract import Countable, ratio
from collector.core.timeline import DAY, NOTHING, SECOND, Duration, Span, Spans
from collector.core.verdict import States
from collector.core.window import Window
from tests.strategies import Journal, S, account, at, attainment, contract, instant, watched

DAYS = 86_400


def judged(days: int, target: str, *, down: Duration, edge: Duration = 0) -> str:
    """The finding of a window of `days` that is UP but for so many µs."""
    end = instant(0) + days * DAY
    cuts = (instant(0), instant(0) + down, instant(0) + down + edge)
    states = States(
        down=(Span(*cuts[:2]),) if down else NOTHING,
        edge=(Span(*cuts[1:]),) if edge else NOTHING,
        up=(Span(cuts[2], end),),
    )
    return attained(
        "s",
        Window("given", Span(instant(0), end)),
        Facts(states, (), (), NOTHING),
        Terms("c", ratio(target), (), 0, None, ()),
        contract().all_safe(),
        (),
    ).finding


@pytest.mark.parametrize(
    ("days", "target", "budget"),
    [
        (30, "99.9 %", "2592"),
        (30, "99.95 %", "1296"),
        (365, "99.999 %", "315.36"),
        (365, "99.9 %", "31536"),
        (30, "99.999 %", "25.92"),
        (30, "99.99 %", "259.2"),
        (28, "99.95 %", "1209.6"),
    ],
)
def test_downtime_of_exactly_the_budget_is_met_and_a_microsecond_more_is_not(
    days: int, target: str, budget: str
) -> None:
    """The float traps of facts/slo.md: in doubles most of these are wrong on one side or the other."""
    limit = int(Fraction(budget) * SECOND)

    assert judged(days, target, down=limit) == "MET"
    assert judged(days, target, down=limit + 1) == "MISSED"
    assert judged(days, target, down=limit, edge=1) == "OPEN"


def test_the_limit_is_exact_for_every_month_and_target() -> None:
    """All 42 combinations of facts/slo.md 5, where floats fail in 24."""
    for days in (28, 29, 30, 31, 365, 366):
        for target in ("99 %", "99.5 %", "99.9 %", "99.95 %", "99.97 %", "99.99 %", "99.999 %"):
            budget = days * DAY * (1 - ratio(target))
            assert judged(days, target, down=int(budget)) == "MET"
            assert judged(days, target, down=int(budget) + 1) == "MISSED"


def test_331_seconds_in_a_year_are_not_rounded_to_five_nines() -> None:
    """A peer that rounds to six decimals calls this met."""
    assert judged(365, "99.999 %", down=331 * SECOND) == "MISSED"


@pytest.mark.parametrize(
    ("best", "worst", "finding"),
    [("0.9", "0.8", "MISSED"), ("1", "0.95", "MET"), ("1", "0.94", "OPEN"), ("0.95", "0.95", "MET")],
)
def test_a_finding_needs_the_kindest_or_the_harshest_figure(best: str, worst: str, finding: str) -> None:
    """A3."""
    assert found(Fraction(best), Fraction(worst), Fraction("0.95")) == finding


def test_three_figures_with_their_bounds() -> None:
    """A2, on 1000 s: 10 s unknown before the probe, 70.01 s certain, 20.02 s EDGE, then UP to the end."""
    made = watched("o" + "x" * 8 + "o" * 91, start=10, burst=10)
    made.declare("f", "force-majeure", standing="accepted", scope=("*",), spans=((50, 60),))
    made.declare(
        "n", "notice", 500, services=("s",), state="delivered", sent=200, received=210,
        possible=((40, 200),), certain=((60, 90),),
    )  # fmt: skip

    figure = attainment(made, until=1000, as_of=1001)

    total = 1000 * S
    edge, unknown, down = 20_020_000, 10 * S, 69_990_000
    assert (figure.down, figure.edge, figure.unknown) == (down, edge, unknown)
    assert figure.observed.best == Fraction(total - down, total)
    assert figure.observed.worst == Fraction(total - down - edge - unknown, total)
    assert figure.net.amount == down - 10 * S
    assert figure.claimable.amount == 40 * S
    assert figure.coverage == Fraction(total - unknown, total)
    assert {line.kind: line.amount for line in figure.ledger} == {
        "force-majeure": 10 * S,
        "unreserved": down - 10 * S - figure.claimable.amount,
    }


def test_a_window_without_a_sample_is_unknown_and_open() -> None:
    figure = attainment(watched(""), until=1000)

    assert (figure.unknown, figure.finding) == (1000 * S, "OPEN")
    assert figure.coverage == Fraction(0)


def test_a_window_before_the_first_line_is_unknown_not_up() -> None:
    """Zabbix counts time before an object existed as up; Icinga shortens the total."""
    figure = attainment(watched("oooo"), until=60, over=(-1000, 30))

    assert figure.agreed == 1030 * S
    assert (figure.up, figure.unknown) == (30 * S, 1000 * S)


def test_a_window_that_runs_on_into_the_future_is_unknown_there() -> None:
    figure = attainment(watched("oooo"), until=30.01, over=(0, 1000))

    assert (figure.up, figure.unknown, figure.finding) == (
        30 * S + 10_000,
        1000 * S - 30 * S - 10_000,
        "OPEN",
    )


def test_a_shortest_countable_outage_is_the_contracts_word() -> None:
    """Another contract: what lasts less than 30 s does not count at all."""
    by = msgspec.structs.replace(contract(), countable=Countable(clause="x", minimum=30 * S))
    made = watched("oxxxo" + "o" + "xxxxxo", burst=10)

    figure = attainment(made, until=200, by=by)

    assert figure.down == 2 * 10 * S - 10_000 + 4 * 10 * S - 10_000
    assert figure.net.amount == 4 * 10 * S - 10_000
    short, left = figure.ledger
    assert (short.kind, short.because) == ("not-countable", (f"s@{instant(0)}",))
    assert (left.kind, left.because) == ("unreserved", ())


@pytest.mark.parametrize(("minimum", "lost"), [(49.99, 70.01), (60, 70.01), (70.01, 70.01), (70.02, 0)])
def test_an_outage_that_may_have_been_long_enough_is_lost_at_worst(minimum: float, lost: float) -> None:
    """A2: 49.99 s are certain and 70.01 s are possible; the contract counts what lasts `minimum` or more."""
    by = msgspec.structs.replace(contract(), countable=Countable(clause="x", minimum=int(minimum * S)))
    figure = attainment(watched("ooxxxxxxoo", burst=10), over=(0, 90), until=90.01, by=by)

    assert figure.net.worst == 1 - Fraction(int(lost * S), 90 * S)
    assert figure.net.amount == (int(49.99 * S) if minimum == 49.99 else 0)


def test_a_line_names_what_takes_some_of_it_and_nothing_else() -> None:
    """R2: not one of the same kind over time that was up; two that overlap are both named."""
    made = watched("ooxxxxoo", burst=10)
    for name, start, end in (
        ("takes", 30, 40), ("within", 32, 34), ("before", -9000, -8000), ("over-up", 0, 10), ("edge", 11, 19),
    ):  # fmt: skip
        made.declare(name, "force-majeure", 90, standing="accepted", scope=("s",), spans=((start, end),))

    taken, _ = attainment(made, until=100, over=(0, 70)).ledger
    (left,) = attainment(made, until=100, over=(0, 70), readings={"excluded-time": "leaves-period"}).excluded

    assert (taken.kind, taken.because) == ("force-majeure", ("takes", "within"))
    assert left.because == ("edge", "over-up", "takes", "within")


def test_a_beta_service_is_measured_and_flagged() -> None:
    assert "beta" in attainment(watched("ooo", beta=True), until=30).flags


# --------------------------------------------------------------------------------------------- reservations


def outage(**notice: Any) -> Journal:
    """Down for an hour from 60.01, with one notice."""
    made = watched("o" + "x" * 61 + "oo", every=60, burst=60)
    usual = {
        "services": ("s",),
        "state": "delivered",
        "possible": ((0, 4000),),
        "sent": 4000,
        "received": 4000,
    }
    return made.declare("n", "notice", 4000, **{**usual, **notice})


def claimable(made: Journal, **readings: str) -> tuple[float, float] | None:
    """First and last claimable second."""
    spans: Spans = attainment(made, until=4000, as_of=10 * DAYS, readings=readings).claimable.down
    return ((spans[0].start - instant(0)) / S, (spans[-1].end - instant(0)) / S) if spans else None


def test_a_notice_in_time_makes_downtime_claimable() -> None:
    assert claimable(outage()) == (60.01, 3660)


def test_without_a_notice_nothing_is_claimable() -> None:
    assert claimable(watched("o" + "x" * 61 + "oo", every=60, burst=60)) is None


def test_each_instant_is_waived_48_hours_after_it() -> None:
    """C1: a notice that came 48 h after the 1800th second saves what is later than that."""
    assert claimable(outage(received=2 * DAYS + 1800)) == (1800.000001, 3660)


def test_the_clock_may_start_when_the_outage_is_over() -> None:
    """Reading `reservation-clock`: possible until 3720.01, so in time until 48 h after that."""
    arguable = {"reservation-clock": "outage-end"}

    assert claimable(outage(received=2 * DAYS + 3720.009999), **arguable) == (60.01, 3660)
    assert claimable(outage(received=2 * DAYS + 3720.01), **arguable) is None


def test_how_long_a_reservation_may_take_is_the_contracts_word() -> None:
    deadlines = contract().deadlines
    assert deadlines.reservation is not None
    day = msgspec.structs.replace(deadlines.reservation, within=24)
    deadlines = msgspec.structs.replace(deadlines, reservation=day)
    by = msgspec.structs.replace(contract(), deadlines=deadlines)

    late = attainment(outage(received=DAYS + 1800), until=4000, as_of=10 * DAYS, by=by)

    assert late.claimable.down == at((1800.000001, 3660))


@pytest.mark.parametrize("state", ["intended", "refused", "unknown", None])
def test_a_notice_that_has_not_left_covers_nothing(state: str | None) -> None:
    assert claimable(outage(state=state)) is None


def test_our_mail_counts_when_it_arrived_or_when_it_was_sent() -> None:
    """Reading `notice-time`: sent within 48 h, never acknowledged."""
    unheard = outage(received=None, state="sent")

    assert claimable(unheard) is None
    assert claimable(unheard, **{"notice-time": "theirs-received-ours-sent"}) == (60.01, 3660)
    assert claimable(outage(sent=None), **{"notice-time": "theirs-received-ours-sent"}) is None
    assert claimable(outage(sent=None)) == (60.01, 3660)


def test_a_notice_covers_what_it_documents_until_it_came() -> None:
    """An interim notice of an outage that goes on: the rest needs a final one."""
    assert claimable(outage(possible=((0, 9999),), received=1000)) == (60.01, 1000)
    assert claimable(outage(possible=((100, 200),), certain=((150, 300),))) == (100, 300)


def test_a_notice_about_another_service_covers_nothing() -> None:
    assert claimable(outage(services=("t",))) is None


def test_grace_comes_off_what_is_claimable_too() -> None:
    """A2: with half of an incident reserved, its two minutes come off that half."""
    made = watched("o" + "x" * 61 + "oo", "internet.access", every=60, burst=60)
    made.declare(
        "n", "notice", 4000, services=("s",), state="delivered", sent=4000, received=4000,
        possible=((2000, 4000),),
    )  # fmt: skip

    figure = attainment(made, until=4000, as_of=10 * DAYS)

    assert figure.net.amount == 3660 * S - 60_010_000 - 120 * S
    assert figure.claimable.down == at((2120, 3660))


def test_grace_takes_edge_of_what_is_claimable_where_its_downtime_is_shorter() -> None:
    """A2: an outage of 70 s between two times 10 s of EDGE has grace for all of it, reserved or not."""
    made = watched("oxxxxxxxxo", "internet.access", burst=10)
    told: dict[str, Any] = {"services": ("s",), "state": "delivered", "possible": ((-10, 95),)}

    found = attainment(made.declare("n", "notice", 100, sent=100, received=100, **told), until=100)

    assert found.edge == 20_020_000
    assert found.claimable.down == NOTHING
    assert found.claimable.worst == found.net.worst == Fraction(found.agreed - found.unknown, found.agreed)
    assert next(line.because for line in found.ledger if line.kind == "grace") != ()


def test_a_notice_that_did_not_leave_takes_nothing_from_the_next() -> None:
    made = outage(state="intended")
    told: dict[str, Any] = {"services": ("s",), "state": "delivered", "possible": ((0, 4000),)}

    assert claimable(made.declare("o", "notice", 4000, sent=4000, received=4000, **told)) == (60.01, 3660)


def test_a_notice_documents_nothing_that_had_not_happened_when_it_was_written() -> None:
    """Written at 1000 and arrived at 2000; where nobody says when it was written, it was when it arrived."""

    def notices(**times: Any) -> list[str]:
        made = outage(possible=((2500, 3000),), **times)
        return [id for one in settle(account(made, until=4000)).reservations for id in one.notices]

    assert notices(sent=1000, received=4000) == []
    assert notices(sent=None, received=2000) == []
    assert notices(sent=None, received=4000) == ["n"]
    assert notices(sent=None, received=None) == ["n"]
    assert notices(sent=4000, received=4000, state="intended") == []
    assert notices(sent=4000, received=4000, services=("t",)) == []
