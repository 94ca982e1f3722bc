"""The published form is the one that its page documents: every key, and no other."""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.account import draw, replay, settle
from collector.core.effect import Effect, Moved, effects
from collector.core.published import to_json
from collector.core.record import Line, Outcome, Reason, Sample
from collector.core.timeline import DAY, HOUR, MINUTE, Instant
from tests.core.test_contract import invoiced, settled
from tests.strategies import Journal, calendar, contract, instant, probe, renumbered, service

PAGE = Path("collector/core/ACCOUNT.md")
MAPS = {
    "readings", "excluded", "deducted", "quantiles", "months", "base.invoices", "credit",
    "figures.before", "figures.after",
}  # fmt: skip
"""Objects whose keys are data, or told in a sentence."""


def documented() -> dict[str, set[str]]:
    """Section → the keys that its table names."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]:
        heading, *lines = section.splitlines()
        cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
        found[heading] = {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}
    return found


def keys(value: Any, place: str = "") -> Iterator[str]:
    """The paths of all that is no object and no list of objects."""
    if isinstance(value, dict):
        for key, part in value.items():
            if place in MAPS and not (place == "credit" and isinstance(part, dict)):
                yield f"{place}.*"
            else:
                yield from keys(part, f"{place}.{'*' if place in MAPS else key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for part in value:
            yield from keys(part, place)
    else:
        yield place


def journal() -> list[Line]:
    """Two days of everything: outages, slow answers, a lost object, and papers of each kind."""
    promised = (
        "internet.access", "load-balancer.availability", "internal-network.latency",
        "object-storage.durability", "block-storage.iops",
    )  # fmt: skip
    made = (
        Journal().start().clock().plan([service("s", *promised, witnesses=1)], [probe(every=600, burst=60)])
    )
    made.declare(
        "t", "ticket", 1, number="T", severity=1, opened=instant(3600), complete=instant(3600), scope=("*",),
        waiting=((instant(3605), instant(3606)),), first_answer=instant(4000), solved=instant(9000),
    )  # fmt: skip
    made.declare(
        "m", "planned-maintenance", 2, standing="accepted", scope=("s",), spans=((9000, 9001),), sent=0
    )
    made.declare(
        "f", "force-majeure", 3, standing="accepted", scope=("s",), spans=((3700, 3800),), why="storm"
    )
    made.declare("z", "deployment", 4, account="a", zones=("r-a", "r-b"))
    for month in ("2026-08", "2026-09"):
        made.declare(
            f"i-{month}", "invoice", 5, account="a", month=month, amount_cents=9_00, issued=instant(0)
        )
    made.seen("oooooo", 0, 600).seen("x" * 150, 3600, 60).seen("ox" + "o" * 200, 12_600, 600)
    made.sample(140_000, value=MINUTE).sample(140_600, value=None)
    notice = {"services": ("s",), "number": "1", "state": "delivered", "possible": ((3000, 13_000),)}
    made.declare("n", "notice", 141_000, sent=141_000, received=141_000, **notice)
    made.declare(
        "c", "credit", 141_001, account="a", claim="x", amount_cents=1, month="2026-08", expires=instant(9e6)
    )
    return [*made.lines, *canary(len(made.lines))]


def canary(seq: int) -> Iterator[Line]:
    for k, (did, outcome) in enumerate(
        [("written", "ok"), ("read", "ok"), ("read", "failed"), ("read", "failed")]
    ):
        sent = instant(142_000 + 600 * k)
        yield Sample(
            seq=seq + k, at=sent + 1, probe="p", slot=sent, covers=1, sent=sent, done=sent + 1,
            outcome=Outcome(outcome), reason=Reason.CONTENT if outcome == "failed" else Reason.NONE,
            value=None, error=0, phases={}, facts={"object": "o", "did": did},
        )  # fmt: skip


@pytest.fixture(scope="module")
def published() -> list[dict[str, Any]]:
    """The account all-safe, and with excluded time out of the period."""
    as_of: Instant = instant(0) + 2 * DAY - HOUR
    evidence = replay({"v-1": journal()}, contract(), as_of)
    found = []
    for readings in ({}, {"excluded-time": "leaves-period"}):
        given: dict[str, Any] = {"as_of": as_of, "readings": readings, "asked": ("trailing", "worst")}
        account = draw(evidence, contract(), calendar(), **given)
        moves = effects(evidence, contract(), calendar(), **given)
        found.append(json.loads(json.dumps(to_json(account, settle(account), moves))))
    return found


def test_the_page_documents_every_key_and_no_other(published: list[dict[str, Any]]) -> None:
    page, found = documented(), dict[str, set[str]]()
    for section in page:
        if section == "top level":
            found[section] = {f"{key}.*" if key == "readings" else key for key in published[0]} | {"damage"}
        else:
            here = {key for account in published for key in keys(account[section])}
            # What is null or empty in one place is told by what it holds in another.
            found[section] = here - {key for key in here if any(o.startswith(f"{key}.") for o in here)}

    assert {
        section: page[section] - found[section] for section in page if page[section] - found[section]
    } == {}
    assert {
        section: found[section] - page[section] for section in page if found[section] - page[section]
    } == {}


def test_every_list_has_something_to_document(published: list[dict[str, Any]]) -> None:
    empty = {key for account in published for key, value in account.items() if value == []}

    assert empty <= {"flags"}


def test_every_list_has_a_section(published: list[dict[str, Any]]) -> None:
    lists = {key for key, value in published[0].items() if isinstance(value, list)}

    assert lists - documented().keys() == {"flags", "blips"}


def exactly(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"


def test_amounts_are_published_as_they_are_drawn() -> None:
    as_of = instant(0) + 2 * DAY - HOUR
    evidence = replay({"v-1": journal()}, contract(), as_of)
    account = draw(evidence, contract(), calendar(), as_of=as_of)
    settlement = settle(account)
    moves = effects(evidence, contract(), calendar(), as_of=as_of)
    shown = to_json(account, settlement, moves)

    for one, claim in zip(settlement.claims, shown["claims"], strict=True):
        found = one.attainment
        assert claim["attained"] == exactly(found.claimable.best)
        assert claim["target"] == exactly(found.target)
        assert claim["share"] == exactly(one.share)
        assert claim["base"]["cents"] == exactly(one.base.amount)
        assert claim["by_formula"] == exactly(one.by_formula)
        assert claim["after_invoice_cap"] == exactly(one.after_invoice_cap)
        assert claim["credit"] == exactly(one.credit)
        assert claim["credit_cents"] == (None if one.credit is None else int(one.credit))
        assert claim["months"] == {month: exactly(part) for month, part in one.parts.items()}
        assert claim["complete"] is False
    assert any(claim["credit"] is not None for claim in shown["claims"])
    for effect, moved in zip(moves, shown["readings_effect"], strict=True):
        assert moved["credit"] == {
            name: {"before": exactly(before), "after": exactly(after)}
            for name, (before, after) in effect.credit.items()
        }
        for figure, told in zip(effect.figures, moved["figures"], strict=True):
            assert figure.after is not None
            for attainment, short in ((figure.before, told["before"]), (figure.after, told["after"])):
                assert short == {
                    "agreed": attainment.agreed,
                    "observed": attainment.down,
                    "net": attainment.net.amount,
                    "claimable": attainment.claimable.amount,
                    "best": exactly(attainment.net.best),
                    "claimable_best": exactly(attainment.claimable.best),
                    "finding": attainment.finding,
                    "claim_finding": attainment.claim_finding,
                }
    assert any(effect.figures for effect in moves)


def test_what_is_not_known_before_an_invoice_is_published_as_null_and_never_as_nothing() -> None:
    made = invoiced()
    made.lines = renumbered([line for line in made.lines if getattr(line, "kind", "") != "invoice"])

    (claim,) = to_json(*settled(contract(), made))["claims"]

    assert claim["share"] is not None
    assert (claim["base"]["cents"], claim["base"]["invoices"], claim["months"]) == (None, {}, {})
    unknown = ("by_formula", "after_invoice_cap", "credit", "credit_cents")
    assert {key: claim[key] for key in unknown} == dict.fromkeys(unknown)


def test_a_contract_that_limits_no_liability_publishes_none() -> None:
    without = msgspec.structs.replace(contract(), liability=None)

    assert [one["liability"] for one in to_json(*settled(without, invoiced()))["claims"]] == [None]


def test_where_all_of_an_outage_is_reserved_nothing_is_due() -> None:
    """A notice that leaves out the last centisecond, which may have been downtime, leaves that open."""
    made, whole = invoiced(), {"services": ("s",), "state": "delivered", "possible": ((0, 28 * 3600),)}
    (partly,) = to_json(*settled(contract(), made))["reservations"]
    made.declare("whole", "notice", 28 * 3600, sent=28 * 3600, received=28 * 3600, **whole)
    (wholly,) = to_json(*settled(contract(), made))["reservations"]

    assert partly["due"]["safe"] == partly["open"][0].start + 48 * HOUR
    assert (wholly["due"], wholly["open"]) == (None, ())


def test_a_figure_that_a_reading_leaves_undrawn_has_no_after() -> None:
    account, settlement = settled(contract(), invoiced())
    effect = Effect("window", "x", (Moved(account.attainments[0], None),), {})

    (shown,) = to_json(account, settlement, [effect])["readings_effect"]

    assert [one["after"] for one in shown["figures"]] == [None]
