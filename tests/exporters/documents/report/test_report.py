"""What a report says is what the statement says, in both languages, down to the samples of an outage."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from collector.core.record import Sample
from collector.core.timeline import HOUR, MINUTE, SECOND, Span
from collector.errors import UsageError
from collector.journal.passage import Cited
from exporters.documents import show, statement
from exporters.documents.report import LANGUAGES, Language, ReportFacts, content, render
from exporters.documents.report.blocks import Block
from exporters.documents.report.drawing import WHOLE
from exporters.documents.report.facts import IN_FULL
from exporters.documents.report.outages import ROWS
from tests.exporters import claimed
from tests.exporters.documents.report import reading, world
from tests.exporters.documents.report.making import Made, made, outage_of, vouched
from tests.exporters.documents.report.test_words import voice


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
    assert {"fr": "rtt 0,012345 s", "en": "rtt 0.012345 s"}[language] in outage.of(language)


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
    assert "and its end had not been seen for certain" in still.en
    assert "its end has not been seen for certain yet" in still.en
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_roots_keys_stamps_and_deposit_are_named(outage: Made, language: Language) -> None:
    facts = vouched(outage.facts)
    text = made(facts).of(language)

    assert statement.sha256(facts.statement) in text
    assert "Me Martin, 2 octobre 2026" in text
    assert text.count("--deposit DEPOT.txt") == 2
    assert f"DEPOT.txt {'désigne' if language == 'fr' else 'stands for'}" in text
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
    assert "python3 data/verify.py constat verify BUNDLE.zip constat account" in outage.en
    assert "DEPOT.txt" not in outage.en + outage.fr


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
        "témoin quad9 (paris)", "maintenance planifiée", "franchise par incident réseau",
        "indisponibilité nette",
    ]  # fmt: skip
    down = [segment for segment in closeup["lanes"][0]["segments"] if segment[2] == "down"]
    taken = [lane["segments"] for lane in closeup["lanes"][5:]]
    assert sum(length for part in taken for _, length, _ in part) == pytest.approx(down[0][1], abs=5)


def test_time_still_to_come_is_not_drawn_as_unknown(tmp_path: Path) -> None:
    """Nobody can have looked then: of three hours the second was not seen, and the third is not over."""
    window = Span(world.FROM, world.AS_OF + HOUR)
    found = world.drawn(world.two_vantages(tmp_path), window, world.AS_OF)
    overview, *_ = drawings(world.reported(found, "period", span=window))

    last = {state: start + length for start, length, state in overview["lanes"][0]["segments"]}
    assert last["unknown"] == WHOLE * 2 // 3
    assert [WHOLE * 2 // 3, WHOLE - WHOLE * 2 // 3, "ahead"] in overview["lanes"][0]["segments"]
    assert ["ahead", "encore à venir"] in overview["legend"]


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
