"""Which samples bound an outage, probe by probe."""

from collections.abc import Sequence

from collector.contracts import calendar
from collector.core import sight
from collector.core.account import Account, draw, replay
from collector.core.record import Line, Outcome, Sample
from collector.core.timeline import SECOND, Instant, Span
from collector.journal.passage import Cited
from exporters.documents import witness
from exporters.documents.witness import Witness
from tests.exporters.journals import BEGAN, CONTRACT, clock, numbered, plan, sample, start

OK, FAILED, BLIND = Outcome.OK, Outcome.FAILED, Outcome.BLIND
LETTERS = {"o": OK, "x": FAILED, "b": BLIND}


def at(number: int) -> Instant:
    return BEGAN + number * 10 * SECOND


def heard(**seen: str) -> list[Witness]:
    """The witnesses of the first outage of "api", whose probes saw `seen`, ten seconds apart."""
    lines: list[Line] = [start(), plan(), clock(BEGAN)]
    samples = [
        sample(name.replace("_", "-"), at(number), LETTERS[letter])
        for name, letters in seen.items()
        for number, letter in enumerate(letters)
    ]
    lines = numbered([*lines, *sorted(samples, key=lambda one: one.sent)])
    account, told = drawn(lines)
    found = witness.witnesses(account, account.runs["api"].outages[:1], told)
    witness.hear(found, "here", [Cited(line, "file", line.seq + 1) for line in lines])
    return found


def drawn(lines: Sequence[Line]) -> tuple[Account, Sequence[sight.Testimony]]:
    evidence = replay({"here": lines}, CONTRACT, at(1000))
    window = Span(BEGAN, at(100))
    account = draw(evidence, CONTRACT, calendar(CONTRACT), as_of=at(1000), asked=(window,))
    return account, evidence.testimonies


def sent(cited: Cited | None) -> Instant | None:
    if cited is None:
        return None
    assert isinstance(cited.line, Sample)
    return cited.line.sent


def bounds(one: Witness) -> tuple[Instant | None, ...]:
    return tuple(sent(cited) for cited in (one.last_ok, one.first_failed, one.last_failed, one.first_ok))


def test_bounds_are_the_answers_around_and_the_first_and_last_failure() -> None:
    for one in heard(api_1="ooxxxoo", api_2="ooxxxoo"):
        assert bounds(one) == (at(1), at(2), at(4), at(5))


def test_an_answer_between_two_failures_bounds_nothing() -> None:
    """The other probe failed all the while, so it is one outage."""
    one, other = heard(api_1="oxxxxxxo", api_2="oxxoxxoo")

    assert bounds(one) == (at(0), at(1), at(6), at(7))
    assert bounds(other) == (at(0), at(1), at(5), at(6))
    assert other.counts[OK, ""] == 3  # type: ignore[index]  # a reason is a string


def test_a_probe_that_failed_before_the_service_did_is_told_from_its_own_last_answer() -> None:
    one, other = heard(api_1="oxxxxxxxo", api_2="ooooxxxoo")

    assert bounds(one) == (at(0), at(1), at(7), at(8))
    assert bounds(other) == (at(3), at(4), at(6), at(7))


def test_a_failure_that_no_answer_sees_has_no_such_bound() -> None:
    for one in heard(api_1="oobxxxbo", api_2="oobxxxbo"):
        assert one.first_failed is not None
        assert sent(one.first_failed) == at(3)
        assert one.counts[BLIND, "resolver"] == 0  # type: ignore[index]  # they lie outside
        assert sent(one.last_failed) == at(5)


def test_an_outage_that_goes_on_has_no_answer_after_it() -> None:
    for one in heard(api_1="ooxxx", api_2="ooxxx"):
        assert bounds(one) == (at(1), at(2), at(4), None)
