"""The account as a whole: its published form, its flags, its readings, and what it refuses."""

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from collector.core.account import Account, draw, replay, settle
from collector.core.contract import InForce
from collector.core.published import to_json
from collector.core.record import Outcome, Reason
from collector.core.timeline import Span
from collector.errors import UncountableJournal, UsageError
from tests.strategies import (
    Journal,
    S,
    account,
    attainment,
    calendar,
    contract,
    control,
    instant,
    probe,
    seconds,
    service,
    watched,
)


def flags(journal: Journal, **more: Any) -> tuple[str, ...]:
    return attainment(journal, until=100, **more).flags


def test_the_published_form_says_everything_in_integers_and_fractions() -> None:
    journal = watched("oxxxo", burst=10).declare(
        "f", "force-majeure", standing="accepted", scope=("*",), spans=((12, 15),), why="storm"
    )

    found = json.loads(json.dumps(to_json(account(journal, until=40.01))))

    assert found["version"] == 1
    assert found["as_of"] == instant(40.01)
    assert found["contract"] == "outscale-cgv-2019-12"
    assert found["readings"] == contract().all_safe()
    (attained,) = found["attainments"]
    ledger = attained.pop("ledger")
    assert attained == {
        "commitment": "load-balancer.availability",
        "service": "s",
        "window": {"kind": "given", "start": instant(0), "end": instant(40.01)},
        "agreed": 40_010_000,
        "states": {"up": 0, "down": 19_990_000, "edge": 20_020_000, "unknown": 0},
        "excluded": {},
        "graces": [],
        "deducted": {"force-majeure": 3 * S, "unreserved": 16_990_000},
        "net": 16_990_000,
        "claimable": 0,
        "best": "2302/4001",
        "worst": "300/4001",
        "observed_best": "2002/4001",
        "observed_worst": "0/1",
        "claimable_best": "1/1",
        "claimable_worst": "1/1",
        "target": "499/500",
        "finding": "MISSED",
        "claim_finding": "MET",
        "coverage": "1/1",
        "flags": ["unwitnessed"],
    }
    assert ledger[0] == {
        "kind": "force-majeure",
        "amount": 3 * S,
        "spans": [[instant(12), instant(15)]],
        "because": ["f"],
    }
    assert found["outages"] == [
        {
            "id": f"s@{instant(0)}",
            "service": "s",
            "certain": [[instant(10.01), instant(30)]],
            "possible": [[instant(0), instant(40.01)]],
            "open": True,
            "incident": None,
        }
    ]
    assert found["deductions"][0]["why"] == "storm"
    for later in ("durability", "tickets", "reservations", "claims", "readings_effect"):
        assert found[later] == []


def test_an_outage_names_the_incident_that_it_makes() -> None:
    found = to_json(account(watched("oxxxoo", "internet.access", burst=10), until=100))

    assert found["outages"][0]["incident"] == found["incidents"][0]["id"]


def test_the_same_evidence_gives_the_same_bytes() -> None:
    def text() -> str:
        return json.dumps(to_json(account(watched("oxxxoo", burst=10), until=100)))

    assert text() == text()


# ------------------------------------------------------------------------------------------------- readings


def test_a_reading_moves_from_safe_one_at_a_time() -> None:
    journal = watched("o", every=1)
    for k in range(1, 9):
        journal.sample(k, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)

    safe, moved = (
        account(journal.sample(9), until=20, readings=readings)
        for readings in ({}, {"platform-throttle": "unavailable"})
    )

    assert safe.readings == contract().all_safe()
    assert moved.readings == {**contract().all_safe(), "platform-throttle": "unavailable"}
    assert (safe.attainments[0].down, len(safe.outages)) == (0, 0)
    assert (moved.attainments[0].down, len(moved.outages)) == (7 * S - 10_000, 1)


@pytest.mark.parametrize("moved", [{"no-such": "x"}, {"overrun": "never"}])
def test_an_unknown_reading_is_refused_with_the_known_ones(moved: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match=r"expected one of .*, overrun=as-announced\|until-it-ends, "):
        account(watched("oo"), until=20, readings=moved)


# ------------------------------------------------------------------------------------------------- flags


def test_controls_take_the_flag_away() -> None:
    journal = Journal().start().clock().plan([service()], [probe(), control()])

    assert "unwitnessed" in flags(watched("oo"))
    assert flags(journal.seen("oo").seen("oo", 0.001, probe="control").in_order()) == ()


def test_a_figure_that_rests_on_a_bad_clock_says_so() -> None:
    bad = watched("oooo").clock(31, synced=0).clock(50)

    assert "clock-untrusted" in flags(bad)
    assert "clock-untrusted" not in flags(bad, over=(0, 31))
    assert "clock-untrusted" in flags(watched("oo", clocked=False))


def test_missing_lines_are_said() -> None:
    journal = watched("oooo")
    del journal.lines[4]

    assert "lines-missing" in flags(journal)


@pytest.mark.parametrize("target", ["many", "120 %", "0"])
def test_a_plan_with_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(UncountableJournal, match=rf'service "s": a plan .* got "{target}"'):
        attainment(watched("oo", targets={"load-balancer.availability": target}))


def test_a_plan_may_promise_everything() -> None:
    made = watched("oo", targets={"load-balancer.availability": "100 %"})

    assert attainment(made, over=(0, 10), until=20).target == 1


def test_rules_that_differed_for_a_while_are_said_where_they_did() -> None:
    """A new plan that comes to one vantage point at 21, and to the other at 25."""
    here, there = (Journal(f"{v}-1", v).start().plan([service()], [probe()], 0).clock(0) for v in "vw")
    for journal, turned in ((here, 21), (there, 25)):
        journal.seen("ooo").plan([service(down_when="any")], [probe()], turned).seen("ooo", 30)

    assert "rules-differ" in attainment(here, there, until=60).flags
    assert "rules-differ" in attainment(here, there, until=60, over=(24, 50)).flags
    assert "rules-differ" not in attainment(here, there, until=60, over=(25, 50)).flags


def test_a_starred_commitment_needs_every_zone() -> None:
    starred = "object-storage.access-api"

    def deployed(*zones: str, **span: float) -> Journal:
        return watched("oo", starred).declare("d", "deployment", account="a", zones=zones, **span)

    assert "not-all-zones" in flags(watched("oo", starred))
    assert "not-all-zones" in flags(deployed("r-a"))
    assert "not-all-zones" in flags(deployed("r-a", "r-b", from_=50))
    assert "not-all-zones" not in flags(deployed("r-a", "r-b"))
    assert "not-all-zones" not in flags(deployed("r-a", "r-b", from_=0, to=100))
    assert "not-all-zones" not in flags(watched("oo"))


def test_zones_that_lie_in_the_future_need_no_proof_yet() -> None:
    journal = watched("oo", "object-storage.access-api")
    journal.declare("d", "deployment", account="a", zones=("r-a", "r-b"), from_=0, to=100)

    assert "not-all-zones" not in flags(journal, over=(0, 500))


def test_arrears_in_the_period_or_until_now_are_said() -> None:
    journal = watched("oo").declare("d", "arrears", account="a", spans=((150, 160),))

    assert "arrears" not in flags(journal)
    assert "arrears" in flags(journal, as_of=200)
    assert "arrears" not in flags(watched("oo").declare("d", "arrears", account="b", spans=((0, 60),)))


def test_a_contract_that_was_not_in_force_is_said() -> None:
    before = msgspec.structs.replace(
        contract(), in_force=InForce(clause="5", since="2019-12-01", until="2026-09-21")
    )
    since = msgspec.structs.replace(contract(), in_force=InForce(clause="5", since="2026-09-22"))

    assert "contract-not-in-force" in flags(watched("oo"), by=before)
    assert "contract-not-in-force" in flags(watched("oo"), by=since)
    assert "contract-not-in-force" not in flags(watched("oo"))


# ------------------------------------------------------------------------------------------------- targets


def test_special_conditions_derogate() -> None:
    journal = watched("oo", targets={"load-balancer.availability": "99.95 %"})

    assert attainment(journal, until=20).target == Fraction(9995, 10000)
    assert attainment(watched("oo"), until=20).target == Fraction(998, 1000)


def test_a_target_that_changes_in_a_window_counts_at_its_lowest() -> None:
    journal = watched("oo", targets={"load-balancer.availability": "99.95 %"})
    journal.plan([service(targets={"load-balancer.availability": "99 %"})], [probe()], 50)

    assert attainment(journal, until=100).target == Fraction(99, 100)
    assert attainment(journal, until=100, over=(0, 40)).target == Fraction(9995, 10000)


def test_every_commitment_of_every_service_has_its_attainment() -> None:
    services = [
        service("t", "internet-services.dns"),
        service("s", "compute.command-api", "internet.command-api"),
    ]
    journal = Journal().start().clock().plan(services, [probe(), probe("q", "t")]).seen("oo")

    found = account(journal, until=20)

    assert [(a.service, a.commitment) for a in found.attainments] == [
        ("s", "compute.command-api"),
        ("s", "internet.command-api"),
        ("t", "internet-services.dns"),
    ]
    assert found.attainments[2].unknown == 20 * S


def test_what_is_no_availability_has_no_attainment() -> None:
    found = account(watched("oo", "object-storage.durability", "internal-network.latency"), until=20)

    assert found.attainments == ()
    assert [one.commitment for one in found.latency] == ["internal-network.latency"]


def test_a_commitment_that_the_contract_lacks_is_refused_by_name() -> None:
    with pytest.raises(
        UncountableJournal,
        match=r'service "s": contract .* has no commitment "no\.such"; draw the '
        r"account by the contract that the plan names$",
    ):
        account(watched("oo", "no.such"), until=20)


# -------------------------------------------------------------------------------------------------- in time


def test_an_account_knows_nothing_that_was_written_later() -> None:
    early = account(watched("oxxxooo", burst=10), until=25)
    same = account(watched("oxx", burst=10), until=25)

    assert to_json(early) == to_json(same)


def test_windows_are_those_of_each_commitment() -> None:
    services = [service("s", "compute.command-api", "internet.access")]
    journal = Journal().start().clock().plan(services, [probe()]).seen("oo")
    evidence = replay({"v-1": journal.lines}, contract(), instant(20))

    def drawn(*asked: Any) -> Account:
        return draw(evidence, contract(), calendar(), as_of=instant(20), asked=asked)

    assert [a.window.kind for a in drawn("trailing").attainments] == ["trailing", "trailing"]
    month, year = (a.window.span for a in drawn("trailing").attainments)
    assert month.start == calendar().shift(instant(20), -1)
    assert year.start == calendar().shift(instant(20), -12)
    assert len(drawn("trailing", "calendar").attainments) == 6


def test_an_account_of_nothing_is_empty() -> None:
    found = draw(replay({}, contract(), 0), contract(), calendar(), as_of=0)

    assert (found.attainments, found.outages, found.latency) == ((), (), ())
    assert json.dumps(to_json(found))


def test_several_origins_are_one_account() -> None:
    rules = service(down_when="all")
    here = Journal("v-1", "v").start().clock().plan([rules], [probe(burst=10)]).seen("xxxx")
    there = Journal("w-1", "w").start().clock().plan([rules], [probe(burst=10)]).seen("oxxo", 0.001)

    found = attainment(here, there, until=40)

    assert found.down == 10 * S - 10_000


def test_guaranteed_iops_are_a_share_of_time_with_their_own_target() -> None:
    found = attainment(watched("o" * 8 + "xx" + "oo", "block-storage.iops", burst=10), until=110)

    assert (found.commitment, found.target, found.down) == ("block-storage.iops", Fraction(9, 10), 9_990_000)
    assert (found.net.best, found.finding) == (Fraction(10_001, 11_000), "OPEN")


def test_a_contract_without_grace_has_no_network_incidents_and_spares_nothing() -> None:
    bare = msgspec.structs.replace(contract(), grace=None)

    found = account(watched("oxxxoo", "internet.access", burst=10), until=100, by=bare)

    assert found.incidents == ()
    assert found.attainments[0].net.amount == found.attainments[0].down == 19_990_000


def test_of_evidence_that_reaches_further_only_what_was_declared_by_then_counts() -> None:
    """R1: the index knows all that came since; an account of last week does not."""
    made = watched("oxxxoo", burst=10).declare("f", "force-majeure", 90, spans=((10, 20),), scope=("*",))
    evidence = replay({made.origin: made.lines}, contract(), instant(100))

    known = [
        [one.id for one in draw(evidence, contract(), calendar(), as_of=instant(at)).deductions]
        for at in (89, 90)
    ]

    assert known == [[], ["f"]]


def test_an_account_shows_what_its_figures_were_drawn_from() -> None:
    found = account(watched("oxxxoo", burst=10), until=100)

    ((span, watch),) = found.watched["s"]
    assert (span, [one.probe for one in watch.probes]) == (Span(instant(0), instant(100)), ["p"])
    assert seconds(found.states["s"].down) == [(10.01, 30)]
    assert found.runs["s"].outages == found.outages
    assert [stake.commitment.id for stake in found.stakes["s"]] == ["load-balancer.availability"]
    assert (found.ground.as_of, found.ground.readings) == (instant(100), found.readings)


def test_where_nothing_was_kept_of_an_origin_no_value_and_no_object_counts() -> None:
    """An index may know the states of an origin before it knows its values."""
    promised = "internal-network.latency", "object-storage.durability"
    made = Journal().start().clock().plan([service("s", *promised)], [probe()])
    made.sample(0, value=5, facts={"object": "o", "did": "written"})
    evidence = replay({made.origin: made.lines}, contract(), instant(10))

    kept, lost = (
        draw(of, contract(), calendar(), as_of=instant(10))
        for of in (evidence, evidence._replace(latencies={}, objects={}))
    )

    assert [(one.service, one.within) for one in kept.latency] == [("s", 1)]
    assert [(one.service, one.written) for one in kept.durability] == [("s", 1)]
    assert [(one.service, one.within) for one in lost.latency] == [("s", 0)]
    assert [(one.service, one.written) for one in lost.durability] == [("s", 0)]


@pytest.mark.parametrize(
    ("noticed", "as_of", "shown"),
    [(False, 100, True), (True, 100, True), (True, 4 * 86_400, True), (False, 4 * 86_400, False)],
    ids=["may be reserved", "is reserved", "was reserved", "was let go"],
)
def test_an_outage_before_the_window_is_told_while_there_is_something_to_say(
    noticed: bool, as_of: float, shown: bool
) -> None:
    made = watched("oxxxoo", burst=10)
    if noticed:
        told: dict[str, Any] = {"services": ("s",), "state": "delivered", "possible": ((0, 50),)}
        made.declare("n", "notice", 90, sent=90, received=90, **told)

    found = settle(account(made, until=99, as_of=as_of, over=(60, 99)))

    assert [one.service for one in found.reservations] == (["s"] if shown else [])


def test_of_what_no_availability_was_promised_nothing_is_reserved() -> None:
    found = settle(account(watched("oxxxoo", "internal-network.latency", burst=10), until=99))

    assert found.reservations == ()
