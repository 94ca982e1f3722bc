"""Network incidents and their grace (G1, G2)."""

from collections.abc import Mapping

import pytest

from collector.core.attainment import Attainment
from collector.core.contract import Grace
from collector.core.incident import Incident, Spared, graced, incidents
from collector.core.outage import Outage, runs
from collector.core.timeline import NOTHING, SECOND, duration
from collector.core.verdict import States
from tests.strategies import (
    FAILED,
    OK,
    Journal,
    account,
    at,
    attainment,
    contract,
    instant,
    probe,
    seconds,
    service,
    watched,
)

SAFE = contract().all_safe()
ARGUABLE = contract().all_arguable()
JOINED = {"grace-unit": "joined"}


def grace() -> Grace:
    found = contract().grace
    assert found is not None
    return found


def taken(parts: list[tuple[float, float]], down: list[tuple[float, float]], kind: str) -> int:
    """What is left of `down`, in seconds, when one incident spans all of `parts`."""
    whole = at(*parts)
    incident = Incident(id="i", region="r", certain=whole, possible=whole, outages=())
    found = graced(at(*down), NOTHING, [Spared(incident, whole)], grace(), {**SAFE, "grace-kind": kind})
    return (duration(at(*down)) - duration(found.down)) // SECOND


def told(down: list[tuple[float, float]]) -> list[Outage]:
    edges = [(a - 1, a) for a, _ in down] + [(b, b + 1) for _, b in down]
    ups = [(b + 1, b + 2) for _, b in down]
    return list(runs("s", States(down=at(*down), edge=at(*edges), up=at(*ups))).outages)


@pytest.mark.parametrize(("kind", "left"), [("wall", 190), ("accumulated", 180)])
def test_three_targets_failing_one_after_the_other_are_one_incident(kind: str, left: int) -> None:
    """The rolling failure of facts/slo.md 3.4: 0-100, 110-210, 220-320."""
    assert taken([(0, 100), (110, 210), (220, 320)], [(0, 100), (110, 210), (220, 320)], kind) == left


@pytest.mark.parametrize(("kind", "left"), [("wall", 180), ("accumulated", 90)])
def test_flapping_within_one_incident(kind: str, left: int) -> None:
    """Its second example: 0-30 and 330-510."""
    assert taken([(0, 30), (330, 510)], [(0, 30), (330, 510)], kind) == left


def test_grace_for_each_flap_leaves_a_minute() -> None:
    """The same flaps as incidents of their own."""
    found = incidents(told([(0, 30), (330, 510)]), "r", grace(), SAFE)
    given = [Spared(incident, incident.possible) for incident in found]

    left = duration(at((0, 30), (330, 510))) - duration(
        graced(at((0, 30), (330, 510)), NOTHING, given, grace(), SAFE).down
    )

    assert len(found) == 2
    assert left == 60 * SECOND


@pytest.mark.parametrize(("apart", "expected"), [(120, 1), (121, 2)])
def test_outages_join_when_at_most_two_minutes_lie_between(apart: int, expected: int) -> None:
    second = 101 + apart + 1  # the first is possible until 101, the second from one second before it
    found = incidents(told([(0, 100), (second, second + 50)]), "r", grace(), {**SAFE, **JOINED})

    assert len(found) == expected
    assert len(incidents(told([(0, 100), (second, second + 50)]), "r", grace(), SAFE)) == 2


def test_an_answer_within_an_outage_splits_it_under_the_safe_reading_only() -> None:
    """A run of fail, ok, fail is one outage without UP, and two incidents."""
    journal = watched("oxxxoxxxoo", "internet.access", every=60, burst=60)

    safe, joined = account(journal, until=900), account(journal, until=900, readings=JOINED)

    assert len(safe.outages) == 1
    assert [seconds(i.certain) for i in safe.incidents] == [[(60.01, 180)], [(300.01, 420)]]
    assert [i.id for i in safe.incidents] == [safe.outages[0].id, f"s@{instant(240)}"]
    assert safe.outages[0].id == f"s@{instant(0)}"
    assert [seconds(i.possible) for i in safe.incidents] == [[(0, 240)], [(240, 480.01)]]
    assert {one.incident.region for one in safe.stakes["s"][0].terms.spared} == {"r"}
    assert len(joined.incidents) == 1
    assert safe.attainments[0].net.amount == 0
    assert joined.attainments[0].net.amount == 239_980_000 - 120 * SECOND


def test_a_minute_that_nobody_saw_within_an_outage_does_not_split_it() -> None:
    found = account(watched("oxxx?xxxoo", "internet.access", every=60, burst=60), until=900)

    (outage,), (incident,) = found.outages, found.incidents
    assert seconds(outage.certain) == seconds(incident.certain) == [(60.01, 180), (300.01, 420)]
    assert seconds(incident.possible) == [(0, 180.01), (300, 480.01)]


@pytest.mark.parametrize("scope", ["headed", "access-only"])
def test_a_part_that_is_shorter_than_its_grace_leaves_the_rest_of_that_to_no_other(scope: str) -> None:
    """60 s, an answer, 180 s: two incidents, of which the second alone has downtime left."""
    journal = watched("oxxoxxxxoooo", "internet.access", every=60, burst=60)

    (found,) = account(journal, until=900, readings={"grace-scope": scope}).attainments

    assert [seconds(line.spans) for line in found.graces] == [[(60.01, 120)], [(240.01, 360.01)]]
    assert found.net.amount == 59_990_000


def one_after_the_other(overlap: float) -> Journal:
    """Two probes of one service, each down for half of five minutes, seen once a second."""
    probes = [probe("p", every=1, burst=1), probe("q", every=1, burst=1)]
    journal = Journal().start().clock().plan([service("s", "internet.access", down_when="any")], probes)
    for k in range(400):
        for name, first, last in (("p", 20, 170 + overlap), ("q", 170 - overlap, 320)):
            journal.sample(k, FAILED if first <= k <= last else OK, name, took=0.001)
    return journal.in_order()


@pytest.mark.parametrize("readings", [{}, JOINED, ARGUABLE])
def test_two_probes_failing_one_after_the_other_leave_three_minutes_not_one(
    readings: Mapping[str, str],
) -> None:
    found = account(one_after_the_other(overlap=2), until=400, readings=readings)

    assert [seconds(outage.certain) for outage in found.outages] == [[(20.001, 320)]]
    assert found.attainments[0].net.amount == 299_999_000 - 120 * SECOND


def test_grace_takes_edge_only_where_certain_downtime_is_shorter() -> None:
    """A2: what may have been downtime would have had grace too."""
    short = attainment(watched("oxxxxxxxo", "internet.access", burst=10), until=100)
    long = attainment(watched("o" + "x" * 20 + "o", "internet.access", burst=10), until=300)

    assert (short.net.amount, short.edge) == (0, 20_020_000)
    assert short.net.worst is not None
    assert short.agreed - short.unknown == short.net.worst * short.agreed  # all EDGE is taken too
    assert long.net.amount == 189_990_000 - 120 * SECOND
    assert long.net.worst is not None
    assert long.net.worst * long.agreed == long.agreed - long.net.amount - long.edge - long.unknown


def two_services(second: str, **more: object) -> Journal:
    """Internet access down from 60.01 to 360, and another service with it, from 120.01 to 540."""
    services = [service("s", "internet.access"), service("t", second, **more)]
    probes = [probe("p", "s", every=60, burst=60), probe("q", "t", every=60, burst=60)]
    journal = Journal().start().clock().plan(services, probes)
    return journal.seen("oxxxxxxooooo", 0, 60, "p").seen("ooxxxxxxxxoo", 0.001, 60, "q").in_order()


@pytest.mark.parametrize(
    ("commitment", "via", "scope", "spared"),
    [
        ("object-storage.publish-api", "internet", "headed", 120),
        ("object-storage.publish-api", "internal", "headed", 0),
        ("object-storage.publish-api", "internet", "access-only", 0),
        ("internet.firewall", "internet", "headed", 120),
        ("internet.firewall", "internal", "headed", 120),
        ("internet.firewall", "internet", "access-only", 0),
    ],
)
def test_who_has_grace_while_internet_access_is_down(
    commitment: str, via: str, scope: str, spared: int
) -> None:
    found = account(two_services(commitment, via=via), until=800, readings={"grace-scope": scope})

    other = found.attainments[-1]

    assert other.service == "t"
    assert sum(line.amount for line in other.ledger if line.kind == "grace") == spared * SECOND


@pytest.mark.parametrize(
    ("commitment", "spared"), [("object-storage.publish-api", 0), ("internet.firewall", 120)]
)
def test_who_has_grace_without_an_incident(commitment: str, spared: int) -> None:
    """Safe: SLA5's sentence heads all of its commitments, always."""
    found = attainment(watched("o" + "x" * 30 + "o", commitment, burst=10), until=400)

    assert sum(line.amount for line in found.ledger if line.kind == "grace") == spared * SECOND


def test_incidents_stay_in_their_region() -> None:
    found = account(two_services("object-storage.publish-api", region="elsewhere"), until=800)

    assert [line.kind for line in found.attainments[-1].ledger] == ["unreserved"]


def test_an_outage_that_outlasts_a_move_is_an_incident_of_each_region_with_a_name_of_its_own() -> None:
    """Down from 60.01 to 600, in r until 300; where nothing of the time there is certain, it is none."""
    certain, cut = (
        watched("oxxxxxxxxxxo", "internet.access", every=60, burst=60)
        .plan([service("s", "internet.access", region="q")], [probe(every=60, burst=60)], at)
        .in_order()
        for at in (300, 30)
    )

    here, there = account(certain, until=800).incidents
    (only,) = account(cut, until=800).incidents

    assert [(i.region, i.id) for i in (here, there)] == [("r", f"s@{instant(0)}"), ("q", f"s@{instant(300)}")]
    assert [seconds(i.certain) for i in (here, there)] == [[(60.01, 300)], [(300, 600)]]
    assert [seconds(i.possible) for i in (here, there)] == [[(0, 300)], [(300, 660.01)]]
    assert (only.region, only.id) == ("q", f"s@{instant(30)}")


def test_outages_before_and_after_a_move_are_incidents_of_the_region_in_which_they_were() -> None:
    journal = watched("oxxoooooxxoo", "internet.access", every=60, burst=60)
    moved = journal.plan([service("s", "internet.access", region="q")], [probe(every=60, burst=60)], 300)

    found = account(moved.in_order(), until=800)

    before, after = (outage.id for outage in found.outages)
    assert [(i.region, i.id) for i in found.incidents] == [("r", before), ("q", after)]


def test_an_outage_is_not_cut_where_the_plan_changes_what_grace_does_not_go_by() -> None:
    """In the midst of both outages the service that is headed by the sentence is reached in another way."""
    journal = two_services("internet.firewall")
    services = [service("s", "internet.access"), service("t", "internet.firewall", via="internal")]
    probes = [probe("p", "s", every=60, burst=60), probe("q", "t", every=60, burst=60)]

    found = account(journal.plan(services, probes, 250).in_order(), until=800)

    assert len(found.incidents) == 1
    assert [_grace(one) for one in found.attainments] == [120 * SECOND, 120 * SECOND]


def test_each_window_has_its_own_two_minutes() -> None:
    """G2: an incident over the edge of a window has grace on both sides of it."""
    journal = watched("o" + "x" * 60 + "o", "internet.access", burst=10)

    before, after = (attainment(journal, until=700, over=part) for part in ((0, 300), (300, 700)))

    assert before.net.amount == before.down - 120 * SECOND
    assert after.net.amount == after.down - 120 * SECOND


def test_an_outage_has_the_grace_of_every_incident_that_it_overlaps() -> None:
    """G1 to the letter, safe: two addresses of one region that are down together are two incidents."""
    journal = two_services("internet.access")

    safe, joined = account(journal, until=800), account(journal, until=800, readings=JOINED)

    assert [_grace(one) for one in safe.attainments] == [240 * SECOND, 240 * SECOND]
    assert [_grace(one) for one in joined.attainments] == [120 * SECOND, 120 * SECOND]


def test_incidents_that_share_an_outage_never_take_the_same_downtime() -> None:
    """Two incidents, 10-110 and 200-300, over one long outage: four minutes of it, however they lie."""
    pool = at((0, 1000))
    given = [
        Spared(Incident(id=str(k), region="r", certain=at(c), possible=at(c), outages=()), pool)
        for k, c in enumerate([(10, 110), (200, 300)])
    ]
    later = Spared(given[1].incident, at((2000, 2100)))

    taken_ = graced(at((0, 1000), (2000, 2100)), NOTHING, [*given, later], grace(), SAFE)

    assert seconds(taken_.down) == [(0, 240), (2000, 2100)]


def test_the_line_of_grace_is_told_incident_by_incident() -> None:
    """Two outages of 200 s: each incident's two minutes are their own, and add up to the ledger's line."""
    journal = watched("o" + "x" * 20 + "oooo" + "x" * 20 + "o", "internet.access", burst=10)

    found = attainment(journal, until=500)

    first, second = (incident.id for incident in account(journal, until=500).incidents)
    assert [(line.kind, line.amount, line.because) for line in found.graces] == [
        ("grace", 120 * SECOND, (first,)),
        ("grace", 120 * SECOND, (second,)),
    ]
    (line,) = (line for line in found.ledger if line.kind == "grace")
    assert line.because == (first, second)
    assert sum(line.amount for line in found.graces) == _grace(found)


def _grace(one: Attainment) -> int:
    return sum(line.amount for line in one.ledger if line.kind == "grace")


def test_an_incident_that_a_service_was_up_in_spares_it_nothing() -> None:
    """The two addresses of a region fail one after the other: each has the grace of its own incident."""
    services = [service("s", "internet.access"), service("t", "internet.access")]
    probes = [probe("p", "s", every=60, burst=60), probe("q", "t", every=60, burst=60)]
    journal = Journal().start().clock().plan(services, probes)
    journal.seen("oxxxxxoooooo", 0, 60, "p").seen("ooooooooxxxxxxo", 0.001, 60, "q").in_order()

    found = account(journal, until=900)

    assert len(found.incidents) == 2
    assert [_grace(one) for one in found.attainments] == [120 * SECOND, 120 * SECOND]


def test_an_incident_is_of_its_region_and_goes_on_while_outages_follow_closely() -> None:
    """Each begins at most two minutes after all before it are over, also where one of them lasted longest."""
    long, short = told([(0, 300)]), told([(10, 20)])
    later = told([(400, 410), (500, 510), (640, 650)])

    first, second = incidents([*later, *short, *long], "r", grace(), {**SAFE, **JOINED})

    assert (first.id, first.region) == (f"s@{instant(-1)}", "r")
    assert seconds(first.certain) == [(0, 300), (400, 410), (500, 510)]
    assert first.outages == tuple(f"s@{instant(at)}" for at in (-1, 9, 399, 499))
    assert second.outages == (f"s@{instant(639)}",)
    assert first.begins == instant(0)


def shared(*pools: tuple[float, float]) -> list[Spared]:
    """An incident for each pool, named by its place."""
    return [
        Spared(Incident(id=str(k), region="r", certain=at(one), possible=at(one), outages=()), at(one))
        for k, one in enumerate(pools)
    ]


@pytest.mark.parametrize("edge", [False, True])
def test_each_of_three_incidents_takes_two_minutes_that_no_other_took(edge: bool) -> None:
    """Certain downtime, or what may have been."""
    time, pools = at((0, 1000)), shared(*[(0, 1000)] * 3)

    taken_ = (
        graced(NOTHING, time, pools, grace(), SAFE) if edge else graced(time, NOTHING, pools, grace(), SAFE)
    )

    assert seconds(taken_.edge if edge else taken_.down) == [(0, 360)]
    assert seconds(taken_.down if edge else taken_.edge) == []


def test_what_an_earlier_incident_took_of_doubt_is_no_matter_for_those_that_share_downtime() -> None:
    pools = shared((0, 100), (1000, 1150), (1100, 1300))

    taken_ = graced(at((1000, 1300)), at((0, 10), (20, 30)), pools, grace(), SAFE)

    assert seconds(taken_.down) == [(1000, 1240)]
    assert seconds(taken_.edge) == [(0, 10), (20, 30)]


def test_of_nothing_nothing_is_grace() -> None:
    assert graced(NOTHING, NOTHING, shared((0, 100)), grace(), SAFE) == (NOTHING, NOTHING, ())


def test_an_incident_that_goes_on_keeps_what_it_took_from_those_that_come_after() -> None:
    """The first goes on over the second, which was up, and over the third; the fourth is for itself."""
    pools = shared((0, 1000), (100, 200), (500, 600), (2000, 2100))

    taken_ = graced(at((500, 1000), (2000, 2100)), NOTHING, pools, grace(), SAFE)

    assert [(id, seconds(part)) for id, part in taken_.each] == [("0", [(500, 620)]), ("3", [(2000, 2100)])]
    assert taken_.because == ("0", "3")
