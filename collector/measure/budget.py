"""How often the provider may be asked: per account, across the processes of a host and across vantage points.

At most `rate` requests in any second and account, and never two identical ones within a second: the contract
limits identical requests (SLA4), and takes what overuse sets off out of its promises.

*Across origins* there is nothing to lock, so they take turns on the UTC grid: of every cycle of 2 s *
origins, origin i may ask only in its own second, [2i, 2i + 1). The second after it is nobody's, so that
clocks that differ by less than a second spoil nothing. An origin alone has no turns. *On one host* all
processes share one file; its instants are of boot time, which never steps and is the same for all of them.

Who is in no hurry (a source, not a probe) asks in the `lull` alone: when nobody asked for a second.

After a throttled answer nothing is asked for that account for a while, doubling each time. After two rejected
credentials in a row no signed request is sent any more: four would lock the account.
"""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import msgspec

from collector.core.record import Outcome, Reason
from collector.core.timeline import MILLISECOND, MINUTE, SECOND, Duration, Instant

APART: Duration = SECOND + 50 * MILLISECOND
"""A second, and what the way to the provider may take off it: requests do not all travel equally fast."""

AHEAD: Duration = 10 * SECOND
"""What is booked further ahead than this was booked by another boot."""

PAUSE_FIRST: Duration = 4 * SECOND
PAUSE_LIMIT: Duration = 5 * MINUTE

ACCOUNT_WIDE = frozenset({Reason.RATE_ACCOUNT, Reason.RATE_PLATFORM, Reason.RATE_UNSAID})
"""Throttling of an account as a whole; where it is of one call or store, that probe's back-off will do."""

REJECTIONS = 2
"""Rejected credentials in a row after which signed requests stop."""

BUSY: Duration = 50 * MILLISECOND
"""When to try again if another process holds the file."""


class Ledger(msgspec.Struct):
    """What was asked lately of one account; instants are of boot time."""

    sent: list[Instant] = []
    """Requests of the last second or so."""
    identical: dict[str, Instant] = {}
    """Request → when it was sent last, if that is as recent."""
    paused_until: Instant = 0
    pause: Duration = 0
    """How long the last pause for throttling was; 0 while all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Who may ask when: `rate` requests per second and account, for origin `index` of `origins`."""

    rate: int = 2
    origins: int = 1
    index: int = 0

    @property
    def cycle(self) -> Duration:
        """How often an origin's turn comes: bursts of requests to the provider are spaced by it."""
        return 2 * SECOND * self.origins

    @property
    def share(self) -> Fraction:
        """Requests per second that this origin can make in the long run."""
        return Fraction(self.rate * SECOND, APART if self.origins == 1 else self.cycle)

    def wait(self, utc: Instant) -> Duration:
        """How long until this origin's turn; 0 during it."""
        if self.origins == 1:
            return 0
        into = (utc - 2 * SECOND * self.index) % self.cycle
        return 0 if into < SECOND else self.cycle - into


def wait(
    ledger: Ledger, turns: Turns, request: str, *, boot: Instant, utc: Instant, lull: bool = False
) -> Duration:
    """How long `request` has to wait from now; 0 means that it may be sent."""
    earliest = max(boot, ledger.paused_until)
    if (last := ledger.identical.get(request)) is not None:
        earliest = max(earliest, last + APART)
    if len(ledger.sent) >= turns.rate:
        earliest = max(earliest, sorted(ledger.sent)[-turns.rate] + APART)
    if lull and ledger.sent:
        earliest = max(earliest, max(ledger.sent) + APART)
    return earliest - boot + turns.wait(utc + earliest - boot)


def spend(ledger: Ledger, request: str, *, boot: Instant) -> None:
    """`request` is sent now."""
    ledger.sent.append(boot)
    ledger.identical[request] = boot


def answered(ledger: Ledger, outcome: Outcome, reason: Reason, *, boot: Instant) -> None:
    """What came of a request: throttling of the account pauses it, any answer else ends the doubling."""
    if outcome is Outcome.THROTTLED and reason in ACCOUNT_WIDE:
        if boot >= ledger.paused_until:  # requests that were on their way together are throttled together
            ledger.pause = min(PAUSE_LIMIT, 2 * ledger.pause or PAUSE_FIRST)
        ledger.paused_until = boot + ledger.pause
    elif outcome in (Outcome.OK, Outcome.FAILED):
        ledger.pause = 0


def forget(ledger: Ledger, boot: Instant) -> None:
    """Drop what no longer matters, and what lies too far ahead to be of this boot.

    A little ahead is what another process booked while this one waited for the file.
    """

    def matters(at: Instant) -> bool:
        return boot - APART < at <= boot + AHEAD

    ledger.sent = [at for at in ledger.sent if matters(at)]
    ledger.identical = {request: at for request, at in ledger.identical.items() if matters(at)}
    if ledger.paused_until > boot + PAUSE_LIMIT + AHEAD:
        ledger.paused_until = ledger.pause = 0


@dataclass(slots=True)
class Rejections:
    """Rejected credentials in a row per account; whoever reads credentials anew begins a new one of these."""

    _in_a_row: dict[str, int] = field(default_factory=dict)

    def stopped(self, account: str) -> bool:
        """Whether signed requests for `account` have stopped."""
        return self._in_a_row.get(account, 0) >= REJECTIONS

    def answered(self, account: str, outcome: Outcome, reason: Reason) -> bool:
        """What came of a signed request; gives True when it is the one that stops further ones."""
        if outcome is Outcome.OK:
            self._in_a_row.pop(account, None)
        elif (outcome, reason) == (Outcome.BLIND, Reason.CREDENTIALS):
            self._in_a_row[account] = self._in_a_row.get(account, 0) + 1
            return self._in_a_row[account] == REJECTIONS
        return False


def together(a: Ledger, b: Ledger) -> Ledger:
    """All that either knows: this process's own memory, and what the file says of all."""
    return Ledger(
        sent=sorted((Counter(a.sent) | Counter(b.sent)).elements()),
        identical={
            request: max(a.identical.get(request, 0), b.identical.get(request, 0))
            for request in a.identical.keys() | b.identical.keys()
        },
        paused_until=max(a.paused_until, b.paused_until),
        pause=a.pause if a.paused_until > b.paused_until else b.pause,
    )


_ledgers = msgspec.json.Decoder(dict[str, Ledger])
_BLOCK = 4096
"""The file is a whole number of these and never shrinks: rewriting it needs no room on a full disk."""


class BudgetFile:
    """The ledgers of all accounts in one locked file, for all processes of a host.

    It never blocks: where another process holds the file, one asks again in a moment. Where the file cannot
    be used at all (a full or read-only disk) this process keeps to the rules alone, and `trouble` says why.
    """

    def __init__(self, path: Path, turns: Turns) -> None:
        self._path = path
        self._turns = turns
        self._memory: dict[str, Ledger] = {}
        self.trouble = ""

    def take(
        self, account: str, request: str, *, boot: Instant, utc: Instant, lull: bool = False
    ) -> Duration:
        """0 if `request` may be sent now (then it is booked), else how long to wait before asking again."""
        with self._shared(account, boot) as ledger:
            if ledger is None:
                return BUSY
            waits = wait(ledger, self._turns, request, boot=boot, utc=utc, lull=lull)
            if waits == 0:
                spend(ledger, request, boot=boot)
            return waits

    def answered(self, account: str, outcome: Outcome, reason: Reason, *, boot: Instant) -> None:
        """Tell what came of a request."""
        if outcome is Outcome.OK and not self._memory.get(account, Ledger()).pause:
            return  # all is well, and was
        with self._shared(account, boot) as ledger:
            answered(ledger or self._memory.setdefault(account, Ledger()), outcome, reason, boot=boot)

    @contextmanager
    def _shared(self, account: str, boot: Instant) -> Iterator[Ledger | None]:
        """The account's ledger, to be changed in place; None while another process holds the file."""
        with ExitStack() as closing:
            try:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
                closing.callback(os.close, file)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with suppress(OSError):  # another user's, who said so already
                    os.fchmod(file, 0o660)
                ledgers = _read(file)
            except BlockingIOError:
                yield None
                return
            except OSError as error:
                self.trouble = f"{self._path}: {error.strerror}"
                file, ledgers = -1, {}
            ledger = together(self._memory.get(account, Ledger()), ledgers.get(account, Ledger()))
            forget(ledger, boot)
            yield ledger
            self._memory[account] = ledgers[account] = ledger
            if file >= 0:
                self._write(file, ledgers)

    def _write(self, file: int, ledgers: Mapping[str, Ledger]) -> None:
        text = msgspec.json.encode(ledgers)
        size = max(os.fstat(file).st_size, -(-len(text) // _BLOCK) * _BLOCK)
        try:
            os.pwrite(file, text.ljust(size), 0)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"


def _read(file: int) -> dict[str, Ledger]:
    """What the file says; nothing where a write was torn: what is lost then was a second old at most."""
    try:
        return _ledgers.decode(os.pread(file, os.fstat(file).st_size, 0))
    except msgspec.DecodeError:
        return {}
