"""What a report says is what the statement says, in both languages, down to the samples of an outage."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.core.account import settle
from collector.core.record import Sample
from collector.core.timeline import HOUR, MINUTE, SECOND, Span
from collector.errors import UsageError
from collector.journal.passage import Cited
from exporters.documents import show, statement
from exporters.documents.report import LANGUAGES, Language, ReportFacts, Stamp, content, render, setting
from exporters.documents.report.blocks import Block
from exporters.documents.report.drawing import WHOLE
from exporters.documents.report.facts import IN_FULL
from exporters.documents.report.outages import ROWS
from tests.exporters import claimed
from tests.exporters.documents.report import reading, world
from tests.exporters.documents.report.test_words import voice


class Made(NamedTuple):
    """A report, with its text in each language."""

    facts: ReportFacts
    fr: str
    en: str

    def of(self, language: Language) -> str:
        return self.fr if language == "fr" else self.en

    @property
    def account(self) -> Mapping[str, Any]:
        whole: dict[str, Any] = json.loads(self.facts.statement)["account"]
        return whole


def made(facts: ReportFacts) -> Made:
    fr, en = (reading.text(render(facts, language)).replace("\xa0", " ") for language in LANGUAGES)
    return Made(facts, fr, en)


def outage_of(folder: Path, name: str = "command-api") -> ReportFacts:
    found = world.drawn(world.two_vantages(folder, name=name), world.WHOLE, world.AS_OF)
    outage = next(one for one in found.account.outages if one.service == name)
    return world.reported(found, "outage", outage.id)


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(outage_of(tmp_path_factory.mktemp("outage")))


@pytest.fixture(scope="module")
def period(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("period")
    return made(world.reported(world.drawn(world.two_vantages(folder), world.WHOLE, world.AS_OF), "period"))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = world.drawn(world.still_open(tmp_path_factory.mktemp("open")), world.WHOLE, world.TO)
    return made(world.reported(found, "outage", found.account.outages[0].id))


@pytest.fixture(scope="module")
def claim(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = world.drawn(world.with_claim(tmp_path_factory.mktemp("claim")), None, claimed.AS_OF)
    one = settle(found.account).claims[0]
    return made(world.reported(found, "claim", one.id, one.attainment.window.span))


@pytest.fixture(params=["outage", "period", "still", "claim"])
def any_of(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(request.param)
    return found


def plain(number: int) -> str:
    return f"{number:,}".replace(",", " ")


# ------------------------------------------------------------------------------------------------ the figures


@pytest.mark.parametrize("any_of", ["outage", "period", "still"], indirect=True)
@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_are_those_of_the_statement(any_of: Made, language: Language) -> None:
    """The window of a claim is none of the account's: see the test of its amounts."""
    text, told = any_of.of(language), {group.one.commitment for group in any_of.facts.groups}
    shown = [one for one in any_of.account["attainments"] if one["commitment"] in told]

    assert shown
    for one in shown:
        assert one["commitment"] in text
        if any_of.facts.kind == "period" and one["finding"] == "MET":
            continue
        amounts = [
            one["net"],
            one["claimable"],
            one["agreed"],
            *one["states"].values(),
            *one["deducted"].values(),
        ]
        for amount in amounts:
            assert f"{plain(amount)} µs" in text
        for ratio in (one["best"], one["worst"], one["target"], one["observed_best"], one["observed_worst"]):
            assert voice(language).digits(Fraction(ratio)).replace("\xa0", " ") in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_outages_are_those_of_the_statement(any_of: Made, language: Language) -> None:
    text, told = any_of.of(language), {outage.id for outage in any_of.facts.outages}

    for one in any_of.account["outages"]:
        if one["id"] in told:
            assert one["id"] in text
            for parts in (one["certain"], one["possible"]):
                whole = voice(language).long(sum(end - start for start, end in parts))
                assert whole.replace("\xa0", " ") in text
                for edge in (parts[0][0], parts[-1][1]):
                    assert show.instant(edge, any_of.facts.context.where) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_of_a_claim_are_those_of_the_statement(claim: Made, language: Language) -> None:
    text, say = claim.of(language), voice(language)
    (one,) = (c for c in claim.account["claims"] if c["id"] == claim.facts.id)

    assert one["id"] in text
    for key in ("credit", "by_formula", "after_invoice_cap"):
        assert say.money(Fraction(one[key])).replace("\xa0", " ") in text
    assert say.money(Fraction(one["base"]["cents"])).replace("\xa0", " ") in text
    assert f"{plain(one['counted'])} µs" in text
    for ratio in (one["attained"], one["target"]):
        assert say.digits(Fraction(ratio)).replace("\xa0", " ") in text
        top, bottom = (plain(int(part)) for part in ratio.split("/"))
        assert f"{top}/{bottom}" in text
    for need in one["needs"]:
        assert say.term("need", need["what"]) in text
        assert all(id in text for id in need["by"])
    assert say.until(one["due"]["safe"]).replace("\xa0", " ") in text


def test_nothing_is_rounded_up(claim: Made) -> None:
    """21451/21600 is 99.31018518… %, and 489.8148… EUR are not 489.82."""
    assert "99.31018… %" in claim.en
    assert "99,31018… %" in claim.fr
    assert "489.81 EUR" in claim.en
    assert "489,81 €" in claim.fr
    assert "99.31019" not in claim.en


# ------------------------------------------------------------------------------------------ down to the lines


def bounds(report: ReportFacts) -> Iterator[Cited]:
    for one in report.witnesses:
        if not one.control:
            found = (one.last_ok, one.first_failed, one.last_failed, one.first_ok)
            yield from (cited for cited in found if cited is not None and one.first_failed is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sample_that_bounds_an_outage_is_there_with_what_the_provider_answered(
    outage: Made, language: Language
) -> None:
    cited = list(bounds(outage.facts))

    assert len(cited) == 8
    for one in cited:
        sample = one.line
        assert isinstance(sample, Sample)
        for value in (sample.facts["request_id"], sample.facts["date"]):
            assert str(value) in outage.of(language)
        assert f"{one.file}:{one.number}" in outage.of(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_tables_of_samples_say_how_many_more_there_are(outage: Made, language: Language) -> None:
    (one, *_) = (w for w in outage.facts.witnesses if not w.control)
    more = voice(language).count(len(one.samples or ()) - ROWS, "sample").replace("\xa0", " ")

    assert len(one.samples or ()) > ROWS
    assert voice(language)("more-samples", samples=more) in outage.of(language)


def test_controls_that_answered_meanwhile_are_counted(outage: Made) -> None:
    assert (
        "every control, which asks something other than the provider, was answered (244 of 244 times)"
        in outage.en
    )
    assert "quad9" in outage.fr


def test_maintenance_is_told_with_clause_document_and_standing_and_what_was_late_takes_nothing(
    outage: Made,
) -> None:
    for needed in ("maintenance planifiée (article 11)", "mail-81 : accepté, déclaré par ab", "5f" * 32):
        assert needed in outage.fr
    assert "4 min 50 s dépassent ce qui était annoncé" in outage.fr
    assert "late : refusé" in outage.fr
    assert "2 jours francs demandaient un avis le 15 novembre 2026 au plus tard" in outage.fr


def test_a_window_that_is_not_the_contracts_proves_no_breach(outage: Made, claim: Made) -> None:
    """An hour is no month, however much of it was down."""
    assert "below the promise, over this window alone" in outage.en
    assert "the commitment is missed" not in outage.en
    assert "MISSED" not in outage.en
    assert "l'engagement n'est pas respecté" in claim.fr
    assert "NON RESPECTÉ" in claim.fr


def test_an_outage_that_goes_on_is_said_to(still: Made) -> None:
    assert "still did not answer at" in still.en
    assert "no answer has ended it yet" in still.en
    assert "none that sees the failure: the time after it is unknown, or it goes on" in still.en
    assert "No control outside of what the provider runs was configured" in still.en


def test_blind_time_is_told_with_its_reason(tmp_path: Path) -> None:
    """Nothing of it counts as down."""
    text = made(
        world.reported(world.drawn(world.two_vantages(tmp_path)[1:], world.WHOLE, world.AS_OF), "period")
    )

    assert "lyon: 12 we could not ask (our network)" in text.en
    assert "lyon : 12 nous ne pouvions pas demander (notre réseau)" in text.fr
    assert f"{plain(world.BLIND.length + 10 * SECOND - 20_000)} µs" in text.en


# --------------------------------------------------------------------------------------- what vouches for it


def vouched(facts: ReportFacts) -> ReportFacts:
    stamps = [Stamp("qualified", 10 * k, world.FROM + k * 5 * MINUTE, 1_000_000) for k in range(1, 13)]
    origins = [
        replace(one, first=0, last=one.size - 1, keys=(f"{one.origin}+0a1b2c3d+AekyeRrm",), stamps=stamps)
        for one in facts.origins
    ]
    return replace(facts, origins=origins, deposits=("Me Martin, 2 octobre 2026",))


@pytest.mark.parametrize("language", LANGUAGES)
def test_roots_keys_stamps_and_deposit_are_named(outage: Made, language: Language) -> None:
    facts = vouched(outage.facts)
    text = made(facts).of(language)

    assert statement.sha256(facts.statement) in text
    assert "Me Martin, 2 octobre 2026" in text
    for one in facts.origins:
        assert one.root is not None
        assert all(needed in text for needed in (one.origin, one.root, *one.keys))
    # The first stamp after the outage's end, and the first and last of all.
    for at in (world.FROM + 5 * MINUTE, world.FAILS.end + 5 * MINUTE, world.FROM + HOUR):
        assert show.instant(at, facts.context.where) in text
    assert voice(language).count(12, "stamp").replace("\xa0", " ") in text


def test_what_does_not_vouch_is_said(outage: Made) -> None:
    for needed in (
        "no whole stretch of lines is in the bundle: completeness is not shown",
        "none: nobody has signed this journal",
        "none: no authority has vouched",
        "No deposit is named here",
    ):
        assert needed in outage.en


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
    (row,) = (row for one in sums for row in one["rows"] if row["label"] == "cannot be claimed")
    assert [note.replace("\xa0", " ") for note in row["notes"]] == [
        "59.98 s: no complete ticket had told of it yet (SLA9), on 29 November 2026 from 10:05:00.02 to "
        "10:06:00 (UTC+01:00)"
    ]
    assert "59,98 s : aucun ticket complet n'en avait encore parlé (SLA9)" in claim.fr
    for text in (claim.en, claim.fr):
        assert "no notice reserved it" not in text
        assert "aucun avis ne l'a réservée" not in text


def test_downtime_that_no_notice_reserved_is_told_as_that(outage: Made) -> None:
    assert "no notice reserved it within 48 hours (clause 9.3)" in outage.en
    assert "aucun avis ne l'a réservée dans les 48 heures (article 9.3)" in outage.fr
    assert "no complete ticket" not in outage.en


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
        assert f"{one.origin}:{one.seq}" in outage.en
    assert "No plan in the journal names it" in made(replace(outage.facts, named=())).en


def test_the_provider_s_own_records_are_told(outage: Made) -> None:
    (origin, *_) = (w.watcher.origin for w in outage.facts.witnesses if not w.control)
    (one, *_) = (w for w in outage.facts.witnesses if w.watcher.origin == origin and not w.control)
    first, second = (cited.line.seq for cited in (one.samples or [])[:2])
    line = {"origin": origin, "probe": "api-regions"}
    provider = {
        "provider": 1,
        "collected": [{"document": "ab", "from": world.FROM, "to": world.TO, "entries": 9}],
        "matched": [
            {**line, "seq": first, "request_id": "id-served", "by": "request-id", "date": world.FAILS.start,
             "call": "ReadRegions", "status": 503, "answered": None, "duration": 5_000},
        ],
        "not_logged": [{**line, "seq": second, "user_agent": "constat/1 0badcafe", "answered": None}],
        "not_collected": 2, "unmatchable": 3, "not_ours": 4,
        "clocks": {"least": -1_000, "most": 2_000, "compared": 7},
    }  # fmt: skip
    text = made(replace(outage.facts, provider=provider)).en

    for needed in (
        "1 request that the provider says it got (1 with 503)",
        "id-served",
        "constat/1 0badcafe",
        "1 request that we sent and that it never logged",
        "at least -0.001 s and at most 0.002 s",
    ):
        assert needed in text


# ------------------------------------------------------------------------------------------------- and it all


@pytest.mark.parametrize("name", ["#panic()", "*x*", "<label> @ref $1$", "日本 ‮x"])
def test_a_hostile_name_is_printed_as_it_is(name: str, tmp_path: Path) -> None:
    text = made(outage_of(tmp_path, name)).fr

    assert text.count(name if name.isascii() else "\\u{65e5}\\u{672c} \\u{202e}x") > 5


def test_the_same_facts_give_the_same_bytes(tmp_path: Path, outage: Made) -> None:
    for language in LANGUAGES:
        assert render(outage.facts, language) == render(outage.facts, language)


def test_a_report_carries_the_statement_that_it_reads(outage: Made, tmp_path: Path) -> None:
    assert reading.attached(render(outage.facts, "fr"), tmp_path) == {
        "statement.json": outage.facts.statement
    }


def test_a_notice_and_a_declared_claim_name_the_outages_that_they_are_about(tmp_path: Path) -> None:
    found = world.drawn(world.with_claim(tmp_path), None, claimed.AS_OF)
    by_number, by_id = (world.reported(found, "reservation", id) for id in ("N-1", "notice-1"))

    assert by_number.outages == by_id.outages
    assert [outage.service for outage in by_id.outages] == ["balancer"]
    with pytest.raises(
        UsageError, match='claim: expected the id of one of this account, got "R-7"; there are'
    ):
        world.reported(found, "claim", "R-7")
    with pytest.raises(UsageError, match='outage: expected the id of one of this account, got "nothing"'):
        world.reported(found, "outage", "nothing")


def test_an_empty_period_is_reported_too(tmp_path: Path) -> None:
    span = Span(world.BEGAN, world.BEGAN + 10 * MINUTE)
    found = world.drawn(world.two_vantages(tmp_path), span, world.AS_OF)
    text = made(world.reported(found, "period", span=span))

    assert "No outage was seen" in text.en
    assert "There is none." in text.en


def test_of_many_outages_those_that_weigh_most_are_told_in_full(tmp_path: Path) -> None:
    found = world.drawn(world.flapping(tmp_path), world.WHOLE, world.AS_OF)
    report = world.reported(found, "period")
    text = made(report).en

    assert len(report.outages) > IN_FULL
    assert len(report.detailed) == IN_FULL
    assert report.detailed == sorted(report.detailed, key=lambda one: one.begins)
    least = min(one.ends - one.begins for one in report.detailed)
    assert all(one.ends - one.begins <= least for one in report.outages if one not in report.detailed)
    assert "5 outages of those that weigh most are told in full below" in text


# ------------------------------------------------------------------------------------------------ the drawing


def drawings(report: ReportFacts) -> list[Block]:
    return [one for one in content(report, voice("fr")) if one["b"] == "drawing"]


def test_lanes_lie_on_the_axis_and_what_is_short_can_be_seen(any_of: Made) -> None:
    found = drawings(any_of.facts)

    assert len(found) >= 2
    for one in found:
        for lane in one["lanes"]:
            for start, length, state in lane["segments"]:
                assert start >= 0
                assert start + length <= WHOLE
                assert length > 0 or state == "up"
        places = [place for place, _ in one["ticks"]]
        assert places == sorted(places)
        assert 2 <= len(places) <= 9
        assert len({label for _, label in one["ticks"]}) == len(places)


def test_closeup_shows_every_probe_control_and_deduction(outage: Made) -> None:
    _, closeup = drawings(outage.facts)

    labels = [lane["label"] for lane in closeup["lanes"]]
    assert labels == [
        "command-api", "api-regions (lyon)", "api-regions (paris)",
        "témoin quad9 (lyon)",
        "témoin quad9 (paris)", "maintenance planifiée", "deux premières minutes par incident",
        "indisponibilité nette",
    ]  # fmt: skip
    down = [segment for segment in closeup["lanes"][0]["segments"] if segment[2] == "down"]
    taken = [lane["segments"] for lane in closeup["lanes"][5:]]
    assert sum(length for part in taken for _, length, _ in part) == pytest.approx(down[0][1], abs=5)


def test_an_origin_that_is_told_of_without_a_bundle_has_its_head(outage: Made) -> None:
    assert [one.origin for one in outage.facts.origins]
    assert all(one.root and one.first is None for one in outage.facts.origins)


def test_what_the_contract_promises_several_times_is_told_once(outage: Made) -> None:
    assert [group.one.commitment for group in outage.facts.groups] == ["compute.command-api"]
    assert (
        "internet.command-api, load-balancer.command-api: the same measurement, the same figure" in outage.en
    )


def test_every_sum_of_durations_adds_up_line_by_line(any_of: Made) -> None:
    """As somebody with a pencil would find."""
    sums = [one for one in content(any_of.facts, voice("en")) if one["b"] == "sums" and one["amounts"] == 2]

    assert sums
    for one in sums:
        total = 0
        for row in one["rows"]:
            amount = int("".join(filter(str.isdigit, row["amounts"][1])))
            if row["sign"] == "=":
                assert amount == total
            total += {"": amount, "+": amount, "−": -amount, "=": 0}[row["sign"]]
