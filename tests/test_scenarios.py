"""Every scenario of tests/scenarios comes out as it says; one that says something unknown is refused."""

import pytest

from tests.scenario.answers import expected, found
from tests.scenario.story import Scenario, understood
from tests.scenario.told import Told, files, read
from tests.scenario.words import ScenarioError

SCENARIOS = [(path.stem, told) for path in files() for told in read(path.read_text(), path.name)]


@pytest.mark.parametrize("told", [pytest.param(t, id=f"{file}: {t.name}") for file, t in SCENARIOS])
def test_scenario(told: Told) -> None:
    """All that a scenario expects, told at once where it does not come out."""
    scenario = understood(told)

    for question, asked in scenario.asked:
        assert found(scenario, question, asked) == expected(asked, scenario.times), question


# --------------------------------------------------------------------------------------- the reader itself

GOOD = """
[[scenario]]
name = "Down for ten minutes"
window = "10:00 to 11:00"
timeline = '''
10:00 up every 30s
10:30 down every 30s for 10m
10:40 up every 30s
'''
expected = { down = "9m 30s" }
"""


def test_a_file_of_scenarios_has_some() -> None:
    """An empty file, or a folder that moved, would pass for nothing."""
    assert len(SCENARIOS) >= 40
    assert len({told.name for _, told in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        ('window = "10:00 to 11:00"', 'windows = "10:00 to 11:00"', "windows: unknown key"),
        ('down = "9m 30s"', 'dwon = "9m 30s"', r"expected\[0\].dwon: unknown key .did you mean .down"),
        ('{ down = "9m 30s" }', "{ }", r"expected\[0\]: asks and expects nothing"),
        ('{ down = "9m 30s" }', "[]", "at least one expectation"),
        ("[[scenario]]", "[[scenarios]]", "expected .*scenario.*, got scenarios"),
        ("10:30 down", "10:30 broken", 'got "broken"'),
        ("10:30 down", "10:30 clock runs\n10:30 down", 'step, untrusted, trusted, got "runs"'),
        ("10:30 down", "10:30 observer sleeps\n10:30 down", 'off, dies, on, got "sleeps"'),
        ("10:30 down", "10:30 journal lost\n10:30 down", 'expected "for"'),
        ("10:30 down", "10:30 plan none\n10:30 down", 'no plan is called "none"'),
        ("every 30s for", "each 30s for", 'got "each"'),
        ("for 10m", "for ever", "expected a duration"),
        ("10:30 down", "half past ten down", "begins with a time"),
        ("10:40 up", "10:20 up", "earlier than the line before"),
        ('"10:00 to 11:00"', '"10:00-11:00"', "expected a span"),
        ('window = "10:00 to 11:00"', "", "expected a window"),
        ('window = "10:00 to 11:00"', 'window = "trailing"', "needs an as_of"),
        ("window =", "services = { s = { color = 'red' } }\nwindow =", "color: unknown key"),
        ("window =", "probes = { p = { color = 'red' } }\nwindow =", "color: unknown key"),
        ("window =", "contract = 'none-such'\nwindow =", 'no contract is called "none-such"'),
        ("window =", "invoices = { 2026-09 = '10 EUR', x = '1 EUR' }\nwindow =", "expected months like"),
        ("window =", "invoices = { 2026-09 = '10,00 EUR' }\nwindow =", "expected an amount like"),
        ("window =", "invoices = { 2026-09 = 'none' }\nwindow =", "expected an amount like"),
        ('{ down = "9m 30s" }', '{ claims = [{ creddit = "1 EUR" }] }', "creddit: unknown key"),
        ('{ down = "9m 30s" }', '{ deadlines = [{ by = "10:00" }] }', "by: unknown key"),
        ("window =", "declared = [{ kind = 'note', color = 'red' }]\nwindow =", "unknown key color"),
    ],
)
def test_what_a_scenario_may_not_say_is_refused_with_the_word(good: str, bad: str, why: str) -> None:
    assert GOOD.count(good) >= 1

    with pytest.raises(ScenarioError, match=why):
        _understood(GOOD.replace(good, bad))


def _understood(text: str) -> list[Scenario]:
    return [understood(told) for told in read(text, "here.toml")]


def test_a_wrong_expectation_fails() -> None:
    (good,), (bad,) = read(GOOD, "good"), read(GOOD.replace("9m 30s", "9m"), "bad")

    test_scenario(good)
    with pytest.raises(AssertionError):
        test_scenario(bad)
