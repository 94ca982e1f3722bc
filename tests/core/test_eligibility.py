"""What stands against a claim without being time (D4), each by itself."""

import msgspec
import pytest

from collector.core.account import replay
from collector.core.contract import InForce
from collector.core.eligibility import Eligibility, newest_accounts
from collector.core.record import Account, Declaration
from collector.core.timeline import Span
from tests.strategies import Journal, calendar, contract, instant, probe, service

STARRED = contract().commitment("support.response")
PLAIN = contract().commitment("load-balancer.availability")
OVER = Span(instant(100), instant(200))


def eligibility(
    *declared: Declaration, zones: tuple[str, ...] = ("r-a", "r-b"), as_of: float = 300
) -> Eligibility:
    return Eligibility(
        contract=contract(),
        calendar=calendar(),
        accounts={
            "a": Account(id="a", region="r", zones=zones),
            "b": Account(id="b", region="r", zones=zones),
        },
        declarations=declared,
        as_of=instant(as_of),
    )


def deployed(account: str, *zones: str, start: float | None = None, end: float | None = None) -> Declaration:
    edges = (None if at is None else instant(at) for at in (start, end))
    begins, ends = edges
    return Declaration(
        seq=0, at=0, id="d", kind="deployment", by="x", account=account, zones=zones, from_=begins, to=ends
    )


@pytest.mark.parametrize(
    ("declared", "barred"),
    [
        ((), True),
        ((deployed("a", "r-a", "r-b"),), False),
        ((deployed("a", "r-a"), deployed("a", "r-b")), False),
        ((deployed("a", "r-a"),), True),
        ((deployed("b", "r-a", "r-b"),), True),
        ((deployed("a", "r-a"), deployed("b", "r-b")), True),
        ((deployed("a", "r-a", "r-b", start=100, end=200),), False),
        ((deployed("a", "r-a", "r-b", start=101),), True),
        ((deployed("a", "r-a", "r-b", end=199),), True),
    ],
)
def test_a_starred_commitment_needs_every_zone_all_the_time(
    declared: tuple[Declaration, ...], barred: bool
) -> None:
    found = eligibility(*declared).against(STARRED, (), {"a"}, OVER)

    assert found == (("not-all-zones",) if barred else ())
    assert eligibility(*declared).against(PLAIN, (), {"a"}, OVER) == ()


def test_zones_need_no_proof_for_what_is_still_to_come() -> None:
    until_now = deployed("a", "r-a", "r-b", end=150)

    assert eligibility(until_now, as_of=150).against(STARRED, (), {"a"}, OVER) == ()
    assert eligibility(until_now, as_of=151).against(STARRED, (), {"a"}, OVER) == ("not-all-zones",)


def test_whose_zones_or_account_nobody_knows_has_no_proof() -> None:
    everywhere = deployed("a", "r-a", "r-b")

    assert eligibility(everywhere, zones=()).against(STARRED, (), {"a"}, OVER) == ("not-all-zones",)
    assert eligibility(everywhere).against(STARRED, (), {"c"}, OVER) == ("not-all-zones",)
    assert eligibility(everywhere).against(STARRED, (), (), OVER) == ("not-all-zones",)
    assert eligibility(everywhere).against(STARRED, (), {"a", "b"}, OVER) == ("not-all-zones",)


@pytest.mark.parametrize(
    ("account", "span", "barred"),
    [
        ("a", (0, 100), False),
        ("a", (0, 101), True),
        ("a", (250, 260), True),
        ("a", (300, 310), False),
        ("b", (100, 200), False),
    ],
)
def test_arrears_bar_from_the_beginning_of_the_period_until_the_claim(
    account: str, span: tuple[float, float], barred: bool
) -> None:
    late = Declaration(
        seq=0,
        at=0,
        id="x",
        kind="arrears",
        by="x",
        account=account,
        spans=((instant(span[0]), instant(span[1])),),
    )

    assert eligibility(late).against(PLAIN, (), {"a"}, OVER) == (("arrears",) if barred else ())


def test_beta_is_of_any_service_that_is_concerned() -> None:
    services = [service("s"), service("t", beta=True)]

    assert eligibility().against(PLAIN, services, {"a"}, OVER) == ("beta",)
    assert eligibility().against(PLAIN, services[:1], {"a"}, OVER) == ()


@pytest.mark.parametrize(
    ("since", "until", "barred"),
    [("2026-09-21", "", False), ("2026-09-22", "", True), ("2019-12-01", "2026-09-22", False),
     ("2019-12-01", "2026-09-21", True)],
)  # fmt: skip
def test_a_contract_is_in_force_by_whole_days(since: str, until: str, barred: bool) -> None:
    """The span lies on 2026-09-21."""
    force = InForce(clause="5", since=since, until=until)
    made = msgspec.structs.replace(contract(), in_force=force)
    usual = eligibility()
    asked = Eligibility(
        contract=made, calendar=usual.calendar, accounts=usual.accounts, declarations=(), as_of=usual.as_of
    )

    assert asked.against(PLAIN, (), {"a"}, OVER) == (("contract-not-in-force",) if barred else ())


def test_the_newest_word_on_an_account_counts_that_was_given_by_then() -> None:
    made = Journal().start()
    for at, zones in ((0, ("r-a",)), (100, ("r-a", "r-b"))):
        made.plan([service()], [probe()], at)
        plan = made.lines[-1]
        made.lines[-1] = msgspec.structs.replace(plan, accounts=(Account(id="a", region="r", zones=zones),))
    (told,) = replay({made.origin: made.lines}, contract(), instant(200)).testimonies

    assert newest_accounts([told], instant(99))["a"].zones == ("r-a",)
    assert newest_accounts([told], instant(100))["a"].zones == ("r-a", "r-b")
