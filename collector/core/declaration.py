"""What a declaration must say, by kind: asked at the journal's door, and of what a journal holds."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from collector.core.record import DEDUCTION_KINDS, Declaration
from collector.core.timeline import Instant
from collector.errors import DeclarationError

NEEDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(DEDUCTION_KINDS, ("spans", "scope", "standing")),
    "ticket": ("number", "severity", "opened", "scope"),
    "invoice": ("account", "month", "amount_cents", "issued"),
    "arrears": ("account", "spans"),
    "deployment": ("account", "zones", "from"),
    "notice": ("number", "services", "possible", "state"),
    "statement": ("document", "root", "size"),
    "claim": (
        "number",
        "statement",
        "amount_cents",
        "state",
        "account",
        "commitment",
        "services",
        "certain",
    ),
    "credit": ("account", "claim", "amount_cents", "month", "expires"),
    "note": ("text",),
}
"""Kind → the keys it needs besides `id`, `kind` and `by`."""

MAY: Mapping[str, tuple[str, ...]] = {
    "ticket": ("complete", "first_answer", "waiting", "solved"),
    "deployment": ("resources", "to"),
    "notice": ("certain", "ongoing", "message_id"),
}
"""Kind → the keys of its own that it may have."""

COMMON = ("id", "kind", "by", "document", "sent", "received", "supersedes", "why", "text")
"""Keys that every kind may have; the first three it must."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOTICE_STATES = ("intended", "sent", "refused", "unknown", "delivered", "answered")
_CLAIM_STATES = ("intended", "sent", "delivered", "answered", "accepted", "refused", "withdrawn")
_STATES = {"notice": _NOTICE_STATES, "claim": _CLAIM_STATES}
_INSTANTS = (
    "sent", "received", "opened", "complete", "first_answer", "solved", "issued", "from", "to", "expires",
)  # fmt: skip
_SPANS = ("spans", "waiting", "certain", "possible")
_EARLIEST, _LATEST = 946_684_800_000_000, 7_258_118_400_000_000  # the years 2000 and 2200
_MAY_BE_EMPTY = ("waiting", "resources", "why")
_NONE = {"arrears": ("spans",), "notice": ("certain",)}
"""Kind → what it may have none of: so arrears that never were are corrected. A claim asks for some."""


def decoded(data: bytes) -> Declaration:
    """The declaration that a file of the inbox holds; like `checked`."""
    try:
        given = msgspec.json.decode(data)
    except ValueError as error:
        raise DeclarationError(f"expected JSON, got: {error}") from error
    if not isinstance(given, dict):
        raise DeclarationError("expected a JSON object")
    return checked(given)


def checked(given: Mapping[str, Any]) -> Declaration:
    """The declaration that `given` states, `seq` and `at` 0; DeclarationError naming all that is wrong."""
    given = {key: value for key, value in given.items() if value is not None}
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in NEEDS:
        raise DeclarationError(f"kind: expected one of {', '.join(NEEDS)}, got {kind!r}")
    wrong = list(_keys(kind, given))
    if not wrong:
        try:
            declaration = msgspec.convert({**given, "seq": 0, "at": 0}, Declaration)
        except msgspec.ValidationError as error:
            wrong.append(str(error).replace("$.", ""))
        else:
            wrong += _values(given)
    if wrong:
        raise DeclarationError("; ".join(wrong))
    return declaration


@lru_cache(maxsize=1 << 14)  # each account that is drawn asks anew, of the same ones
def problems(declared: Declaration) -> tuple[str, ...]:
    """What is wrong with a declaration that stands in a journal, in the words that would have refused it."""
    given = {k: v for k, v in msgspec.to_builtins(declared).items() if k not in ("t", "seq", "at")}
    return tuple(_keys(declared.kind, given)) or tuple(_values(given))


def _keys(kind: str, given: Mapping[str, Any]) -> Iterator[str]:
    for key in ("id", "by", *NEEDS[kind]):
        if key not in given:
            yield f"{key}: a declaration of kind {kind} needs it, got nothing"
    known = {*COMMON, *NEEDS[kind], *MAY.get(kind, ())}
    for key in given:
        if key not in known:
            yield f"{key}: expected only {', '.join(sorted(known))} in a declaration of kind {kind}"


def _values(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with values whose types are right."""
    for key, value in given.items():
        if value or key not in _NONE.get(given["kind"], ()):
            yield from _value(key, value)
    states = _STATES.get(given["kind"])
    if states is not None and given["state"] not in states:
        yield f"state: expected one of {', '.join(states)}, got {given['state']!r}"
    if given.get("supersedes") == given["id"]:
        yield "supersedes: expected another declaration, got itself"
    for earlier, later in (("opened", "first_answer"), ("opened", "solved"), ("from", "to")):
        if earlier in given and later in given and given[later] < given[earlier]:
            yield f"{later}: expected no instant before {earlier}"


def _value(key: str, value: Any) -> Iterator[str]:
    if value in ("", [], ()):
        if key not in _MAY_BE_EMPTY:
            yield f"{key}: expected something, got nothing"
    elif isinstance(value, list | tuple) and "" in value:
        yield f"{key}: expected names, got an empty one"
    elif key in _INSTANTS:
        yield from _instant(key, value)
    elif key in _SPANS:
        yield from _spans(key, value)
    elif key in _FORMS and not _FORMS[key][0].fullmatch(value):
        yield f"{key}: expected {_FORMS[key][1]}, got {value!r}"
    elif key in ("amount_cents", "severity", "size") and value < 0:
        yield f"{key}: expected no negative number, got {value}"


_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "id": (_ID, 'up to 128 letters, digits, ".", "_", ":", "@" and "-"'),
    "month": (_MONTH, 'a month like "2026-11"'),
    "document": (_SHA256, "a SHA-256 in hex"),
}


def _instant(place: str, value: Instant) -> Iterator[str]:
    if not _EARLIEST <= value < _LATEST:
        yield f"{place}: expected microseconds since 1970 UTC, of the years 2000 to 2199, got {value}"


def _spans(place: str, value: list[tuple[Instant, Instant]]) -> Iterator[str]:
    before: Instant | None = None
    for number, (start, end) in enumerate(value):
        yield from _instant(f"{place}[{number}][0]", start)
        yield from _instant(f"{place}[{number}][1]", end)
        if end <= start:
            yield f"{place}[{number}]: expected an end after the start, got {start} to {end}"
        if before is not None and start < before:
            yield f"{place}[{number}]: expected spans in order that do not overlap"
        before = end
