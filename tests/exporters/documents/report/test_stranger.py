"""Somebody who has the PDF alone is told what happened, why it is owed, and what none of it proves."""

from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from collector.core.timeline import DAY
from exporters.documents.report import Language, content, setting
from tests.exporters import claimed
from tests.exporters.documents.report import world
from tests.exporters.documents.report.making import Made, made, vouched
from tests.exporters.documents.report.test_words import voice


@pytest.mark.parametrize(
    ("signed", "stamped", "deposited", "en", "fr"),
    [
        (False, False, False, "neither signed, nor time-stamped, nor announced", "ni signé, ni horodaté"),
        (True, False, False, "signed, not time-stamped, no deposit", "signé, non horodaté, aucun dépôt"),
        (True, True, False, "signed, time-stamped, no deposit", "signé, horodaté, aucun dépôt"),
        (True, True, True, "without trusting whoever made them", "sans faire confiance à celui"),
    ],
)
def test_the_opening_claims_no_more_than_what_vouches_for_this_bundle(
    outage: Made, signed: bool, stamped: bool, deposited: bool, en: str, fr: str
) -> None:
    facts = vouched(outage.facts)
    origins = [
        replace(one, keys=one.keys if signed else (), stamps=one.stamps if stamped else ())
        for one in facts.origins
    ]
    facts = replace(facts, origins=origins, deposits=facts.deposits if deposited else ())
    for say, needed in ((voice("en"), en), (voice("fr"), fr)):
        blocks = list(content(facts, say))
        opening = blocks[0]["t"]
        sections = [one["t"] for one in blocks if one["b"] == "heading" and one["level"] == 1]

        assert needed in opening
        assert ("without trusting" in opening or "sans faire confiance" in opening) == deposited
        assert opening.endswith(say("see-section", section=sections.index(say("verify-heading")) + 1))


def test_the_opening_tells_whether_the_figures_can_be_computed_again(outage: Made) -> None:
    first, *_ = content(outage.facts, voice("en"))
    whole, *_ = content(vouched(outage.facts), voice("en"))

    assert "cannot all be computed again" in first["t"]
    assert "can compute every figure again" in whole["t"]


# ---------------------------------------------------------------------------- what a stranger has to be told


def test_downtime_before_the_ticket_is_told_as_that_and_not_as_waived(claim: Made) -> None:
    """All of it is reserved: see the table of reservations, which says that nothing is waived."""
    sums = [one for one in content(claim.facts, voice("en")) if one["b"] == "sums"]
    (row,) = (row for one in sums for row in one["rows"] if row["label"] == "not claimable")
    assert [note.replace("\xa0", " ") for note in row["notes"]] == [
        "59.98 s: no complete ticket had told of it yet (SLA9), on 29 November 2026 from 10:05:00.02 to "
        "10:06:00 (UTC+01:00)"
    ]
    assert "59,98 s : aucun ticket complet n'en avait encore parlé (SLA9)" in claim.fr
    for text in (claim.en, claim.fr):
        assert "no notice reserved it" not in text
        assert "aucun avis ne l'a réservée" not in text


def test_downtime_that_can_still_be_reserved_is_not_told_as_waived(outage: Made) -> None:
    assert "no notice has reserved it yet, which can still be done (clause 9.3)" in outage.en
    assert "aucun avis ne l'a encore réservée, ce qui peut encore se faire (article 9.3)" in outage.fr
    assert "no complete ticket" not in outage.en


def test_until_when_downtime_can_be_reserved_stands_on_the_first_page(outage: Made, tmp_path: Path) -> None:
    en, fr = _opening(outage, "en"), _opening(outage, "fr")
    found = world.drawn(world.with_claim(tmp_path), None, claimed.AS_OF)
    reserved, still = (made(world.reported(found, "outage", one.id)) for one in found.account.outages[:2])

    assert "Still to be reserved: " in en
    assert "Reste à réserver : " in fr
    assert "Still to be reserved" not in _opening(reserved, "en")
    assert (
        "Still to be reserved: 1 h 1 min 0.02 s. The notice must reach the provider before 3 December 2026, "
        "20:04:00 (UTC+01:00) (clause 9.3); from then on the first of it is waived."
    ) in _opening(still, "en")


def _opening(report: Made, language: Language) -> str:
    """The first page as far as its table."""
    blocks = content(report.facts, voice(language))
    told = " ".join(one["t"] for one in takewhile(lambda one: one["b"] != "answer", blocks) if "t" in one)
    return told.replace("\xa0", " ").replace("\u202f", " ")


def test_downtime_that_no_notice_reserved_in_time_is_told_as_that(tmp_path: Path) -> None:
    found = world.drawn(world.two_vantages(tmp_path), world.WHOLE, world.TO + 3 * DAY)
    (outage, *_) = (one for one in found.account.outages if one.service == "command-api")
    text = made(world.reported(found, "outage", outage.id))

    assert "no notice reserved it within 48 hours (clause 9.3)" in text.en
    assert "aucun avis ne l'a réservée dans les 48 heures (article 9.3)" in text.fr
    assert "can still be done" not in text.en


def test_for_certain_says_what_it_assumes_where_it_is_first_said(any_of: Made) -> None:
    for text, certain, means in (
        (any_of.en, "for certain", "“For certain” rests on one assumption: that what failed twice in a row"),
        (any_of.fr, "de façon certaine", "« De façon certaine » repose sur une hypothèse"),
    ):
        first = text.index(certain)
        assert 0 < text.index(means) - first < 200


def test_what_is_not_known_is_named_and_not_called_a_doubt_that_was_decided(any_of: Made) -> None:
    for text, doubt in ((any_of.en, "every doubt"), (any_of.fr, "tout doute")):
        assert doubt not in text
        assert "nobody could look" not in text.lower()
    if not any(one.control for one in any_of.facts.witnesses):
        assert "No control asked something other than the provider meanwhile" in any_of.en


def test_time_before_the_first_line_was_not_yet_watched(claim: Made) -> None:
    assert "29 d 10 h: not yet watched: the measurements had not begun" in claim.en
    assert "29 j 10 h : pas encore surveillé" in claim.fr


def test_the_first_page_of_a_claim_tells_all_that_matters(claim: Made) -> None:
    first = claim.en.split("page 1/")[0]
    for needed in (
        "from one vantage point (here); no control beside it",
        "0.71527… % of the window",
        "not signed, not time-stamped, no deposit is named",
        "The claim is incomplete; missing: a second vantage point.",
        "489.81 EUR by formula, reduced to 300.00 EUR by the cap of clause 8",
        "notices N-1; tickets T-1",
        "the end of 4 December 2026 (24:00:00, UTC+01:00)",
        "the end of 7 December 2026 (24:00:00, UTC+01:00)",
        "settles the downtime counted here for good (clause 8)",
        "http://127.0.0.1/: this address is on the measuring machine itself",
    ):
        assert needed in first
    first = claim.fr.split("page 1/")[0]
    for needed in (
        "489,81 € par la formule, ramené à 300,00 € par le plafond (article 8)",
        "La demande est incomplète ; il manque : un second point de mesure.",
        "non signé, non horodaté, aucun dépôt n'est cité",
    ):
        assert needed in first


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("http://127.0.0.1:8080/", "loopback"),
        ("[::1]:53", "loopback"),
        ("localhost", "loopback"),
        ("10.1.2.3:443", "private"),
        ("tls://192.168.0.9/x", "private"),
        ("fd00::1", "private"),
        ("203.0.113.7:443", None),
        ("https://api.eu-west-2.outscale.com", None),
        ("http://[", None),
    ],
)
def test_an_address_of_the_machine_itself_or_of_a_private_network_is_known(
    target: str, where: str | None
) -> None:
    assert setting.near(target) == where


def test_the_plan_that_names_the_contract_is_told(outage: Made) -> None:
    assert [one.origin for one in outage.facts.named] == [one.origin for one in outage.facts.origins]
    for one in outage.facts.named:
        # A line may end after the hyphen of an origin, which the text of the page then lacks.
        named = f"{one.origin}:{one.seq}".replace("-", "")
        assert named in outage.en.replace(" ", "").replace("-", "")
    assert "No plan in the journal names it" in made(replace(outage.facts, named=())).en
