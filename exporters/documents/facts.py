"""Which facts lie between two statements: lines, declarations, contract, readings, calendar, code."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from collector.core.record import Declaration
from exporters.documents import show
from exporters.documents.difference import ABSENT, difference

Fact = dict[str, Any]
"""What is another on one side: `fact` says of which kind, the other keys what it was and is."""


def between(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    declared: Iterable[tuple[str, Declaration]] = (),
    terms: tuple[Any, Any] = (None, None),
) -> list[Fact]:
    """The facts between what two statements rest on; `declared` is what was declared in between.

    `terms` are both contracts as plain data.
    """
    found: list[Fact] = []
    for key in ("as_of", "windows"):
        if before[key] != after[key]:
            found.append({"fact": key, "before": before[key], "after": after[key]})
    found += _lines(_by_name(before), _by_name(after))
    found += [_declaration(origin, one) for origin, one in declared]
    if before["contract"]["sha256"] != after["contract"]["sha256"]:
        found.append(_contract(before["contract"], after["contract"], terms))
    for path, was, now in difference(before["readings"], after["readings"]):
        found.append({"fact": "reading", "reading": path[-1], "before": _plain(was), "after": _plain(now)})
    for kind in ("calendar", "code"):
        for path, was, now in difference(before[kind], after[kind]):
            found.append({"fact": kind, "what": ".".join(path), "before": _plain(was), "after": _plain(now)})
    return found


def _plain(value: Any) -> Any:
    return None if value is ABSENT else value


def _by_name(grounds: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {one["origin"]: one for one in grounds["origins"]}


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fact]:
    for origin in sorted({*before, *after}):
        one, other = before.get(origin), after.get(origin)
        if one is None or other is None:
            yield {
                "fact": "origin",
                "origin": origin,
                "before": one and one["size"],
                "after": other and other["size"],
            }
        elif one["size"] != other["size"]:
            yield {"fact": "lines", "origin": origin, "before": one["size"], "after": other["size"]}
        elif one["root"] != other["root"]:
            yield {"fact": "tree", "origin": origin, "before": one["root"], "after": other["root"]}
        elif one["missing"] != other["missing"]:
            yield {"fact": "missing", "origin": origin, "before": one["missing"], "after": other["missing"]}


def _declaration(origin: str, one: Declaration) -> Fact:
    return {
        "fact": "declaration",
        "id": one.id,
        "kind": one.kind,
        "by": one.by,
        "line": f"{origin}:{one.seq}",
        "at": one.at,
        "supersedes": one.supersedes,
    }


def _contract(before: Mapping[str, Any], after: Mapping[str, Any], terms: tuple[Any, Any]) -> Fact:
    changes = [
        {"what": "/".join(path), "before": _plain(was), "after": _plain(now)}
        for path, was, now in difference(*terms)
    ]
    return {
        "fact": "contract",
        "before": f"{before['id']} {before['sha256']}",
        "after": f"{after['id']} {after['sha256']}",
        "changes": changes,
    }


# --------------------------------------------------------------------------------------------------- in words


def told(fact: Fact, at: Callable[[int], str]) -> Sequence[str]:
    """A fact in words: one line, and more for what changed in a contract; `at` tells instants."""
    match fact["fact"]:
        case "as_of":
            return [f"what is known: as of {at(fact['before'])}, now as of {at(fact['after'])}"]
        case "windows":
            return [f"windows asked for: {_windows(fact['before'], at)}, now {_windows(fact['after'], at)}"]
        case "origin" | "lines" | "tree" | "missing":
            return [_told_lines(fact)]
        case "declaration":
            corrects = f", correcting {fact['supersedes']}" if fact["supersedes"] else ""
            return [
                f"declared: {fact['kind']} {fact['id']} by {fact['by']}{corrects} (line {fact['line']}, "
                f"{at(fact['at'])})"
            ]
        case "contract":
            return [
                f"contract: {fact['before']}, now {fact['after']}",
                *(f"{c['what']}: {_value(c['before'])}, now {_value(c['after'])}" for c in fact["changes"]),
            ]
        case "reading":
            return [f"reading {fact['reading']}: {_value(fact['before'])}, now {_value(fact['after'])}"]
        case "all lines":
            return [f"all lines of {', '.join(fact['origins'])} but what was declared"]
        case kind:
            return [f"{kind} {fact['what']}: {_value(fact['before'])}, now {_value(fact['after'])}"]


def _told_lines(fact: Fact) -> str:
    origin, before, after = fact["origin"], fact["before"], fact["after"]
    if fact["fact"] == "tree":
        return f"origin {origin}: as many lines, and they are others: root {before}, now {after}"
    if fact["fact"] == "missing":
        return f"origin {origin}: lines that are missing: {before or 'none'}, now {after or 'none'}"
    if before is None:
        return f"origin {origin}: {show.grouped(after)} lines that were not there before"
    if after is None:
        return f"origin {origin}: its {show.grouped(before)} lines are not there any more"
    more, word = abs(after - before), "more" if after > before else "fewer"
    return f"origin {origin}: {show.grouped(more)} lines {word}, {show.grouped(after)} in all"


def _windows(windows: Sequence[Any], at: Callable[[int], str]) -> str:
    return ", ".join(one if isinstance(one, str) else f"{at(one[0])} to {at(one[1])}" for one in windows)


def _value(value: Any) -> str:
    return "nothing" if value is None else str(value)
