"""Outages and blips: the state machine (V3)."""

from collector.core.outage import runs
from collector.core.verdict import States
from tests.strategies import account, at, instant, seconds, watched


def test_unknown_inside_an_outage_does_not_end_it() -> None:
    """S6: no news is not good news."""
    found = runs("s", States(up=at((0, 10), (60, 70)), down=at((20, 30), (40, 50)), edge=at((10, 20))))

    (outage,) = found.outages
    assert seconds(outage.certain) == [(20, 30), (40, 50)]
    assert seconds(outage.possible) == [(10, 30), (40, 50)]
    assert outage.open is False


def test_edge_alone_is_a_blip_and_never_counted() -> None:
    found = account(watched("oooxooo"), until=60)

    assert found.outages == ()
    assert [seconds(blip.possible) for blip in found.blips] == [[(20, 40.01)]]
    assert found.attainments[0].down == 0


def test_an_outage_without_an_end_is_open() -> None:
    (outage,) = account(watched("oxxx", burst=10), until=60).outages

    assert outage.open
    assert seconds(outage.certain) == [(10.01, 30)]


def test_unknown_before_the_first_line_is_no_outage() -> None:
    found = account(watched("??oo"), until=60)

    assert (found.outages, found.blips) == ((), ())


def test_flapping_is_one_outage_for_each_run_without_up() -> None:
    """Icinga's flapping scenario: four short outages stay four, and what lies between is not counted."""
    found = account(watched("ooxxooxxooxxooxxoo", every=1), until=60)

    assert [seconds(outage.certain) for outage in found.outages] == [
        [(2.01, 3)],
        [(6.01, 7)],
        [(10.01, 11)],
        [(14.01, 15)],
    ]
    assert found.attainments[0].down == 4 * 990_000


def test_its_name_is_the_same_in_every_account() -> None:
    journal = watched("ooxxxoo", burst=10)
    early, late = account(journal, until=45), account(journal, until=300, over=(35, 300))

    assert early.outages[0].id == late.outages[0].id == f"s@{instant(10)}"
    assert early.outages[0].open
    assert not late.outages[0].open
