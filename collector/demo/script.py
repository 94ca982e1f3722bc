"""A script of faults: what fails when, as data, and its performance."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.core.timeline import SECOND, Duration, Term
from collector.demo.fault import Fault
from collector.errors import ConfigurationError
from collector.tables import contents, parsed, table


class Scene(msgspec.Struct, frozen=True, kw_only=True, rename={"for_": "for"}):
    """A part or group has `fault` from `after` on, counted from the start, `for` a while."""

    after: Term
    for_: Term
    part: str
    fault: Fault
    delay: Term = 0
    """How late answers are, for the fault `slow`."""
    says: str = ""
    """What a reader should see happen, for people."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Scenes in any order; after `repeat` all of it begins again (never, if 0)."""

    repeat: Term = 0
    fault: tuple[Scene, ...] = ()


class Switch(NamedTuple):
    """One step of a performance: at `at` after the start, `part` gets `fault`."""

    at: Duration
    part: str
    fault: Fault
    delay: Duration = 0


def load(path: Path) -> Script:
    """The script in a TOML file; ConfigurationError tells all that is wrong with it."""
    problems: list[str] = []
    script = table(parsed(contents(path), path), Script, "", problems)
    if script is not None:
        end = max((scene.after + scene.for_ for scene in script.fault), default=0)
        if script.repeat and script.repeat <= end:
            problems.append(f"repeat: expected more than {end // SECOND} s, when the last scene ends")
    if script is None or problems:
        raise ConfigurationError([f"{path}: {problem}" for problem in problems])
    return script


def switches(script: Script) -> tuple[Switch, ...]:
    """The steps of one performance, in order; of steps at one instant, ends come before beginnings."""
    ends = [Switch(scene.after + scene.for_, scene.part, Fault.NONE) for scene in script.fault]
    begins = [Switch(scene.after, scene.part, scene.fault, scene.delay) for scene in script.fault]
    return tuple(sorted(ends + begins, key=lambda step: step.at))


async def perform(script: Script, switch: Callable[[Switch], None]) -> None:
    """Call `switch` for each step when it is due, again and again if the script repeats."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while True:
        for step in switches(script):
            await asyncio.sleep(start + step.at / SECOND - loop.time())
            switch(step)
        if not script.repeat:
            return
        start += script.repeat / SECOND
