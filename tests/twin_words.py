"""What the second account counts in, and which declared word is the last and came in time."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Json: TypeAlias = dict[str, Any]
Ticks: TypeAlias = set[int]

SECOND = 1_000_000


def tick(instant: int) -> int:
    seconds, rest = divmod(instant, SECOND)
    assert not rest, f"{instant} is not on a tick"
    return seconds


def parts(ticks: Iterable[int]) -> list[list[int]]:
    """Ticks as spans of µs."""
    found: list[list[int]] = []
    for one in sorted(ticks):
        if found and found[-1][1] == one * SECOND:
            found[-1][1] += SECOND
        else:
            found.append([one * SECOND, (one + 1) * SECOND])
    return found


def ticks_of(spans: Iterable[Sequence[int]]) -> Ticks:
    return {one for start, end in spans for one in range(tick(start), tick(end))}


def last_words(lines: Sequence[Json]) -> list[Json]:
    """Of every declaration and what corrects it, being of its kind, the last that nothing corrects."""
    every = {line["id"]: line for line in lines}
    of = {}
    for one in lines:
        other = every.get(one.get("supersedes"))
        if other is not None and other["kind"] == one["kind"]:
            of[one["id"]] = other["id"]
    last: dict[str, Json] = {}
    for id in sorted(every.keys() - set(of.values()), key=lambda id: (every[id]["at"], id)):
        root = id
        while root in of:
            root = of[root]
        last[root] = every[id]
    return list(last.values())


def in_time(one: Json, span: Sequence[int], clear_days: int, zone: str) -> bool:
    """D2: starting on Paris date M, notice on M-3 or before."""
    notices = [one[word] for word in ("sent", "received") if one.get(word) is not None]
    if not notices:
        return False
    instants = (min(notices), span[0])
    told, starts = (
        datetime.fromtimestamp(i // SECOND, UTC).astimezone(ZoneInfo(zone)).date() for i in instants
    )
    return told <= starts - timedelta(days=clear_days + 1)
