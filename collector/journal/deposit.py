"""What is handed to a third party before it matters: which origin, key, plan and authorities are the ones.

A page for people, with lines `field: value` for programs. `origin: …` begins a block, and all fields after it
belong to it, up to the next one. Lines that are none of these are prose, and fields that are not known are
passed over; but what one says twice, or leaves out, no later reader could hold anything to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from collector.journal.note import Vkey

VERSION = 1

_FIELD = re.compile(r"([a-z0-9-]+): (.*)")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A time-stamp authority that stamps the origin's checkpoints."""

    name: str
    ca: str
    """SHA-256 of the certificate file that is pinned, hex."""
    policy: str
    """OID, or "-" where none is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """What is deposited of one origin."""

    origin: str
    vantage: str
    key: Vkey
    start: str
    """Leaf hash of its first line, hex."""
    plan: str
    """Leaf hash of the plan in force, hex, and that line's `seq`."""
    plan_line: int
    contract: str
    contract_sha256: str
    authorities: tuple[Authority, ...] = ()
    cadence: int
    """Seconds between checkpoints at most."""
    size: int | None = None
    """The newest checkpoint: how many lines, and the root, hex; None where there was none yet."""
    root: str | None = None

    def fields(self) -> list[str]:
        """Its lines."""
        pairs = [
            ("origin", self.origin), ("vantage", self.vantage), ("key", str(self.key)), ("start", self.start),
            ("plan", self.plan), ("plan-line", str(self.plan_line)), ("contract", self.contract),
            ("contract-sha256", self.contract_sha256),
            *(("authority", f"{a.name} {a.ca} {a.policy}") for a in self.authorities),
            ("cadence", str(self.cadence)),
        ]  # fmt: skip
        if self.size is not None:
            pairs += [("size", str(self.size)), ("root", str(self.root))]
        return [f"{name}: {value}" for name, value in pairs]


def written(deposits: Iterable[Deposit]) -> str:
    """All lines that programs read, a block for each origin."""
    blocks = [[f"constat-deposit: {VERSION}"], *(one.fields() for one in deposits)]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def parse(text: str) -> tuple[Deposit, ...]:
    """What a page deposits; ValueError says what it leaves out, says twice, or says wrongly."""
    found = [match.groups() for line in text.splitlines() if (match := _FIELD.fullmatch(line.rstrip()))]
    versions = [value for name, value in found if name == "constat-deposit"]
    if versions != [str(VERSION)]:
        stated = ", ".join(versions) or "none"
        raise ValueError(f'expected one line "constat-deposit: {VERSION}", got {stated}')
    blocks: list[list[tuple[str, str]]] = []
    for name, value in found:
        if name == "origin":
            blocks.append([])
        if blocks:
            blocks[-1].append((name, value))
    if not blocks:
        raise ValueError('expected a line "origin: …", got none')
    deposits = tuple(_Block(block).deposit() for block in blocks)
    names = [one.origin for one in deposits]
    if len(set(names)) < len(names):
        raise ValueError(f"expected each origin once, got {', '.join(names)}")
    return deposits


class _Block:
    """The fields of one origin."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields
        self._origin = fields[0][1]

    def deposit(self) -> Deposit:
        key = self._key()
        sized = any(name in ("size", "root") for name, _ in self._fields)
        return Deposit(
            origin=self._origin,
            vantage=self._one("vantage"),
            key=key,
            start=self._one("start", _HASH),
            plan=self._one("plan", _HASH),
            plan_line=int(self._one("plan-line", _NUMBER)),
            contract=self._one("contract"),
            contract_sha256=self._one("contract-sha256", _HASH),
            authorities=tuple(self._authority(v) for name, v in self._fields if name == "authority"),
            cadence=int(self._one("cadence", _NUMBER)),
            size=int(self._one("size", _NUMBER)) if sized else None,
            root=self._one("root", _HASH) if sized else None,
        )

    def _one(self, field: str, form: re.Pattern[str] | None = None) -> str:
        values = [value for name, value in self._fields if name == field]
        if len(values) != 1:
            raise ValueError(f"origin {self._origin}: {field}: expected it once, got it {len(values)} times")
        if form is not None and not form.fullmatch(values[0]):
            expected = "64 hex digits" if form is _HASH else "a number"
            raise ValueError(f'origin {self._origin}: {field}: expected {expected}, got "{values[0][:100]}"')
        return values[0]

    def _key(self) -> Vkey:
        try:
            key = Vkey.parse(self._one("key"))
        except ValueError as error:
            raise ValueError(f"origin {self._origin}: key: {error}") from error
        if key.name != self._origin:
            raise ValueError(f"origin {self._origin}: key: expected a key of that name, got {key}")
        return key

    def _authority(self, value: str) -> Authority:
        name, _, rest = value.partition(" ")
        ca, _, policy = rest.partition(" ")
        if not (name and policy and _HASH.fullmatch(ca)) or " " in policy:
            raise ValueError(
                f'origin {self._origin}: authority: expected "name sha256 policy", got "{value[:100]}"'
            )
        return Authority(name=name, ca=ca, policy=policy)
