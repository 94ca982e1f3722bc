"""What each reading would make of the figures of an account."""

from typing import Any

from collector.core.account import replay
from collector.core.effect import Effect, effects
from collector.core.record import Outcome, Reason
from collector.core.timeline import Span
from tests.strategies import Journal, S, calendar, contract, instant, watched


def excluded() -> Journal:
    """Ten minutes of a service that was down from 10.01 to 500, of which 100 s were force majeure."""
    made = watched("o" + "x" * 50 + "o", burst=10)
    told: dict[str, Any] = {"spans": ((100, 200),), "scope": ("*",), "standing": "accepted"}
    return made.declare("f", "force-majeure", **told)


def told(made: Journal, *asked: Any, **more: Any) -> dict[str, Effect]:
    given: dict[str, Any] = {"as_of": instant(600), "asked": asked, **more}
    evidence = replay({made.origin: made.lines}, contract(), given["as_of"])
    return {one.reading: one for one in effects(evidence, contract(), calendar(), **given)}


def test_the_figures_that_a_reading_moves_are_told_before_and_after_and_no_other() -> None:
    found = told(excluded(), Span(instant(0), instant(300)), Span(instant(0), instant(600)))

    moved = found["excluded-time"]
    assert (moved.choice, moved.credit) == ("leaves-period", {})
    assert [(one.before.agreed, one.after.agreed) for one in moved.figures if one.after] == [
        (300 * S, 200 * S),
        (600 * S, 500 * S),
    ]
    assert [id for id, one in found.items() if one.figures] == ["all", "excluded-time"]
    assert len(found) == len(contract().readings) + 1


def test_the_worst_window_is_compared_with_the_worst_wherever_it_lies() -> None:
    """Down for an hour, and two months later the platform refused everybody for longer."""
    made = watched("oxxo" + "o" * 1500, every=3600, burst=3600)
    for hour in range(1504, 1509):
        made.sample(hour * 3600, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)
    made.sample(1509 * 3600)

    (figure,) = told(made, "worst", as_of=instant(1509 * 3600 + 1))["platform-throttle"].figures

    assert figure.after is not None
    assert figure.before.window.span.end < figure.after.window.span.start
    assert (figure.before.down, figure.after.down) == (3600 * S - 10_000, 4 * 3600 * S - 10_000)


def test_all_is_told_of_a_reading_that_is_not_the_safe_one_too() -> None:
    found = told(excluded(), Span(instant(0), instant(600)), readings={"excluded-time": "leaves-period"})

    assert found["excluded-time"].choice == "period-stays"
    (figure,) = found["excluded-time"].figures
    assert figure.after is not None
    assert (figure.before.agreed, figure.after.agreed) == (500 * S, 600 * S)
    assert found["all"].figures == ()


def test_how_far_it_is_can_be_shown() -> None:
    heard: list[tuple[int, int]] = []

    accounts = (
        len(told(excluded(), Span(instant(0), instant(600)), progress=lambda *at: heard.append(at))) + 1
    )

    assert heard == [(k, accounts) for k in range(1, accounts)]
