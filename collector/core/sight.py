"""Lines of one origin → the stretches in which its probes were UP, DOWN or on EDGE (rules S2 to S5, T4).

Theory. A sample says something about its own [sent, done) only together with its neighbours, and about the
time between two samples only where the earlier one *sees* the later one. So a probe needs one sample of
memory: its last settled one, whose own span waits until the next line tells what lies to its right. All else
is closed and never changes, which is why feeding one line at a time and replaying a journal are the same code
(law 4). What no stretch covers is UNKNOWN (S5), so blindness needs no record.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec

from collector.core.record import (
    FORMAT,
    Clock,
    Declaration,
    Gap,
    Line,
    Outcome,
    Plan,
    Probe,
    Reason,
    Sample,
    Start,
    Stop,
)
from collector.core.timeline import SECOND, Duration, Instant, Span
from collector.errors import UncountableJournal

CLOCK_TOLERANCE: Duration = SECOND
"""An error bound over this, or none, makes a clock untrusted (T4)."""


class State(StrEnum):
    """What is known of a stretch of time (S3, S4). UNKNOWN is never written: it is what no stretch covers."""

    UP = "up"
    DOWN = "down"
    EDGE = "edge"
    ANSWERED = "answered"
    """EDGE in which an answer came: an ok sample's own span beside a failed one. Counts as EDGE everywhere;
    told apart because an answer splits an incident (G1)."""
    UNKNOWN = "unknown"

    __hash__ = str.__hash__  # states are looked up for every stretch, and an Enum hashes in Python


_OK, _UP = Outcome.OK, State.UP  # asked of every line, and a member of an Enum is found in Python


class Kind(NamedTuple):
    """What stretches of time have in common: one probe was in one state for all of each."""

    probe: str
    throttle: str
    """The choice of the reading `platform-throttle` under which they hold; empty where it makes no odds."""
    state: State


Stretches: TypeAlias = dict[Kind, list[tuple[Instant, Instant]]]
"""Kind → its stretches [start, end), in the order in which they were found; a `defaultdict`."""


class Hole(NamedTuple):
    """Lines `first_seq` to `last_seq` are missing from the journal; nothing is known of their time.

    A plan may have been among them, so `span` goes on to the next plan: until there the rules are the old
    ones, and every figure that rests on them says that lines are missing.
    """

    first_seq: int
    last_seq: int
    span: Span


@dataclass(slots=True)
class Harvest:
    """What a track has found since it was last emptied: all that the account of one origin needs."""

    stretches: Stretches = field(default_factory=partial(defaultdict, list))
    plans: list[Plan] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    untrusted: list[Span] = field(default_factory=list)
    """When the wall clock was not to be trusted (T4)."""
    holes: list[Hole] = field(default_factory=list)


def together(parts: Iterable[Harvest]) -> Harvest:
    """What was found in several parts, of which none is changed."""
    whole = Harvest()
    for part in parts:
        for kind, stretches in part.stretches.items():
            whole.stretches[kind] += stretches
        whole.plans += part.plans
        whole.declarations += part.declarations
        whole.untrusted += part.untrusted
        whole.holes += part.holes
    return whole


class Testimony(NamedTuple):
    """What one origin has to say, from its first line to its last."""

    origin: str
    vantage: str
    began: Instant
    until: Instant
    harvest: Harvest


Snapshot: TypeAlias = dict[str, Any]


NEVER: Instant = -(1 << 62)


class Eye:
    """What one probe has seen: its last settled sample, and the stretch that is still growing up to it."""

    __slots__ = (
        "done", "grows", "last", "left", "probe", "sent", "sight", "since", "throttle", "upto", "valid_from",
    )  # fmt: skip

    def __init__(self, probe: Probe, valid_from: Instant) -> None:
        self.ask(probe, valid_from)
        self.last: bool | None = None  # the last settled sample was ok; None when nothing may see the next
        self.left: State | None = None  # the seen time before it
        self.sent: Instant = NEVER
        self.done: Instant = NEVER  # also the floor: time before it has been told
        self.grows: State | None = None
        self.since: Instant = 0
        self.upto: Instant = 0
        self.throttle = ""

    def ask(self, probe: Probe, valid_from: Instant) -> None:
        """From now on the question is `probe`."""
        self.probe, self.valid_from, self.sight = probe, valid_from, probe.sight

    def settle(self, sent: Instant, done: Instant, ok: bool, out: Stretches) -> None:
        """An ok or failed sample."""
        # A clock that is slewed back tells some time twice: what was told first stands.
        sent = max(sent, self.done)
        done = max(done, sent)
        between: State | None = None
        gap = sent - self.done
        # S2: the last sample sees this one.
        if self.last is not None and gap <= self.sight:
            # S3.
            if self.last != ok:
                between = State.EDGE
            elif ok:
                between = State.UP
            else:
                between = State.DOWN if gap <= self.probe.persistence else State.EDGE
            self._own(between, out)
            self._grow(self.done, sent, between, out)
        else:
            self._own(None, out)
            self.flush(out)  # what grew ends here, also where this sample takes no time
        self.last, self.left, self.sent, self.done = ok, between, sent, done

    def interrupt(self, out: Stretches) -> None:
        """From here to the next sample nothing is seen (S2)."""
        self._own(None, out)
        self.last = self.left = None
        self.flush(out)

    def flush(self, out: Stretches) -> None:
        """Close the stretch that grows."""
        if self.grows is not None:
            out[Kind(self.probe.name, self.throttle, self.grows)].append((self.since, self.upto))
            self.grows = None

    def _own(self, right: State | None, out: Stretches) -> None:
        # S4: the last sample's own span, now that both sides are known.
        if self.last is None:
            return
        if self.last:
            own = State.ANSWERED if State.EDGE in (self.left, right) else State.UP
        else:
            own = State.DOWN if self.left is State.DOWN and right is State.DOWN else State.EDGE
        self._grow(self.sent, self.done, own, out)

    def _grow(self, start: Instant, end: Instant, state: State, out: Stretches) -> None:
        if end <= start:
            return
        if self.grows is state and self.upto == start:
            self.upto = end
            return
        self.flush(out)
        self.grows, self.since, self.upto = state, start, end

    def __copy__(self) -> "Eye":
        # For every figure of the present each eye is copied; the way of `copy` is ten times as long.
        twin = object.__new__(Eye)
        for name in Eye.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def memory(self) -> list[Any]:
        """What it remembers, as JSON has it."""
        return [
            self.valid_from, self.last, self.left, self.sent, self.done, self.grows, self.since, self.upto,
            self.throttle,
        ]  # fmt: skip

    @classmethod
    def remembering(cls, probe: Probe, memory: Sequence[Any]) -> "Eye":
        """The eye whose `memory` this was."""
        eye = cls(probe, memory[0])
        eye.last, eye.sent, eye.done, eye.since, eye.upto = memory[1], *memory[3:5], *memory[6:8]
        eye.left = None if memory[2] is None else State(memory[2])
        eye.grows = None if memory[5] is None else State(memory[5])
        eye.throttle = memory[8]
        return eye


NOT_UNAVAILABLE, UNAVAILABLE = "not-unavailable", "unavailable"
"""The choices of the reading `platform-throttle`."""


class Track:
    """Follows one origin, line by line in the order of `seq`.

    What is settled lands in `harvest` and never changes; `take` empties it. `snapshot` and `restore` carry
    all that is still open over a restart. Raises UncountableJournal naming the line that cannot be counted.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.vantage = origin
        self.seq = -2  # before any first line
        self.began: Instant | None = None
        self.until: Instant = 0
        """The `at` of the newest line so far."""
        self.plan: Plan | None = None
        self.harvest = Harvest()
        self._whole = True
        self._holes: list[Hole] = []  # since the last plan
        self._clock_seen = False
        self._untrusted_since: Instant | None = None
        self._eyes: dict[str, Eye] = {}
        self._argued: dict[str, Eye] = {}  # forks, while `platform-throttle` makes a difference

    def feed(self, line: Line) -> None:
        """The next line."""
        if line.seq != self.seq + 1:
            self._jump(line)
        self.seq = line.seq
        if line.at > self.until:
            self.until = line.at
        if type(line) is Sample:
            eye = self._eyes.get(line.probe)
            # The common case, kept short: ok after ok, seen, with nothing but UP before.
            if (
                eye is not None
                and eye.last
                and line.outcome is _OK
                and eye.left is _UP
                and eye.grows is _UP
                and eye.done <= line.sent <= line.done <= line.at + CLOCK_TOLERANCE
                and line.slot >= eye.valid_from
                and line.sent - eye.done <= eye.sight
                and not self._argued
            ):
                eye.sent = eye.upto = line.sent
                eye.done = line.done
                return
            self._sample(line, eye)
        else:
            self._other(line)

    def take(self) -> Harvest:
        """What was found since the last time."""
        taken, self.harvest = self.harvest, Harvest()
        return taken

    def tail(self) -> Harvest:
        """What is still open, as it stands if no further line comes; belongs after all that `take` gave."""
        tail = Harvest()
        for eye in (*self._eyes.values(), *self._argued.values()):
            copy(eye).interrupt(tail.stretches)
        if self.began is not None and not self._clock_seen:
            tail.untrusted.append(Span(self.began, self.until))
        elif self._untrusted_since is not None and self._untrusted_since < self.until:
            tail.untrusted.append(Span(self._untrusted_since, self.until))
        tail.holes = self._holes_until(self.until)
        return tail

    def testimony(self) -> Testimony:
        """All of it, for a track that was never emptied."""
        whole = together((self.harvest, self.tail()))
        return Testimony(self.origin, self.vantage, self.began or 0, self.until, whole)

    # ------------------------------------------------------------------------------------------- a restart

    def snapshot(self) -> Snapshot:
        """All that is still open, as JSON has it; empty the harvest first: it is not part of this."""
        return {
            "origin": self.origin,
            "vantage": self.vantage,
            "seq": self.seq,
            "began": self.began,
            "until": self.until,
            "plan": msgspec.to_builtins(self.plan),
            "whole": self._whole,
            "holes": self._holes,
            "clock_seen": self._clock_seen,
            "untrusted_since": self._untrusted_since,
            "eyes": [_remembered(eye) for eye in self._eyes.values()],
            "argued": [_remembered(eye) for eye in self._argued.values()],
        }

    @classmethod
    def restore(cls, snapshot: Snapshot) -> "Track":
        """The track as it was when `snapshot` was made, with an empty harvest."""
        track = cls(snapshot["origin"])
        track.vantage, track.seq = snapshot["vantage"], snapshot["seq"]
        track.began, track.until = snapshot["began"], snapshot["until"]
        track.plan = msgspec.convert(snapshot["plan"], Plan | None)
        track._whole, track._clock_seen = snapshot["whole"], snapshot["clock_seen"]
        track._holes = [Hole(first, last, Span(*span)) for first, last, span in snapshot["holes"]]
        track._untrusted_since = snapshot["untrusted_since"]
        for name, eyes in (("eyes", track._eyes), ("argued", track._argued)):
            for probe, memory in snapshot[name]:
                eye = Eye.remembering(msgspec.convert(probe, Probe), memory)
                eyes[eye.probe.name] = eye
        return track

    # -------------------------------------------------------------------------------------------- each line

    def _jump(self, line: Line) -> None:
        if self.began is None:
            self.began = line.at
            self._whole = isinstance(line, Start)
            return
        if line.seq <= self.seq:
            raise self._uncountable(
                line, f"expected a seq above {self.seq}, so the journal tells a story twice"
            )
        self._whole = False
        # Among what is missing, the clock may have been set.
        self._begin_afresh(line.at)
        self._holes.append(Hole(self.seq + 1, line.seq - 1, Span(self.until, max(line.at, self.until))))

    def _holes_until(self, at: Instant) -> list[Hole]:
        return [hole._replace(span=Span(hole.span.start, max(hole.span.end, at))) for hole in self._holes]

    def _sample(self, line: Sample, eye: Eye | None) -> None:
        if eye is None:
            if self._whole:
                raise self._uncountable(
                    line, f'sample of probe "{line.probe}", which no plan before it names'
                )
            return
        before = max(follower.sent for follower in self._followers(eye))
        stale = line.slot < eye.valid_from
        if stale:
            # S2: asked under the plan before, it sees nothing, and lies in the time of that one alone.
            self._interrupt(eye)
        done = min(line.done, eye.valid_from) if stale else line.done
        if not before <= line.sent <= line.done <= line.at + CLOCK_TOLERANCE:
            self._out_of_order(line, eye)
        elif line.outcome is Outcome.THROTTLED and line.reason is Reason.RATE_PLATFORM:
            self._platform_throttled(line.sent, done, eye)
        elif line.outcome in (Outcome.OK, Outcome.FAILED):
            ok = line.outcome is Outcome.OK
            for follower in self._followers(eye):
                follower.settle(line.sent, done, ok, self.harvest.stretches)
        else:
            self._interrupt(eye)
        if stale:
            self._interrupt(eye)

    def _out_of_order(self, line: Sample, eye: Eye) -> None:
        # T4: a clock jumped and nobody said so, or the line contradicts itself. It sees nothing, and is said.
        upto = max(eye.done, self.began or 0)
        self._interrupt(eye)
        self.harvest.untrusted.append(Span(upto, max(upto, line.at) + 1))

    def _platform_throttled(self, sent: Instant, done: Instant, eye: Eye) -> None:
        # Reading `platform-throttle`: not unavailability (safe), or as good as failed (arguable).
        out = self.harvest.stretches
        name = eye.probe.name
        if name not in self._argued:
            eye.flush(out)
            fork = copy(eye)
            eye.throttle, fork.throttle = NOT_UNAVAILABLE, UNAVAILABLE
            self._argued[name] = fork
        eye.interrupt(out)
        self._argued[name].settle(sent, done, False, out)

    def _followers(self, eye: Eye) -> tuple[Eye, ...]:
        fork = self._argued.get(eye.probe.name)
        return (eye,) if fork is None else (eye, fork)

    def _interrupt(self, eye: Eye) -> None:
        for follower in self._followers(eye):
            follower.interrupt(self.harvest.stretches)
        # From here on both readings see the same again.
        fork = self._argued.pop(eye.probe.name, None)
        if fork is not None:
            eye.done = max(eye.done, fork.done)
            eye.throttle = ""

    def _interrupt_all(self) -> None:
        for eye in self._eyes.values():
            self._interrupt(eye)

    def _begin_afresh(self, at: Instant) -> None:
        # The clock may have been set back by any amount: what is told twice then, `seen` makes UNKNOWN.
        self._interrupt_all()
        for eye in self._eyes.values():
            eye.sent = eye.done = eye.valid_from = NEVER
        if self.plan is not None and at < self.plan.at:
            self.plan = msgspec.structs.replace(self.plan, at=at)
            self.harvest.plans.append(self.plan)

    def _other(self, line: Line) -> None:
        match line:
            case Clock():
                self._clock(line)
            case Gap(probes=("*",)):
                self._interrupt_all()
            case Gap():
                for name in line.probes:
                    if name in self._eyes:
                        self._interrupt(self._eyes[name])
            case Plan():
                self._plan(line)
            case Declaration():
                self.harvest.declarations.append(line)
            case Start():
                self._start(line)
            case Stop():
                self._interrupt_all()
            # Of others (host, anchor, rotate) nothing is counted.

    def _start(self, line: Start) -> None:
        if line.format > FORMAT:
            raise self._uncountable(
                line, f"expected format {FORMAT} or older, got {line.format}: upgrade constat"
            )
        if self._eyes and line.vantage != self.vantage:
            raise self._uncountable(
                line, f'vantage is now "{line.vantage}" and was "{self.vantage}": an origin has one'
            )
        self.vantage = line.vantage
        self._begin_afresh(line.at)

    def _clock(self, line: Clock) -> None:
        # T4.
        self._clock_seen = True
        if line.step:
            self._begin_afresh(line.at)
        trusted = bool(line.synced) and line.error is not None and line.error <= CLOCK_TOLERANCE
        if not trusted and self._untrusted_since is None:
            self._untrusted_since = line.at
        elif trusted and self._untrusted_since is not None:
            if self._untrusted_since < line.at:
                self.harvest.untrusted.append(Span(self._untrusted_since, line.at))
            self._untrusted_since = None

    def _plan(self, line: Plan) -> None:
        self.harvest.holes += self._holes_until(line.at)
        self._holes = []
        if self.plan is None or _content(self.plan) != _content(line):
            self.harvest.plans.append(line)
        before = {} if self.plan is None else {probe.name: probe for probe in self.plan.probes}
        named = {probe.name: probe for probe in line.probes}
        self.plan = line
        for name, probe in {**before, **named}.items():
            if named.get(name) == before.get(name):
                continue
            # S2: also where a probe is left out, and where it comes back the same as it was.
            if name in self._eyes:
                self._interrupt(self._eyes[name])
                self._eyes[name].ask(probe, line.at)
            else:
                self._eyes[name] = Eye(probe, line.at)

    def _uncountable(self, line: Line, why: str) -> UncountableJournal:
        return UncountableJournal(f"{self.origin}:{line.seq}: {why}")


def _remembered(eye: Eye) -> tuple[Any, list[Any]]:
    return msgspec.to_builtins(eye.probe), eye.memory()


def _content(plan: Plan) -> tuple[object, ...]:
    return plan.contract, plan.contract_sha256, plan.accounts, plan.services, plan.probes
