"""A script of faults: what fails when, as data, and its performance."""

import asyncio
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND, Duration
from collector.demo.fault import Fault
from collector.errors import ConfigurationError

_UNITS = {"ms": MILLISECOND, "s": SECOND, "min": MINUTE, "h": HOUR}
_DURATION = re.compile(r"(\d+)(ms|s|min|h)")


class Scene(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """A part or group has `fault` from `after` on, counted from the start, `for` a while."""

    after: str
    for_: str
    part: str
    fault: Fault
    delay: str = ""
    """How late answers are, for the fault `slow`."""
    says: str = ""
    """What a reader should see happen, for people."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scenes in any order; after `repeat` all of it begins again (never, if empty)."""

    repeat: str = ""
    fault: tuple[Scene, ...] = ()


class Switch(NamedTuple):
    """One step of a performance: at `at` after the start, `part` gets `fault`."""

    at: Duration
    part: str
    fault: Fault
    delay: Duration | None = None


def load(path: Path) -> Script:
    """The script in a TOML file; raises ConfigurationError with all that is wrong with it."""
    try:
        script = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Script)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError([f"{path}: {error}"]) from error
    problems = [f"{path}: {problem}" for problem in _problems(script)]
    if problems:
        raise ConfigurationError(problems)
    return script


def switches(script: Script) -> tuple[Switch, ...]:
    """The steps of one performance, in order; of steps at one instant, ends come before beginnings."""
    steps: list[tuple[Duration, int, Switch]] = []
    for scene in script.fault:
        begin = duration(scene.after)
        end = begin + duration(scene.for_)
        delay = duration(scene.delay) if scene.delay else None
        steps.append((begin, 1, Switch(begin, scene.part, scene.fault, delay)))
        steps.append((end, 0, Switch(end, scene.part, Fault.NONE)))
    return tuple(switch for _, _, switch in sorted(steps, key=lambda step: step[:2]))


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
        start += duration(script.repeat) / SECOND


def duration(text: str) -> Duration:
    """µs of a text like "20s", "300ms", "5min"; raises ValueError on another form."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f'expected a duration like "20s", got "{text}"')
    return int(match[1]) * _UNITS[match[2]]


def _problems(script: Script) -> list[str]:
    problems: list[str] = []

    def check(where: str, text: str) -> Duration:
        try:
            return duration(text)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            return 0

    ends = [0]
    for index, scene in enumerate(script.fault):
        begin = check(f"fault[{index}].after", scene.after)
        ends.append(begin + check(f"fault[{index}].for", scene.for_))
        if scene.delay:
            check(f"fault[{index}].delay", scene.delay)
    if script.repeat and check("repeat", script.repeat) <= max(ends):
        problems.append(f'repeat: expected more than the last scene\'s end, got "{script.repeat}"')
    return problems
