"""What was declared, as the second account sees it: which word is the last, and which came in time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Json: TypeAlias = dict[str, Any]

SECOND = 1_000_000


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
