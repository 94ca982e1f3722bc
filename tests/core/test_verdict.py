"""From probes to a service, over vantage points and origins (S6, V1, V2, V5)."""

from itertools import product

import pytest

from collector.core.account import replay
from collector.core.record import AtLeast, DownWhen, Service
from collector.core.sight import State
from collector.core.timeline import Span
from collector.core.verdict import States, judged, seen, service_states, watches
from collector.errors import UncountableJournal
from tests.strategies import Journal, contract, control, instant, probe, seconds, service, watched

D, E, U, P = State.DOWN, State.EDGE, State.UNKNOWN, State.UP


def states(*journals: Journal, until: float = 1000, of: str = "s") -> States:
    told = replay({j.origin: j.lines for j in journals}, contract(), instant(until)).testimonies
    return service_states(watches(told, instant(until)), seen(told, "not-unavailable"))[of]


@pytest.mark.parametrize(
    ("down_when", "probes", "expected"),
    [
        ("any", [D, P], D),
        ("any", [P, P], P),
        ("any", [E, P], E),
        ("any", [U, P], U),
        ("any", [D, U], D),
        ("all", [D, D], D),
        ("all", [D, P], P),
        ("all", [D, E], E),
        ("all", [E, E], E),
        ("all", [D, U], D),
        ("all", [E, U], E),
        ("all", [U, U], U),
        ("all", [U, P], P),
        (AtLeast(2), [D, D, P], D),
        (AtLeast(2), [D, E, P], E),
        (AtLeast(2), [D, U, P], U),
        (AtLeast(2), [D, P, P], P),
        (AtLeast(2), [D], U),
        ("all", [], U),
        ("any", [], U),
    ],
)
def test_a_service_of_one_vantage_point(down_when: DownWhen, probes: list[State], expected: State) -> None:
    """V2, row by row."""
    assert judged(down_when, 1, [("v", state) for state in probes]) is expected


@pytest.mark.parametrize(
    ("down_when", "probes", "expected"),
    [
        ("any", {"v": D, "w": P}, E),  # one vantage point alone proves nothing
        ("any", {"v": D, "w": D}, D),
        ("all", {"v": D, "w": U}, U),
        ("all", {"v": E, "w": U}, U),
        ("all", {"v": D, "w": E}, E),
        ("all", {"v": D, "w": D, "x": U}, D),
        ("all", {"v": D, "w": D, "x": P}, P),
    ],
)
def test_down_needs_its_witnesses(down_when: DownWhen, probes: dict[str, State], expected: State) -> None:
    """V1."""
    assert judged(down_when, 2, list(probes.items())) is expected


def test_two_probes_of_one_vantage_point_are_one_witness() -> None:
    assert judged("all", 2, [("v", D), ("v", D)]) is U
    assert judged("any", 2, [("v", D), ("v", D)]) is E


def test_one_probe_is_believed_only_where_the_rules_ask_for_no_more_than_it() -> None:
    """V1, V2."""

    def found(of: Service) -> States:
        return states(Journal().start().plan([of], [probe(burst=10)]).seen("oxxo"))

    alone, vouched, counted = map(found, (service(), service(witnesses=2), service(down_when=AtLeast(2))))

    assert seconds(alone.down) == [(10.01, 20)]
    assert (vouched.up, vouched.down, vouched.edge) == (alone.up, (), ())
    assert (counted.up, counted.down, counted.edge) == ((), (), ())


def test_more_evidence_of_failure_never_makes_a_service_less_down() -> None:
    """Over every combination of three probes: turning UP to EDGE to DOWN never leaves DOWN."""
    worse: dict[State, State] = {P: E, E: D}
    rules: list[DownWhen] = ["any", "all", AtLeast(2)]
    for rule, combination in product(rules, product((P, E, D), repeat=3)):
        for k, state in enumerate(combination):
            if state in worse:
                worsened = [*combination[:k], worse[state], *combination[k + 1 :]]
                before = judged(rule, 1, [("v", one) for one in combination])
                after = judged(rule, 1, [("v", one) for one in worsened])
                assert not (before is D and after is not D)
                assert not (before is E and after is P)


def test_where_no_control_is_up_nothing_is_held_against_the_service() -> None:
    """S6: the cut of the controls from 20 to 40 turns DOWN and EDGE of that time into UNKNOWN."""
    journal = Journal().start().plan([service()], [probe(burst=10), control(every=10)])
    journal.seen("oxxxxxxo").seen("oooxxooo", probe="control").in_order()

    found = states(journal)

    assert seconds(found.down) == [(10.01, 20), (50.01, 60)]
    assert seconds(found.up) == []
    assert not found.unwitnessed


def test_up_needs_no_control() -> None:
    journal = Journal().start().plan([service()], [probe(), control(every=10)])
    journal.seen("oooo").seen("oxxo", probe="control").in_order()

    assert seconds(states(journal).up) == [(0, 30.01)]


def test_a_control_of_another_vantage_point_is_no_witness() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe(burst=10)]).seen("xxxx")
    there = Journal("w-1", "w").start().plan([service()], [control()]).seen("xxxx", probe="control")

    found = states(here, there, until=100)

    assert seconds(found.down) == [(0.01, 30)]
    assert seconds(found.unwitnessed) == [(0, 100)]


def test_two_vantage_points_must_agree() -> None:
    """V1's default: as many as probe the service, at most two."""
    rules = service(down_when="any")
    here = Journal("v-1", "v").start().plan([rules], [probe(burst=10)]).seen("xxxx")
    there = Journal("w-1", "w").start().plan([rules], [probe(burst=10)]).seen("ooxx", 0.001)

    assert seconds(states(here, there).down) == [(20.011, 30)]
    assert seconds(states(here).down) == [(0.01, 30)]


def test_origins_that_state_different_rules_at_the_same_time_are_refused_by_name() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start().plan([service(down_when="any")], [probe()]).seen("oo")

    with pytest.raises(UncountableJournal, match=r'v-1:1 and w-1:1: service "s" has different rules'):
        states(here, there)


def test_a_new_plan_may_come_to_one_origin_after_the_other_and_the_newest_counts() -> None:
    """Two machines are never set anew in one microsecond: between 21 and 25 their rules differ."""
    new = service(down_when="any", witnesses=1)
    here = Journal("v-1", "v").start().plan([service()], [probe(burst=10)]).seen("xxx")
    here.plan([new], [probe(burst=10)], 21).seen("xxx", 30)
    there = Journal("w-1", "w").start().plan([service()], [probe(burst=10)]).seen("ooo", 0.001)
    there.plan([new], [probe(burst=10)], 25).seen("ooo", 30.001)

    assert seconds(states(here, there).down) == [(21, 50)]
    told = replay({j.origin: j.lines for j in (here, there)}, contract(), instant(60)).testimonies
    differing = [span for span, watch in watches(told, instant(60))["s"] if watch.differs]
    assert differing == [Span(instant(21), instant(25))]


def test_origins_that_differed_to_the_last_are_refused_however_long_they_are_silent() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start().plan([service(down_when="any")], [probe()]).seen("oooo")

    with pytest.raises(UncountableJournal, match=r"v-1:1 and w-1:1"):
        states(here, there, until=1000)


def test_origins_that_differed_to_the_last_are_refused_also_where_one_of_them_speaks_on() -> None:
    """That the other fell silent, and a third has a plan about something else meanwhile, mends nothing."""
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start().plan([service(down_when="any")], [probe()]).seen("oooooooo")
    third = Journal("x-1", "x").start(50).plan([service("t")], [probe("q", "t")], 50)

    with pytest.raises(UncountableJournal, match=r"v-1:1 and w-1:1"):
        states(here, there, third)


def test_that_a_third_origin_agrees_with_the_first_settles_nothing_with_the_second() -> None:
    said = {"v": service(), "w": service(down_when="any"), "x": service()}
    told = (Journal(f"{v}-1", v).start().plan([rules], [probe()]).seen("oo") for v, rules in said.items())

    with pytest.raises(UncountableJournal, match=r"v-1:1 and w-1:1"):
        states(*told)


def test_origins_that_agree_on_several_services_are_not_compared_across_them() -> None:
    rules = [service(), service("t", down_when="any")]
    here, there = (
        Journal(f"{v}-1", v).start().plan(rules, [probe(), probe("q", "t")]).seen("oo") for v in "vw"
    )

    assert seconds(states(here, there).up) == [(0, 10.01)]


def test_the_last_word_of_an_origin_that_says_no_more_does_not_change_the_rules_of_one_that_does() -> None:
    """It fell silent with that plan; the other goes on by the old one."""
    here = Journal("v-1", "v").start().plan([service(down_when="any")], [probe(burst=10)])
    here.plan([service()], [probe(burst=10)], 50)
    there = Journal("w-1", "w").start().plan([service(down_when="any")], [probe(burst=10)])
    told = replay(
        {j.origin: j.lines for j in (here, there.seen("o" * 9))}, contract(), instant(90)
    ).testimonies

    assert {watch.rules.down_when for _, watch in watches(told, instant(90))["s"]} == {"any"}


def test_of_origins_that_are_all_silent_the_one_that_spoke_last_counts() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe()]).sample(1)
    there = Journal("w-1", "w").start(10).plan([service(down_when="any")], [probe()], 10).sample(20)
    third = Journal("x-1", "x").start(50).plan([service("t")], [probe("q", "t")], 50)
    told = replay({j.origin: j.lines for j in (here, there, third)}, contract(), instant(90)).testimonies

    assert [watch.rules.down_when for _, watch in watches(told, instant(90))["s"]] == ["all", "any"]


def test_an_origin_that_fell_silent_does_not_contradict_a_later_rule() -> None:
    """Its probes stay on as UNKNOWN: a vantage point that died is not one that agrees."""
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start().plan([service()], [probe(burst=10)]).seen("oo")
    there.plan([service(down_when="any")], [probe(burst=10)], 50).seen("xxx", 60)

    assert not states(here, there).down


def test_a_vantage_point_that_starts_afresh_replaces_its_old_origin() -> None:
    old = Journal("v-1", "v").start().plan([service(down_when="any")], [probe()]).seen("oo")
    new = Journal("v-2", "v").start(50).plan([service(down_when="any")], [probe(burst=10)], 50)

    assert seconds(states(old, new.seen("ooo", 60)).up) == [(0, 10.01), (60, 80.01)]


def test_each_stretch_of_time_is_judged_by_its_own_plan() -> None:
    two = [probe(burst=10), probe("q", burst=10)]
    journal = Journal().start().plan([service(down_when="all")], two)
    journal.seen("xxx").seen("ooo", 0.001, probe="q").in_order()
    journal.plan([service(down_when="any")], two, 21)
    journal.seen("xxx", 30).seen("ooo", 30.001, probe="q").in_order()

    found = states(journal)

    assert seconds(found.up) == [(0.001, 21)]
    assert seconds(found.down) == [(21, 50)]


def test_a_resource_is_down_only_where_its_equivalents_are() -> None:
    """V5."""
    services = [service("s", equivalents=("t",)), service("t")]
    journal = Journal().start().plan(services, [probe(burst=10), probe("q", "t", burst=10)])
    journal.seen("xxxxx").seen("ooxxx", 0.001, probe="q").in_order()

    found = states(journal)

    assert seconds(found.down) == [(20.011, 40)]
    assert seconds(found.up) == [(0.001, 10.001)]
    assert seconds(found.edge) == [(10.001, 20.011), (40, 40.01)]


def test_an_equivalent_that_nobody_watches_leaves_it_unknown() -> None:
    assert not states(watched("xxx", equivalents=("nobody",), burst=10)).down


def test_a_plan_holds_on_when_the_clock_is_set_back_before_it() -> None:
    journal = watched("oo").clock(15, step=-100).clock(-85, step=-100).seen("ooo", -80)

    assert (-80, -59.99) in seconds(states(journal).up)


def test_time_told_twice_after_a_step_back_is_unknown() -> None:
    """T4: which of the two stories is right cannot be known."""
    journal = watched("oooo").clock(35, step=-20).seen("xx", 15, 1).seen("oo", 40)

    found = states(journal)

    assert not found.down
    assert seconds(found.up) == [(0, 15), (16.01, 30.01), (40, 50.01)]


def test_what_a_service_is_does_not_reach_beyond_the_account() -> None:
    assert seconds(states(watched("oooo"), until=25).up) == [(0, 20.01)]


def test_who_comes_to_watch_another_service_parts_nothing_of_this_one() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start(50).plan([service("t")], [probe("p", "t")], 50)
    evidence = replay({one.origin: one.lines for one in (here, there)}, contract(), instant(100))

    found = watches(evidence.testimonies, instant(100))

    assert [span for span, _ in found["s"]] == [Span(instant(0), instant(100))]
    assert [span for span, _ in found["t"]] == [Span(instant(50), instant(100))]


def test_answers_are_told_whatever_the_state_of_the_service_and_under_every_plan() -> None:
    """G1: UP, and the own time of an answer beside a failure; of both plans, and of both probes."""
    both = [probe(burst=10), probe("q", burst=10)]
    journal = Journal().start().plan([service()], both)
    journal.seen("oo").seen("xx", 0.001, probe="q").plan([service(witnesses=1)], both, 15)
    journal.seen("xox", 20).seen("xxx", 20.001, probe="q").in_order()

    assert seconds(states(journal).answered) == [(0, 10.01), (30, 30.01)]


def test_rules_that_change_just_when_another_origin_fell_silent_contradict_nothing() -> None:
    here = Journal("v-1", "v").start().plan([service()], [probe()]).seen("oo")
    there = Journal("w-1", "w").start().plan([service()], [probe(burst=10)]).seen("o")
    there.plan([service(down_when="any")], [probe(burst=10)], 10.01).seen("oo", 20)

    assert seconds(states(here, there).up) == [(0, 10.01)]


def test_one_control_that_answers_is_enough_whichever() -> None:
    """S6: the first answers until 20.01, the second from 30; between them nothing is held against anybody."""
    controls = [control("c"), control("d")]
    journal = Journal().start().plan([service()], [probe(burst=10), *controls]).seen("xxxxxx")
    journal.seen("ooo???", 0.001, probe="c").seen("???ooo", 0.002, probe="d").in_order()

    assert seconds(states(journal).down) == [(0.01, 20.011), (30.002, 50)]


def test_a_control_that_was_planned_and_never_heard_of_does_not_answer() -> None:
    journal = Journal().start().plan([service()], [probe(burst=10), control()]).seen("xxx")

    assert (states(journal).down, states(journal).edge) == ((), ())


def test_of_three_vantage_points_two_are_witnesses_enough() -> None:
    """V1; the third is blind, and V2 leaves it out where the others will do."""
    seen_by = {"v": "xxx", "w": "xxx", "x": "???"}
    journals = [
        Journal(f"{name}-1", name).start().plan([service()], [probe(burst=10)]).seen(pattern)
        for name, pattern in seen_by.items()
    ]

    assert seconds(states(*journals).down) == [(0.01, 20)]
    assert seconds(states(journals[0], journals[2]).down) == []


def test_what_was_seen_of_a_resource_itself_stays_beside_what_its_equivalents_make_of_it() -> None:
    services = [service("s", equivalents=("t",)), service("t")]
    journal = Journal().start().plan(services, [probe("p", "s", burst=10), probe("q", "t", burst=10)])
    journal.seen("oxxo").seen("oooo", 0.001, probe="q").in_order()

    found = states(journal)

    assert seconds(found.answered) == [(0, 0.01), (30, 30.01)]
    assert seconds(found.unwitnessed) == [(0, 1000)]
