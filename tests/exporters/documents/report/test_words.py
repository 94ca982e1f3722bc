"""Both languages say the same things, and all that can be said has words in both."""

import re
from pathlib import Path
from string import Formatter

import pytest

import exporters.documents.report as package
from collector import probes, settings
from collector.contracts import load
from collector.core.contract import READINGS
from collector.core.record import DEDUCTION_KINDS, GapReason, Outcome, Reason
from collector.core.window import MONTHS
from exporters.documents import show
from exporters.documents.asking import NEEDS
from exporters.documents.finding import FLAGS
from exporters.documents.report.voice import LANGUAGES, Language, Voice, texts

FOLDER = Path(package.__file__).parent
CODE = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
PROBES = Path(probes.__file__).parent
CONTRACT, _ = load(settings.shipped("contracts/outscale-cgv-2019-12.toml"))


def voice(language: Language) -> Voice:
    return Voice(language, show.zone("Europe/Paris", utc=False), CONTRACT)


def keys(language: Language) -> set[str]:
    """Of a language, but for what contract files say in English."""
    return {key for key in texts(language) if not key.startswith("says.")}


def test_both_languages_have_the_same_keys() -> None:
    assert keys("fr") == keys("en")


def test_both_languages_fill_in_the_same() -> None:
    def places(key: str, language: Language) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(texts(language)[key]) if name}

    assert [key for key in keys("en") if places(key, "en") != places(key, "fr")] == []


def test_no_text_is_unused() -> None:
    """A key stands in the code, or fits what is put together there, or its group is asked for a word."""
    quoted = {*re.findall(r'"([^"\n]*)"', CODE), *re.findall(r"'([\w.-]+)'", CODE)}
    groups = set(re.findall(r"""term\(\s*["']([\w-]+)["']""", CODE))
    pieces = [re.split(r"\{[^}]*\}", one) for one in quoted if re.match(r"[a-z-]+-\{|[a-z-]+\{[^}]*\}-", one)]
    patterns = [re.compile("[A-Za-z-]+".join(map(re.escape, parts))) for parts in pieces]

    def used(key: str) -> bool:
        group, dot, name = key.partition(".")
        if group == "count":
            name = name.removesuffix("-one").removesuffix("-many")
        if dot:
            return name in quoted if group in ("heads", "count") else group in groups
        return key in quoted or any(pattern.fullmatch(key) for pattern in patterns)

    unused = [key for key in sorted(keys("fr")) if not used(key)]
    assert not unused, unused


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_member_of_a_closed_list_has_a_word_and_nothing_else_has_one(language: Language) -> None:
    wanted = {
        "reason": [str(reason) for reason in Reason if reason],
        "outcome": [str(outcome) for outcome in Outcome],
        "gap": [str(reason) for reason in GapReason],
        "deduction": [*DEDUCTION_KINDS, "not-countable", "grace", "unreserved"],
        "standing": ["proposed", "accepted", "refused", "disputed"],
        "flag": list(FLAGS),
        "need": list(NEEDS),
        "length-of": list(MONTHS),
        "month": [f"{month:02}" for month in range(1, 13)],
        "state": ["intended", "sent", "refused", "unknown", "delivered", "answered", "accepted", "withdrawn"],
        "kind": [path.stem for path in PROBES.glob("[a-z]*.py")],
    }

    for group, names in wanted.items():
        words = {key.removeprefix(f"{group}.") for key in texts(language) if key.startswith(f"{group}.")}
        assert words == set(names), group


def test_every_reading_is_explained_in_french() -> None:
    wanted = {f"says.{id}.{choice}" for id, choices in READINGS.items() for choice in choices}

    assert wanted == {key for key in texts("fr") if key.startswith("says.")}


@pytest.mark.parametrize(
    "why",
    [
        "no notice is on record",
        "announced on 2026-11-18 for 2026-11-18; 2 clear days needed it by 2026-11-15",
    ],
)
def test_why_a_deduction_is_refused_is_told_in_french(why: str) -> None:
    """The core's own words are recognised; what somebody declared stays as it is."""
    told = {"2026-11-18": "18 November 2026", "2026-11-15": "15 November 2026"}
    english = why
    for iso, day in told.items():
        english = english.replace(iso, day)
    assert voice("en").why(why).replace("\xa0", " ") == english
    assert "notice" not in voice("fr").why(why)
    assert voice("fr").why("they said so") == "they said so"


@pytest.mark.parametrize(
    ("language", "number", "told"),
    [
        ("fr", 0, "0 sonde"),
        ("fr", 1, "1 sonde"),
        ("fr", 2, "2 sondes"),
        ("en", 0, "0 probes"),
        ("en", 1, "1 probe"),
    ],
)
def test_things_are_counted_as_each_language_does(language: Language, number: int, told: str) -> None:
    assert voice(language).count(number, "probe").replace("\xa0", " ") == told
