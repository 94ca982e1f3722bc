"""Sources in the settings: off unless named, with defaults, and what is wrong with one told at its place."""

from pathlib import Path

import pytest

from collector.core.timeline import MINUTE, SECOND
from collector.errors import ConfigurationError
from tests.test_settings import BASE, problems, settings

SOURCE = """
[[source]]
kind = "api-logs"
account = "42"
"""


def test_sources_are_off_unless_configured(tmp_path: Path) -> None:
    assert settings(tmp_path).stating == ()


def test_a_source_has_its_defaults(tmp_path: Path) -> None:
    (source,) = settings(tmp_path, BASE + SOURCE).stating

    assert (source.kind, source.account, source.region) == ("api-logs", "42", "eu-west-2")
    assert source.target == "https://api.eu-west-2.outscale.com"
    assert (source.at, source.every, source.settle) == (150 * MINUTE, None, 10 * MINUTE)
    assert source.credentials == "outscale"


def test_a_source_is_due_at_once_then_at_its_time_of_each_day_or_after_a_while(tmp_path: Path) -> None:
    (nightly,) = settings(tmp_path, BASE + SOURCE + 'at = "23:59"').stating
    (often,) = settings(tmp_path, BASE + SOURCE + 'every = "1 h"').stating
    midnight = 20_000 * 86400 * SECOND
    its_time = midnight + 23 * 60 * MINUTE + 59 * MINUTE

    assert (nightly.due(None), often.due(None)) == (0, 0)
    assert nightly.due(midnight) == nightly.due(its_time - 1) == its_time
    assert nightly.due(its_time) == its_time + 86400 * SECOND
    assert often.due(midnight) == midnight + 60 * MINUTE


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('kind = "api-log"', "source[0].kind: expected one of api-logs"),
        ('account = "43"', 'source[0].account: expected a known account (42), got "43"'),
        ('at = "25:00"', 'source[0].at: expected a time of the day in UTC, like "02:30", got "25:00"'),
        ('every = "1 s"', 'source[0].every: expected at least "5 s", got "1 s"'),
        ('settle = "2 d"', 'source[0].settle: expected up to "1 d", got "48 h"'),
        ('target = "ftp://x"', "source[0].target: expected "),
        ("at = 230", "source[0].at: expected a text"),
        ("when = 1", "source[0].when: unknown key"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_at_its_place(tmp_path: Path, line: str, told: str) -> None:
    key = line.partition(" ")[0]
    others = [one for one in SOURCE.splitlines() if not one.startswith(key)]
    (problem,) = problems(tmp_path, "\n".join([BASE, *others, line]))

    assert told in problem


def test_a_source_that_signs_needs_the_name_of_its_keys(tmp_path: Path) -> None:
    nameless = BASE.replace('credentials = "outscale"\n', "")

    (problem,) = problems(tmp_path, nameless + SOURCE)
    assert problem.startswith("source[0].credentials: expected the name of the keys")
    assert settings(tmp_path, nameless + SOURCE + 'credentials = "k"').stating[0].credentials == "k"


def test_an_account_has_one_source_of_a_kind(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, BASE + SOURCE + SOURCE)

    assert problem == "source[1]: expected another kind or account, got those of source[0]"


def test_keys_that_a_source_needs_and_that_are_not_there_are_told_with_where_one_looked(
    tmp_path: Path,
) -> None:
    found = settings(tmp_path, BASE + SOURCE, {"CONSTAT_OUTSCALE_ACCESS_KEY": "AK"})
    with pytest.raises(ConfigurationError, match="source api-logs of account 42: expected secret_key in"):
        found.credentials_of_source(found.stating[0])
