"""Whoever reads a report against its author can redo its sums, and finds no sentence in it that is not so."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import pytest

from collector.core.contract import READINGS
from exporters.documents import claim as on_screen
from exporters.documents import ledger
from exporters.documents.page import Page
from exporters.documents.report import LANGUAGES, Language, ReportFacts, content
from exporters.documents.report.blocks import Block
from exporters.documents.report.voice import Voice
from tests.exporters.documents.report.test_scenarios import TOLD, reports
from tests.scenario.answers import drawn
from tests.scenario.story import understood
from tests.scenario.told import Told


@cache
def scenario(name: str) -> Told:
    """A scenario of the files."""
    (told,) = (one.values[0] for one in TOLD if one.id == name)
    assert isinstance(told, Told)
    return told


def claims(told: Told, **other: Any) -> Sequence[ReportFacts]:
    """The reports on the claims of a scenario, or of one that says something else here and there."""
    found = understood(msgspec.structs.replace(told, **other))
    question, _ = found.asked[0]
    return [one for one in reports(found, question, drawn(found, question)) if one.kind == "claim"]


def speaking(report: ReportFacts, language: Language) -> Voice:
    return Voice(language, report.context.where, report.context.contract)


def blocks(report: ReportFacts, language: Language) -> Sequence[Block]:
    return [*content(report, speaking(report, language))]


def text(report: ReportFacts, language: Language) -> str:
    """All words of a report."""
    return plain(" ".join(map(str, blocks(report, language))))


def screen(report: ReportFacts) -> str:
    """The claim of a report as the terminal has it."""
    assert report.claim is not None
    page = Page(110)
    on_screen.explain(page, report.claim, report.context)
    return " ".join(page.text().split())


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\\xa0", " ")


# --------------------------------------------------------------------------------------------------- the caps

SECOND = (
    "A second claim for incidents of the same month gets what the first left of thirty per cent of its "
    "invoice"
)

CAPPED = {
    # Of a base of 10 000, 9 500 are credited: 500 are left of the 800 that are asked for.
    "All penalties of a rolling year together stay under the average month": [
        ("3 000.00", "0.00", "3 000.00", "800.00", "800.00"),
        ("10 000.00", "9 500.00", "500.00", "800.00", "500.00"),
    ],
    # An earlier claim has asked for 2 500 of the 3 000 of August.
    SECOND: [
        ("3 000.00", "2 500.00", "500.00", "1 800.00", "500.00"),
        ("10 000.00", "2 500.00", "7 500.00", "500.00", "500.00"),
    ],
    "A window over two months has the caps of both": [
        ("3 000.00", "0.00", "3 000.00", "400.00", "400.00"),
        ("300.00", "0.00", "300.00", "400.00", "300.00"),
        ("10 000.00", "0.00", "10 000.00", "700.00", "700.00"),
    ],
    # 9 900 of the smaller base are credited; the other claim has two thirds of the 100 that are left.
    "cap-period: the smallest average month is the cap where claims have several": [
        ("39 000.00", "0.00", "39 000.00", "800.00", "800.00"),
        ("10 000.00", "9 900.00", "100.00", "800.00", "33.33"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CAPPED)
def test_every_cap_can_be_redone_from_what_it_allows_and_what_earlier_claims_took(
    name: str, language: Language
) -> None:
    report, *_ = (one for one in claims(scenario(name)) if one.groups[0].one.service in ("s", "balancer"))
    voice = speaking(report, language)
    found = [
        tuple(row["amounts"][0] for row in block["rows"])
        for block in blocks(report, language)
        if block["b"] == "sums" and voice("cap-spent") in [row["label"] for row in block["rows"]]
    ]

    assert [tuple(map(plain, one)) for one in found] == [
        tuple(f"{one} EUR" if language == "en" else f"{one.replace('.', ',')} €" for one in each)
        for each in CAPPED[name]
    ]


def test_a_share_of_what_is_left_is_told_with_the_division_that_it_is() -> None:
    (report,) = claims(scenario("All penalties of a rolling year together stay under the average month"))

    assert "all of them ask for 800.00 EUR, so that each gets its share: " in text(report, "en")
    assert "800.00 EUR × 500.00 EUR / 800.00 EUR" in text(report, "en")
    assert "800,00 € × 500,00 € / 800,00 €" in text(report, "fr")


def test_where_more_is_credited_than_a_cap_allows_the_sum_says_why_nothing_is_left() -> None:
    name = (
        "Where more was credited for a month than thirty per cent of its invoice, nothing is left, and "
        "nothing is owed"
    )
    (report,) = claims(scenario(name))

    assert "nothing, as more is taken already" in text(report, "en")
    assert "rien, car davantage est déjà pris" in text(report, "fr")
    assert "left for all claims of the account, as more is taken than that" in screen(report)


def test_a_cap_that_each_claim_has_for_itself_is_not_said_to_have_been_used() -> None:
    name = "cap-period: credits of a rolling year stay under the average month together, or each claim does"
    report, *_ = claims(scenario(name), readings={**scenario(name).readings, "cap-period": "claim"})
    *_, last = (one for one in blocks(report, "en") if one["b"] == "sums" and one["amounts"] == 1)

    assert [row["label"] for row in last["rows"]] == [
        "100 % of the base".replace(" %", "\xa0%"), "asked for by this claim", "credit",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- what is not needed

NIMBUS = "Nimbus: one microsecond more is the first tier"


def rows(report: ReportFacts, language: Language) -> dict[str, Sequence[str]]:
    """The list of needs: each with what is said of it."""
    voice = speaking(report, language)
    heads = [voice("heads.need"), voice("heads.met"), voice("heads.reference")]
    (found,) = (one for one in blocks(report, language) if one["b"] == "table" and one["head"] == heads)
    return {name: told for name, *told in found["rows"]}


@pytest.mark.parametrize("readings", [{"ticket": "support-only"}, {}])
def test_a_ticket_that_is_not_needed_is_not_said_to_be_there(readings: dict[str, str]) -> None:
    name = SECOND if readings else NIMBUS
    (report,) = claims(scenario(name), readings=readings, ticketed=False)

    assert rows(report, "en")["a complete ticket"] == ["none needed", "as the contract is read here"]
    assert rows(report, "fr")["un ticket complet"] == ["non requis", "selon la lecture retenue du contrat"]
    assert "no ticket, as none is needed the way the contract is read here" in text(report, "en")
    assert "aucun ticket, et aucun n'est requis selon la lecture retenue" in text(report, "fr")
    assert "a complete ticket: none needed, as the contract is read here" in screen(report)
    assert "told of" not in screen(report)


def test_a_notice_that_is_not_needed_is_not_said_to_be_there_either() -> None:
    (report,) = claims(scenario(NIMBUS))

    assert "Certain, after deductions and grace, and not claimed before:" in screen(report)
    assert "no notice, as none is needed" in text(report, "en")
    assert "aucun avis de réserve, et aucun n'est requis" in text(report, "fr")
    assert [told[0] for name, told in rows(report, "en").items() if "reservations" in name] == ["none needed"]


def test_a_ticket_that_is_needed_is_told_of_as_before() -> None:
    (report,) = claims(scenario(SECOND))

    assert rows(report, "en")["a complete ticket"][0] == "yes"
    assert (
        "Certain, after deductions and grace, reserved in time, told of, and not claimed before:"
        in screen(report)
    )


# ---------------------------------------------------------------------------------------------- the readings


def test_readings_are_not_said_to_be_the_least_that_any_combination_of_them_comes_to() -> None:
    """One penalty for the resource that lost least is not the least, once another reading picks another."""
    (report,) = claims(scenario(SECOND), readings={}, ticketed=True)

    for words, strict, together in (
        (text(report, "en"), "the stricter one against the customer, each clause taken by itself.",
         "several at once can come to other sums"),
        (text(report, "fr"), "la plus stricte contre le client, chaque clause étant prise à part.",
         "plusieurs à la fois peuvent donner d'autres montants"),
    ):  # fmt: skip
        assert strict in words
        assert together in words
        assert "owed no less" not in words
        assert "pas dû moins" not in words
    assert "least" not in screen(report)


# -------------------------------------------------------------------------------------------- not yet known


def test_a_claim_whose_amount_is_not_known_is_not_called_complete() -> None:
    name = (
        "A window over two months is split by counted time, and is unknown while one of them is not invoiced"
    )
    (report,) = claims(scenario(name))
    en, fr = text(report, "en"), text(report, "fr")

    assert "Nothing else is missing, but the amount waits for what is not invoiced yet: 2026-09." in en
    assert "not yet: the amount waits for what is not invoiced yet: 2026-09" in en
    assert "the claim is complete" not in en
    assert (
        "Il ne manque rien d'autre, mais le montant attend ce qui n'est pas encore facturé : 2026-09." in fr
    )
    assert "la demande est complète" not in fr
    assert (
        "What is missing: an evidence bundle. The amount waits for what is not invoiced: 2026-09."
    ) in screen(report)


# -------------------------------------------------------------------------------------------- still to come


def test_what_is_still_to_come_is_not_told_as_time_in_which_nobody_looked() -> None:
    """Drawn on 20 April: ten days and more of April had not passed yet."""
    told = scenario(NIMBUS)
    asked = [msgspec.structs.replace(one, claims=None, total=None) for one in told.expected]
    (report,) = claims(told, as_of="2026-04-20 12:00", expected=asked)
    en, fr = text(report, "en"), text(report, "fr")

    assert "10 d 12 h of it is still to come after 20 April 2026, 12:00:00 (UTC+02:00), which counts" in en
    assert "10 j 12 h en sont encore à venir après le 20 avril 2026 à 12:00:00 (UTC+02:00)" in fr
    assert "10 d 12 h of it is still to come, and for the other 19 d 11 h 37 min 30 s nobody looked" in en
    assert "For 19 d 11 h 37 min 30 s, in 2 stretches, nobody looked" in en
    assert "unknown: still to come after 20 April 2026, 12:00:00 (UTC+02:00)" in en
    for words in (en, fr):
        assert "29 d 23 h 37 min 30 s" not in words
        assert "29 j 23 h 37 min 30 s" not in words


def test_the_terminal_tells_what_is_still_to_come_apart_too() -> None:
    told = scenario(NIMBUS)
    asked = [msgspec.structs.replace(one, claims=None, total=None) for one in told.expected]
    (report,) = claims(told, as_of="2026-04-20 12:00", expected=asked)
    page = Page(110)
    assert report.claim is not None
    ledger.explain(page, report.claim.attainment, report.context)
    words = " ".join(page.text().split())

    assert words.count("UNKNOWN: still to come after 2026-04-20 12:00:00+02:00") == 2
    assert "10 d 12 h of it is still to come" in words
    assert "UNKNOWN is 2 stretches" in words


def test_a_window_that_is_over_has_nothing_to_come() -> None:
    (report,) = claims(scenario(NIMBUS))

    assert "still to come after" not in text(report, "en")
    assert "encore à venir après" not in text(report, "fr")


# ---------------------------------------------------------------------------------------- another contract

ELSEWHERE = (
    "CAcm",
    "48 heures",
    "48 hours",
    "SLA5",
    "deux minutes",
    "deux premières",
    "cinquième",
    "trois fois",
)
"""What only the shipped contract says."""


def test_a_report_on_another_contract_says_nothing_that_only_the_shipped_one_says() -> None:
    for report in claims(scenario(NIMBUS)):
        for language in LANGUAGES:
            words = [str(one) for one in blocks(report, language) if one["b"] != "drawing"]
            assert [one for one in words for other in ELSEWHERE if other in one] == []


def test_readings_are_told_with_the_terms_of_the_contract_at_hand() -> None:
    nimbus, shipped = (speaking(claims(scenario(name))[0], "fr") for name in (NIMBUS, SECOND))
    told = {
        (one, reading.id): [plain(voice.reading(reading, choice)) for choice in READINGS[reading.id]]
        for one, voice in (("nimbus", nimbus), ("shipped", shipped))
        for reading in voice.contract.readings
    }

    assert any("1 min d'indisponibilité" in says for says in told["nimbus", "grace-kind"])
    assert any("2 min d'indisponibilité" in says for says in told["shipped", "grace-kind"])
    assert any("48 heures" in says for says in told["shipped", "reservation-clock"])
    assert any("30 jours ouvrés" in says for says in told["nimbus", "clear-days"])
    for (one, _), says in told.items():
        assert not [other for other in ELSEWHERE if one == "nimbus" and other in " ".join(says)]


def test_of_windows_that_the_contract_leaves_no_doubt_of_nothing_is_argued() -> None:
    (report,) = claims(scenario(NIMBUS))

    assert "Why this one (clause 2): months are those of the calendar." in text(report, "en")
    assert "may be meant" not in text(report, "en")
    assert "Pourquoi celle-ci (article 2) : le mois (l'année) civil." in text(report, "fr")
