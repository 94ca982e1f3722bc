"""Statements: an account frozen with all that it rests on, as bytes that anyone can draw again (rule R1).

Version 1 is one JSON object, keys in order, integers only, two spaces deep, a newline at its end:

    statement     the version of this form
    account       the account, in the published form of `constat account --json` (without `damage`)
    rests_on
      as_of       what was learnt later is not in it
      windows     which were asked for: "trailing", "calendar", "worst", or [start, end] of one's own; of a
                  restatement, what the first one asked for
      readings    every reading, and the choice that was in force
      origins     per origin of the journal: `vantage`, `size` (its lines 0 to size - 1 were read), `root` of
                  the tree over them (null where lines are missing), `missing` [first, last]…
      contract    `id`, `sha256` of the file, and the file's `text`
      calendar    `zone`, version of its data, `offsets` [from, µs]… and `days_off` around the windows
      code        `version` of Constat
    restates      SHA-256 of the statement that this one restates, or null

No path, no host and no clock is in it: the same lines, contract and code give the same bytes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec

from collector.core.calendar import Calendar
from collector.core.sight import Testimony
from collector.core.timeline import DAY, Instant, Span
from collector.core.window import Asked
from collector.errors import UsageError
from exporters.documents.proof import Head

VERSION = 1
"""Of this form."""

AROUND = 62 * DAY
"""How far around the windows the calendar is quoted: notices come before, deadlines after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A contract as it is quoted."""

    id: str
    sha256: str
    text: str


def compose(
    account: Mapping[str, Any],
    windows: Sequence[Asked],
    heads: Iterable[Head],
    testimonies: Iterable[Testimony],
    terms: Terms,
    calendar: Calendar,
    version: str,
    restates: str | None = None,
) -> dict[str, Any]:
    """The statement of an account in its published form."""
    holes = {told.origin: told.harvest.holes for told in testimonies}
    found = {
        "statement": VERSION,
        "account": account,
        "rests_on": {
            "as_of": account["as_of"],
            "windows": [one if isinstance(one, str) else list(one) for one in windows],
            "readings": account["readings"],
            "origins": [
                {
                    "origin": head.origin,
                    "vantage": head.vantage,
                    "size": head.size,
                    "root": head.root,
                    "missing": [[hole.first_seq, hole.last_seq] for hole in holes[head.origin]],
                }
                for head in sorted(heads, key=lambda head: head.origin)
            ],
            "contract": {"id": terms.id, "sha256": terms.sha256, "text": terms.text},
            "calendar": _quoted(calendar, _hull(account)),
            "code": {"version": version},
        },
        "restates": restates,
    }
    return as_read(found)


def _hull(account: Mapping[str, Any]) -> Span:
    edges = [one["window"][edge] for one in account["attainments"] for edge in ("start", "end")]
    edges.append(account["as_of"])
    return Span(min(edges) - AROUND, max(edges) + AROUND)


def _quoted(calendar: Calendar, span: Span) -> dict[str, Any]:
    """What of a calendar the account can have looked at."""
    inside = [(at, offset) for at, offset in calendar.transitions if span.start < at < span.end]
    return {
        "zone": calendar.zone,
        "tzdata": calendar.tzdata_version,
        "holidays": calendar.holidays_version,
        "offsets": [[span.start, calendar.offset(span.start)], *map(list, inside)],
        "days_off": [day.isoformat() for day in _days(calendar, span) if day in calendar.holidays],
    }


def _days(calendar: Calendar, span: Span) -> Iterable[date]:
    first, last = calendar.date_of(span.start), calendar.date_of(span.end)
    return (first + timedelta(k) for k in range((last - first).days + 1))


def as_read(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement as it comes back from its bytes: spans are lists, and so on."""
    return msgspec.json.decode(msgspec.json.encode(statement), type=dict[str, Any])


def encode(statement: Mapping[str, Any]) -> bytes:
    """The bytes of a statement: the same for equal ones, on any machine."""
    return msgspec.json.format(msgspec.json.encode(statement, order="sorted"), indent=2) + b"\n"


def sha256(data: bytes) -> str:
    """What a statement is called by."""
    return hashlib.sha256(data).hexdigest()


class _Origin(msgspec.Struct, frozen=True):
    origin: str
    size: int
    root: str | None


class _Contract(msgspec.Struct, frozen=True):
    id: str
    sha256: str
    text: str


class _Grounds(msgspec.Struct, frozen=True):
    as_of: Instant
    windows: list[str | tuple[Instant, Instant]]
    readings: dict[str, str]
    origins: list[_Origin]
    contract: _Contract


class _Form(msgspec.Struct, frozen=True):
    statement: Annotated[int, msgspec.Meta(ge=1)]
    account: dict[str, Any]
    rests_on: _Grounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A statement that was read from its file."""

    name: str
    """What messages call it."""
    data: bytes
    whole: dict[str, Any]
    grounds: _Grounds

    @property
    def sha256(self) -> str:
        return sha256(self.data)

    @property
    def sizes(self) -> dict[str, int]:
        """Origin → how many of its lines it rests on."""
        return {one.origin: one.size for one in self.grounds.origins}

    @property
    def windows(self) -> list[Asked]:
        """The windows that were asked for."""
        return [one if isinstance(one, str) else Span(*one) for one in self.grounds.windows]  # type: ignore[misc]

    @property
    def spans(self) -> list[Asked]:
        """The windows that came of it, each as a span."""
        found = {
            (one["window"]["start"], one["window"]["end"]) for one in self.whole["account"]["attainments"]
        }
        return [Span(*edges) for edges in sorted(found)]


def read(path: Path) -> Filed:
    """The statement of a file; UsageError says what is wrong with one that is none."""
    try:
        data = path.read_bytes()
        whole = msgspec.json.decode(data, type=dict[str, Any])
        form = msgspec.convert(whole, _Form)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a statement of constat, got: {error}") from error
    if form.statement > VERSION:
        raise UsageError(
            f"{path}: expected a statement of version {VERSION} or older, got {form.statement}; "
            "upgrade constat"
        )
    contract = form.rests_on.contract
    if hashlib.sha256(contract.text.encode()).hexdigest() != contract.sha256:
        raise UsageError(f"{path}: rests_on.contract: its text is not the one that its sha256 is of")
    return Filed(name=str(path), data=data, whole=whole, grounds=form.rests_on)


def same_windows(account: Mapping[str, Any], filed: Mapping[str, Any]) -> dict[str, Any]:
    """Of an account over given spans, the figures over the windows of the filed one, under their kinds."""
    found = dict(account)
    for key in ("attainments", "durability"):
        drawn = {_window_of(one): one for one in account[key]}
        found[key] = [
            _under(drawn[_window_of(one)], one["window"]["kind"])
            for one in filed[key]
            if _window_of(one) in drawn
        ]
    kinds = {_window_of(one): one["window"]["kind"] for one in found["attainments"]}
    found["readings_effect"] = [
        {
            **effect,
            "figures": [
                _under(one, kinds[_window_of(one)]) for one in effect["figures"] if _window_of(one) in kinds
            ],
        }
        for effect in account["readings_effect"]
    ]
    return found


def _window_of(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["commitment"], one["service"], one["window"]["start"], one["window"]["end"]


def _under(one: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {**one, "window": {**one["window"], "kind": kind}}
