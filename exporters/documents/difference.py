"""What differs between two published documents, value by value; list items are matched by their subject."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple


class _Absent(Enum):
    ABSENT = "nothing"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""Where one side has no such value."""

IDENTIFYING = (
    "commitment", "service", "origin", "outage", "reading", "choice", "task", "about", "object", "probe",
    "kind", "what",
)  # fmt: skip
"""Keys that say what an item is about, where it has no `id`."""

WHEN = ("start", "end", "window")
"""Keys that say which of several such items it is; where none agrees, they are taken in order."""


class Change(NamedTuple):
    """One value that differs: where it stands, and what it is on either side."""

    path: tuple[str, ...]
    before: Any
    after: Any


def difference(before: Any, after: Any) -> tuple[Change, ...]:
    """All that differs between two values of JSON, in order of place; nothing between equal ones."""
    return tuple(_between((), before, after))


def _between(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _between((*path, key), before.get(key, ABSENT), after.get(key, ABSENT))
    elif _items(before) and _items(after) and (before or after):
        for name, one, other in matched(before, after):
            yield from _between((*path, name), one, other)
    elif before != after:
        yield Change(path, before, after)


def _items(value: Any) -> bool:
    """Whether it is a list of things that are about something, and not of bare values."""
    return isinstance(value, list | tuple) and all(
        isinstance(item, Mapping) and bool(_about(item)) for item in value
    )


def _about(item: Mapping[str, Any]) -> tuple[str, ...]:
    if "id" in item:
        return (str(item["id"]),)
    window = item.get("window")
    kind = (window["kind"],) if isinstance(window, Mapping) and "kind" in window else ()
    return (*(str(item[key]) for key in IDENTIFYING if isinstance(item.get(key), str)), *kind)


def _when(item: Mapping[str, Any]) -> Hashable:
    return tuple(repr(item.get(key)) for key in WHEN)


def matched(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Any, Any]]:
    """Pairs of items about the same thing, each with its name; ABSENT for what has no other half.

    Several about one thing are matched by when they are, and those left over in their order.
    """
    groups: dict[tuple[str, ...], tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for item in items:
            groups[_about(item)][side].append(item)
    for about, (ones, others) in sorted(groups.items()):
        pairs = list(_paired(ones, others))
        for number, (one, other) in enumerate(pairs, 1):
            name = "/".join(about)
            yield (f"{name}#{number}" if len(pairs) > 1 else name), one, other


def _paired(ones: list[Any], others: list[Any]) -> Iterator[tuple[Any, Any]]:
    waiting = list(others)
    left = []
    for one in ones:
        same = next((other for other in waiting if _when(other) == _when(one)), None)
        if same is None:
            left.append(one)
        else:
            waiting.remove(same)
            yield one, same
    for k in range(max(len(left), len(waiting))):
        yield (left[k] if k < len(left) else ABSENT), (waiting[k] if k < len(waiting) else ABSENT)
