"""What is odd about declarations and journals is told, with the line, and has a result that is known."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.account import draw, replay, settle
from collector.core.claim import BLOCKING
from collector.core.correction import stated
from collector.core.credit import books
from collector.core.flags import flags
from collector.core.published import to_json
from collector.core.record import AtLeast, Probe, Service
from collector.core.timeline import HOUR, Span
from collector.errors import UncountableJournal, UsageError
from tests.strategies import (
    T0,
    Journal,
    S,
    account,
    attainment,
    calendar,
    contract,
    instant,
    probe,
    service,
    watched,
)

CORE = Path("collector/core")
OF_FIGURES = ("unwitnessed", "clock-untrusted", "lines-missing", "rules-differ", *BLOCKING)
DAYS = 86_400
NOTICE: dict[str, Any] = {
    "number": "1", "services": ("s",), "possible": ((0, 60),), "state": "sent", "sent": 90, "received": 90,
}  # fmt: skip
CLAIM: dict[str, Any] = {
    "number": "1", "statement": "st", "amount_cents": 1, "state": "sent", "account": "a",
    "commitment": "load-balancer.availability", "services": ("s",), "certain": ((0, 60),),
}  # fmt: skip
INVOICE: dict[str, Any] = {"account": "a", "month": "2026-08", "amount_cents": 1, "issued": T0}
ARREARS: dict[str, Any] = {"account": "a", "spans": ((0, 60),)}
DEPLOYMENT: dict[str, Any] = {"account": "a", "zones": ("r-a",), "from_": 0}
CREDIT: dict[str, Any] = {
    "account": "a", "claim": "c", "amount_cents": 1, "month": "2026-08", "expires": T0 + HOUR,
}  # fmt: skip
TICKET: dict[str, Any] = {"number": "1", "severity": 1, "opened": T0, "scope": ("s",)}


def told(id: str, kind: str, **fields: Any) -> list[str]:
    """The flags of an account in whose journal that is declared, without the line that each names."""
    made = watched("oo").declare(id, kind, **fields)
    place = f" (v-1:{made.lines[-1].seq})"
    raised = account(made, until=600).flags
    assert all(flag.endswith(place) for flag in raised)
    return [flag.removesuffix(place) for flag in raised]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("notice", NOTICE), ("claim", CLAIM), ("invoice", INVOICE), ("arrears", ARREARS),
        ("deployment", DEPLOYMENT), ("ticket", TICKET), ("note", {"text": "t"}),
        ("suspension", {"spans": ((0, 60),), "scope": ("r",), "standing": "refused"}),
    ],
)  # fmt: skip
def test_nothing_is_said_about_what_is_in_order(kind: str, fields: dict[str, Any]) -> None:
    assert told("d", kind, **fields) == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("notice", {**NOTICE, "services": ("s", "nil")}),
        ("claim", {**CLAIM, "services": ("nil",)}),
        ("ticket", {**TICKET, "scope": ("nil",)}),
        ("suspension", {"spans": ((0, 60),), "scope": ("r", "nil"), "standing": "accepted"}),
    ],
)
def test_a_service_that_no_plan_has_is_named(kind: str, fields: dict[str, Any]) -> None:
    assert told("d", kind, **fields) == ['unknown-scope: d: no plan has "nil"']


@pytest.mark.parametrize("name", ["*", "r"])
def test_a_notice_names_services_and_no_region(name: str) -> None:
    """A scope may be a region or everything; a reservation says what it reserves."""
    assert told("d", "notice", **{**NOTICE, "services": (name,)}) == [
        f'unknown-scope: d: no plan has "{name}"'
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("claim", CLAIM), ("invoice", INVOICE), ("arrears", ARREARS), ("deployment", DEPLOYMENT)],
)
def test_an_account_that_no_plan_has_is_named(kind: str, fields: dict[str, Any]) -> None:
    assert told("d", kind, **{**fields, "account": "nil"}) == ['unknown-account: d: no plan has "nil"']


def test_a_claim_about_what_the_contract_does_not_promise_is_told() -> None:
    assert told("d", "claim", **{**CLAIM, "commitment": "tea.hot"}) == [
        f'unknown-commitment: d: {contract().id} has no "tea.hot"'
    ]


def test_a_credit_for_nothing_that_was_claimed_is_told() -> None:
    made = watched("oo").declare("k", "claim", **CLAIM)

    assert told("d", "credit", **CREDIT) == ['unknown-claim: d: no claim of its account is called "c"']
    for id, claim in (("d", "k"), ("e", "1")):  # by its id, or by its number
        made.declare(id, "credit", **{**CREDIT, "claim": claim})
    assert account(made, until=600).flags == ()


def test_a_credit_for_what_another_account_claimed_is_told() -> None:
    """Each account has its own contract, and may give its claims the same numbers."""
    made = watched("oo").declare("k", "claim", **CLAIM)
    made.declare("d", "credit", **{**CREDIT, "account": "b", "claim": "1"})

    assert [flag.partition(" (")[0] for flag in account(made, until=600).flags] == [
        'unknown-account: d: no plan has "b"',
        'unknown-claim: d: no claim of its account is called "1"',
    ]


def test_of_two_invoices_of_one_month_the_lower_counts_and_both_are_told() -> None:
    made = watched("oo").declare("d", "invoice", **INVOICE)
    made.declare("e", "invoice", **{**INVOICE, "month": "2026-07"})
    made.declare("f", "invoice", **{**INVOICE, "amount_cents": 9})

    assert [flag.partition(" (")[0] for flag in account(made, until=600).flags] == [
        'invoiced-twice: d: "f" is of 2026-08 too; the lower of them counts',
        'invoiced-twice: f: "d" is of 2026-08 too; the lower of them counts',
    ]


def test_the_lower_of_two_invoices_is_on_the_books() -> None:
    made = (
        watched("oo")
        .declare("d", "invoice", **{**INVOICE, "amount_cents": 9})
        .declare("e", "invoice", **INVOICE)
    )
    made.declare("f", "invoice", **{**INVOICE, "amount_cents": 5})
    found = account(made, until=600)

    assert books("a", found.ground.declarations, calendar()).invoiced("2026-08") == 1


def test_an_invoice_of_another_account_is_no_rival() -> None:
    made = watched("oo").declare("d", "invoice", **INVOICE)
    made.declare("e", "invoice", **{**INVOICE, "account": "b"})

    assert [flag.split(": ")[0] for flag in account(made, until=600).flags] == ["unknown-account"]


def test_an_account_is_known_from_a_service_or_by_itself() -> None:
    made = watched("oo").declare("d", "arrears", **ARREARS)
    told_ = replay({"v-1": made.lines}, contract(), instant(600)).testimonies
    known = stated(told_, instant(600))

    assert flags(known, told_, [service()], [], contract()) == ()
    assert flags(known, told_, [service(account="b")], ["a"], contract()) == ()
    assert len(flags(known, told_, [service(account="b")], [], contract())) == 1


@pytest.mark.parametrize(
    ("kind", "fields", "key"),
    [
        ("notice", {**NOTICE, "possible": ((60, 0),)}, "possible[0]"),
        ("arrears", {**ARREARS, "spans": ((60, 0),)}, "spans[0]"),
        ("claim", {**CLAIM, "certain": ((60, 0),)}, "certain[0]"),
        ("ticket", {**TICKET, "waiting": ((T0 + 60 * S, T0),)}, "waiting[0]"),
    ],
)
def test_a_reversed_span_is_told(kind: str, fields: dict[str, Any], key: str) -> None:
    assert told("d", kind, **fields) == [
        f"malformed: d: {key}: expected an end after the start, got {T0 + 60 * S} to {T0}"
    ]


def test_a_claim_that_names_no_downtime_is_told() -> None:
    assert told("d", "claim", **{**CLAIM, "certain": ()}) == [
        "malformed: d: certain: expected something, got nothing"
    ]
    assert told("d", "notice", **{**NOTICE, "certain": ()}) == []


FAR = 1 << 62
FOREVER = ((-FAR, FAR), (-FAR, 1 - FAR), (FAR - 1, FAR))


@pytest.mark.parametrize("far", [-FAR, FAR])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("planned-maintenance", {"spans": ((0, 60),), "scope": ("s",), "standing": "accepted"}),
        ("notice", NOTICE), ("claim", CLAIM), ("invoice", INVOICE), ("arrears", ARREARS),
        ("deployment", DEPLOYMENT), ("credit", {**CREDIT, "claim": "1"}),
        ("ticket", {**TICKET, "severity": 3}),
    ],
)  # fmt: skip
def test_no_instant_is_too_far_for_an_account(kind: Any, fields: dict[str, Any], far: int) -> None:
    """Dates end somewhere, and what a journal states does not."""
    made = watched("oxxxxo", burst=10).declare("k", "claim", **CLAIM)
    for n, change in enumerate(
        [dict.fromkeys(moments, far) for moments in (("sent", "received"), ("opened", "complete"))]
        + [{key: far} for key in ("issued", "from_", "to", "expires", "solved", "sent")]
        + [{key: FOREVER} for key in ("spans", "certain", "possible", "waiting")]
    ):
        plain = Journal().declare(f"d{n}", kind, **fields).lines[0]
        made.lines.append(msgspec.structs.replace(plain, seq=len(made.lines), **change))
    found = account(made, until=600)
    settled = settle(found)

    assert to_json(found, settled)["flags"]
    assert any(flag.startswith("malformed: ") for flag in found.flags)


def test_what_a_kind_lacks_is_told() -> None:
    assert told("d", "notice") == [
        f"malformed: d: {key}: a declaration of kind notice needs it, got nothing"
        for key in ("number", "services", "possible", "state")
    ]


def test_spans_that_overlap_are_told_and_merged() -> None:
    made = watched("o" + "x" * 50 + "o", burst=10)
    made.declare(
        "d", "force-majeure", standing="accepted", scope=("*",), spans=((100, 200), (150, 250), (90, 110))
    )

    found = account(made, until=600)

    assert [line.amount for line in found.attainments[0].ledger if line.kind == "force-majeure"] == [160 * S]
    assert [flag.split(": ")[:3] for flag in found.flags] == [
        ["malformed", "d", "spans[1]"],
        ["malformed", "d", "spans[2]"],
    ]


def test_arrears_whose_span_is_reversed_stand_against_a_claim_all_the_same() -> None:
    made = watched("oo").declare("d", "arrears", account="a", spans=((300, 200),))

    assert "arrears" in attainment(made, until=600).flags


def test_a_notice_whose_span_is_reversed_reserves_nothing() -> None:
    assert _reserved(possible=((60, 0),), sent=90, received=90) == 0
    assert _reserved(possible=((0, 60),), sent=90, received=90) == round(49.99 * S)


@pytest.mark.parametrize(
    ("sent", "received", "reserved"),
    [
        (90, 90, 49.99),
        (90, 30, 19.99),  # what it documents of the time after it came may have been put in later
        (30, 90, 19.99),  # nobody can document what is still to come
        (2 * DAYS + 40, 90, 19.999999),  # waived by the time that it says it was sent
        (40 * DAYS, 90, 0),
    ],
)
def test_a_notice_covers_what_it_does_both_at_its_sending_and_at_its_arrival(
    sent: float, received: float, reserved: float
) -> None:
    assert _reserved(sent=sent, received=received) == round(reserved * S)
    raised = told("d", "notice", **{**NOTICE, "sent": sent, "received": received})
    assert raised == (
        []
        if sent <= received
        else [
            f"received-before-sent: d: by {round(sent - received) * S} us; "
            "what leaves the customer less counts"
        ]
    )


def _reserved(**changed: Any) -> int:
    """Of an outage that is certain from second 10.01 to 60."""
    made = watched("oxxxxxxo", burst=10).declare("d", "notice", **{**NOTICE, **changed})
    return attainment(made, until=600, as_of=41 * DAYS).claimable.amount


# ------------------------------------------------------------------------------- a journal that says little


def test_an_account_of_no_journal_says_so() -> None:
    found = draw(replay({}, contract(), 0), contract(), calendar(), as_of=0)

    assert found.flags == ("no-journal: no origin has a line, so nothing is known",)


@pytest.mark.parametrize(
    "made",
    [Journal(), Journal().start(-9).clock(-8), watched("oo")],
    ids=["empty", "planless", "later"],
)
def test_an_origin_without_a_plan_by_then_says_so(made: Journal) -> None:
    found = account(made, until=-1, over=(-60, -1))

    assert found.flags == ("no-plan: v-1: it states no plan by then, so nothing that it saw counts",)
    assert (found.attainments, found.outages) == ((), ())


@pytest.mark.parametrize("over", [(-600, -60), (3600, 7200)])
def test_a_window_without_a_sample_is_unknown_and_open(over: tuple[float, float]) -> None:
    """Before the first plan, or after the last sample."""
    found = attainment(watched("oo"), until=9000, over=over)

    assert found.finding == "OPEN"
    assert (found.unknown, found.coverage) == (found.agreed, Fraction(0))
    assert found.agreed == round(over[1] - over[0]) * S


@pytest.mark.parametrize("end", [0, -60])
def test_a_window_that_ends_before_it_has_begun_is_refused(end: int) -> None:
    evidence = replay({"v-1": watched("oo").lines}, contract(), instant(600))

    with pytest.raises(UsageError, match=f"expected an end after the start, got {T0} to {instant(end)}"):
        draw(evidence, contract(), calendar(), as_of=instant(600), asked=(Span(T0, instant(end)),))


# --------------------------------------------------------------------------------------------------- plans


def test_a_probe_of_a_service_that_no_plan_has_is_told_once_however_often_its_origin_starts() -> None:
    astray = [probe(), probe("q", "nil"), probe("r", "nil")]
    here, there = (
        Journal(name, name)
        .start()
        .clock()
        .plan([service()], astray)
        .start(100)
        .plan([service()], astray, 100)
        for name in ("v-1", "w-1")
    )

    place = here.lines[2].seq
    assert account(here, there, until=600).flags == tuple(
        f'unknown-service: {name}: no plan has "nil", so it sees for nobody ({origin}:{place})'
        for origin in ("v-1", "w-1")
        for name in ("q", "r")
    )


def test_a_control_probe_is_of_no_service_and_nothing_is_said_about_it() -> None:
    made = Journal().start().clock().plan([service()], [probe(), probe("c", "", role="control")])

    assert account(made, until=600).flags == ()


def failing(*equivalents: str) -> Journal:
    """A service and its equivalent, both seen to fail."""
    services = [service("s", equivalents=equivalents), service("t")]
    made = Journal().start().clock().plan(services, [probe(burst=10), probe("q", "t", burst=10)])
    return made.seen("oxxxoo").seen("oxxxoo", probe="q").in_order()


def test_an_equivalent_that_no_plan_has_is_told_and_leaves_nothing_down() -> None:
    known, astray = failing("t"), failing("t", "nil")

    found = account(astray, until=600)

    assert account(known, until=600).flags == ()
    assert found.flags == (
        f'unknown-equivalent: s: no plan has "nil", so it is never known down (v-1:{astray.lines[2].seq})',
    )
    assert [outage.service for outage in account(known, until=600).outages] == ["s", "t"]
    assert [outage.service for outage in found.outages] == ["t"]


def test_what_another_origin_plans_is_known() -> None:
    here = Journal().start().clock().plan([service(equivalents=("t",))], [probe(), probe("q", "t")])
    there = Journal("w-1", "w").start().clock().plan([service("t")], [probe("q", "t")])

    assert account(here, there, until=600).flags == ()


@pytest.mark.parametrize(
    ("services", "probes", "why"),
    [
        ([service(), service()], [probe()], 'has 2 services called "s"'),
        ([service()], [probe(), probe(), probe()], 'has 3 probes called "p"'),
        ([service(down_when=AtLeast(0))], [probe()], 'has service "s" down at_least 0'),
    ],
)
def test_a_plan_that_cannot_be_counted_by_is_refused_with_its_line(
    services: list[Service], probes: list[Probe], why: str
) -> None:
    """A probe that is there twice would be two of those that it takes."""
    made = Journal().start().clock().plan(services, probes)

    with pytest.raises(UncountableJournal, match=re.escape(f"v-1:{made.lines[2].seq}: a plan {why}")):
        account(made, until=600)
    assert account(made, until=600, as_of=-1).flags[0].startswith("no-plan")


def test_a_service_may_be_down_with_its_only_probe() -> None:
    made = Journal().start().clock().plan([service(down_when=AtLeast(1))], [probe(burst=10)])

    assert len(account(made.seen("oxxxoo"), until=600).outages) == 1


# ---------------------------------------------------------------------------------------------- their page


def test_the_page_lists_every_kind_of_flag_and_no_other() -> None:
    """Kinds are what stands before a colon, or is yielded as one."""
    page = (CORE / "FLAGS.md").read_text()
    listed = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", "".join(re.findall(r"^\| (`.*?) \|", page, re.M))))
    source = "".join((CORE / name).read_text() for name in ("flags.py", "correction.py"))
    raised = set(re.findall(r"""["']([a-z]+(?:-[a-z]+)*): (?!\{why)""", source))
    raised |= set(re.findall(r"""yield "([a-z]+(?:-[a-z]+)*)", """, source))

    assert raised >= {"no-plan", "unknown-scope", "corrected-twice", "malformed"}
    assert raised <= listed
    assert listed - raised == set(OF_FIGURES)
