"""The script: loaded with all its mistakes told, and performed in order; and the truth that is kept."""

import asyncio
import time
from pathlib import Path

import pytest

from collector.core.timeline import SECOND
from collector.demo import script
from collector.demo.fault import SUITS, Fault
from collector.demo.provider import Provider
from collector.demo.script import Scene, Script, Switch
from collector.errors import ConfigurationError, UsageError

SHIPPED = Path(__file__).parents[2] / "config/demo.toml"


def scene(after_ms: int, for_ms: int, part: str, fault: Fault) -> Scene:
    return Scene(after=after_ms * 1000, for_=for_ms * 1000, part=part, fault=fault)


def now() -> int:
    return time.time_ns() // 1000


async def test_a_script_is_performed_in_order_and_its_truth_is_kept(provider: Provider) -> None:
    provider.follow(
        Script(
            fault=(
                scene(40, 20, "controls", Fault.REFUSE),
                scene(5, 30, "api", Fault.HTTP_503),
                scene(10, 10, "dns", Fault.SERVFAIL),
            )
        )
    )
    ended = asyncio.Event()
    provider.listen(lambda _: ended.set() if [t.end is None for t in provider.truth] == 4 * [False] else None)
    async with asyncio.timeout(5):
        await ended.wait()

    told = [(t.part, t.fault.value) for t in provider.truth]
    assert told == [
        ("api", "http-503"), ("dns", "servfail"), ("control-http", "refuse"), ("control-tcp", "refuse"),
    ]  # fmt: skip
    starts = [t.start for t in provider.truth]
    ends = {t.part: t.end or 0 for t in provider.truth}
    assert starts == sorted(starts)
    assert ends["dns"] <= ends["api"] <= ends["control-http"]


async def test_a_script_that_repeats_begins_again(provider: Provider) -> None:
    provider.follow(Script(repeat=20_000, fault=(scene(2, 5, "echo", Fault.RESET),)))
    thrice = asyncio.Event()
    provider.listen(lambda _: thrice.set() if len(provider.echo.truth) >= 3 else None)
    async with asyncio.timeout(5):
        await thrice.wait()

    assert {("echo", "reset")} == {(t.part, t.fault.value) for t in provider.truth}


async def test_a_script_that_names_what_there_is_not_is_refused_whole(provider: Provider) -> None:
    bad = Script(fault=(scene(0, 1, "moon", Fault.HANG), scene(0, 1, "ntp", Fault.HTML)))
    with pytest.raises(ConfigurationError) as caught:
        provider.follow(bad)

    assert [problem[:9] for problem in caught.value.problems] == ["fault[0]:", "fault[1]:"]
    assert "moon" in caught.value.problems[0]
    assert "stratum-16" in caught.value.problems[1]


async def test_the_shipped_script_fits_the_provider(provider: Provider) -> None:
    shipped = script.load(SHIPPED)
    provider.follow(shipped)

    assert shipped.fault[0].part == "api"
    assert shipped.fault[0].after + shipped.fault[0].for_ < 120 * SECOND
    assert all(scene.says for scene in shipped.fault)


def test_ends_come_before_beginnings_at_the_same_instant() -> None:
    play = Script(fault=(scene(0, 5, "api", Fault.HANG), scene(5, 5, "api", Fault.RESET)))

    assert [step.fault for step in script.switches(play)] == [
        Fault.HANG, Fault.NONE, Fault.RESET, Fault.NONE,
    ]  # fmt: skip
    assert script.switches(play)[2] == Switch(5_000, "api", Fault.RESET, 0)


def test_a_wrong_script_tells_all_its_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        """
        repeat = 5
        [[fault]]
        after = "20"
        for = "1s"
        part = "api"
        fault = "explode"
        since = "1s"
        """
    )
    with pytest.raises(ConfigurationError) as caught:
        script.load(path)

    told = "\n".join(caught.value.problems)
    for place in ("repeat", "fault[0].after", "fault[0].fault", "fault[0].since"):
        assert f"{path}: {place}: " in told


def test_a_script_must_not_repeat_before_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text('repeat = "2s"\n[[fault]]\nafter="1s"\nfor="1s"\npart="api"\nfault="hang"\n')
    with pytest.raises(ConfigurationError, match="repeat: expected more than 2 s"):
        script.load(path)


# --------------------------------------------------------------------------------------------- truth


async def test_the_truth_says_from_when_to_when(provider: Provider) -> None:
    before = now()
    provider.set("api", "hang")
    begun = now()
    assert [(t.part, t.fault, t.end) for t in provider.truth] == [("api", Fault.HANG, None)]
    await asyncio.sleep(0.01)
    ending = now()
    provider.set("api", "")
    after = now()

    (truth,) = provider.truth
    assert truth.end is not None
    assert before <= truth.start <= begun < ending <= truth.end <= after


async def test_one_fault_after_the_other_makes_two_spans_that_do_not_overlap(provider: Provider) -> None:
    provider.set("dns", "servfail")
    provider.set("dns", "servfail")
    provider.set("dns", "nxdomain")
    first, second = provider.truth

    assert first.end is not None
    assert first.end <= second.start
    assert second.end is None


async def test_stopping_ends_the_truth() -> None:
    async with Provider() as provider:
        provider.set("everything", "hang")

    assert len(provider.truth) == len(provider.parts)
    assert all(truth.end is not None for truth in provider.truth)


async def test_listeners_hear_of_every_beginning_and_end(provider: Provider) -> None:
    heard: list[tuple[str, str, bool]] = []
    provider.listen(lambda t: heard.append((t.part, t.fault.value, t.end is None)))
    provider.set("ntp", "leap-3")
    provider.set("ntp", "")

    assert heard == [("ntp", "leap-3", True), ("ntp", "leap-3", False)]


@pytest.mark.parametrize(
    ("part", "fault", "says"),
    [
        ("moon", "hang", "part: expected one of api, "),
        ("api", "explode", "fault of part api: expected one of "),
        ("ntp", "http-500", "fault of part ntp: expected one of "),
    ],
)
async def test_what_cannot_be_is_refused(provider: Provider, part: str, fault: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        provider.set(part, fault)

    assert provider.truth == []


async def test_every_fault_suits_some_part() -> None:
    assert set(Fault) - {Fault.NONE} == set().union(*SUITS.values())
