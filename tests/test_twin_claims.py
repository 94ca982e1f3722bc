"""Claims are drawn twice, by the program and by a plain second implementation, from made-up months."""

import os
import tomllib
from random import Random
from typing import Any

import pytest

from collector.core.claim import Claim
from collector.core.timeline import HOUR, MINUTE
from tests import twin_claims
from tests.months import Chance, Months, hourly, made_up
from tests.strategies import SHIPPED

SEEDS = range(int(os.environ.get("TWIN_FROM", "0")), int(os.environ.get("TWIN_TO", "40")))


def world(seed: int) -> tuple[Months, dict[str, str]]:
    """Some months, looked at while nothing is down, with no claim filed yet; and some readings."""
    chance = Chance(Random(seed).randint)
    made = made_up(chance, slips=chance.pick([5, 15, 40]))
    made.told = [told for told in made.told if told["kind"] not in ("claim", "credit", "arrears")]
    for one in sorted((one for of in made.down.values() for one in of), key=lambda one: one.start):
        if made.at(one.start) <= made.as_of < made.at(one.end + 1):
            made.as_of = made.at(one.end + 1)
    moved = chance.pick([0, 20, 50])
    readings = {one.id: one.arguable for one in hourly().readings if chance.often(moved)}
    return made, readings


def near(spans: Any) -> list[tuple[int, int]]:
    """To the minute: what must be later than an hour is, for the program, by a microsecond."""
    return [tuple(round(at / MINUTE) for at in span) for span in spans]


def of_program(claim: Claim) -> tuple[Any, ...]:
    state = "late" if claim.state == "late" else "due"
    return (
        claim.commitment, claim.attainment.service, claim.kind, state, near([claim.attainment.window.span]),
        near(claim.counted), round(float(claim.share), 7), near([claim.due]),
        None if claim.credit is None else round(float(claim.credit)),
    )  # fmt: skip


def of_twin(claim: twin_claims.Json) -> tuple[Any, ...]:
    ticks = sorted(claim["counted"])
    edges = [t for t in ticks if t - 1 not in claim["counted"]], [t + 1 for t in ticks if t + 1 not in ticks]
    spans = [(a * HOUR, b * HOUR) for a, b in zip(*edges, strict=True)]
    credit = claim.get("credit")
    return (
        claim["promise"], claim["service"], claim["kind"], "late" if claim["late"] else "due",
        near([(claim["window"][0] * HOUR, claim["window"][1] * HOUR)]), near(spans),
        round(float(claim["share"]), 7), near([(claim["safe"] * HOUR, claim["latest"] * HOUR)]),
        None if credit is None else round(float(credit)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_both_draw_the_same_claims(seed: int) -> None:
    """Rules C1, C3 and C4 and what they rest on: two implementations that share nothing agree."""
    made, readings = world(seed)
    contract = tomllib.loads(SHIPPED.read_text())

    ours = sorted(of_program(claim) for claim in made.settled(readings).claims)
    theirs = sorted(of_twin(claim) for claim in twin_claims.claims(made, contract, readings))

    assert ours == theirs
