"""What stands behind an outage: per probe the samples that bound it, and their lines of the journal."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collector.core.account import Account
from collector.core.outage import Outage
from collector.core.record import Outcome, Probe, Reason, Sample
from collector.core.sight import UNAVAILABLE, Testimony
from collector.core.timeline import Span, Spans, intersection, spans, union, within
from collector.core.verdict import Watcher, seen
from collector.journal.passage import Cited
from exporters.documents import matching


@dataclass(kw_only=True)
class Witness:
    """One probe during one outage; `hear` it all samples of its `reach`, in order."""

    outage: str
    watcher: Watcher
    control: bool
    span: Span
    """Of the outage."""
    run: Span
    """For how long this probe itself may have failed around then: from an answer to an answer."""
    reach: Span
    """The time in which the samples that bound it lie."""
    throttled_fails: bool
    last_ok: Cited | None = None
    """Before the first failure."""
    first_failed: Cited | None = None
    last_failed: Cited | None = None
    first_ok: Cited | None = None
    """After the last failure."""
    counts: Counter[tuple[Outcome, Reason]] = field(default_factory=Counter)
    """Of the samples in the outage, by what they came to."""
    samples: list[Cited] | None = None
    """All of those, where they are asked for."""
    asking: matching.Asking | None = None
    """For the provider's log, if there is one."""
    asked: list[matching.Asked] = field(default_factory=list)
    """Samples of its reach that a log of the provider would have."""
    logged: tuple[matching.Told, ...] = ()
    """What the log says of those in the outage."""

    def hear(self, cited: Cited) -> None:
        """The next sample of this probe."""
        sample = cited.line
        assert isinstance(sample, Sample)
        if not _meet(sample, self.reach):
            return
        if self.asking is not None and (asked := self.asking(sample)).account:
            self.asked.append(asked)
        if self._failed(sample) and _meet(sample, self.run):
            self.first_failed = self.first_failed or cited
            self.last_failed, self.first_ok = cited, None
        elif sample.outcome is Outcome.OK:
            if self.first_failed is None:
                self.last_ok = cited
            else:
                self.first_ok = self.first_ok or cited
        if _meet(sample, self.span):
            self.counts[sample.outcome, sample.reason] += 1
            if self.samples is not None:
                self.samples.append(cited)

    def match(self, log: Sequence[matching.Collected]) -> None:
        """Once it was heard: what the provider logged of its samples."""
        told = matching.match(self.asked, log).told
        self.logged = tuple(one for one in told if _meet(one.asked, self.span))

    def _failed(self, sample: Sample) -> bool:
        throttled = sample.outcome is Outcome.THROTTLED and sample.reason is Reason.RATE_PLATFORM
        return sample.outcome is Outcome.FAILED or (self.throttled_fails and throttled)


def _meet(sample: Sample | matching.Asked, span: Span) -> bool:
    return sample.sent <= span.end and span.start <= sample.done


def witnesses(
    account: Account,
    outages: Iterable[Outage],
    testimonies: Sequence[Testimony],
    *,
    keep: bool = False,
    logged: bool = False,
) -> list[Witness]:
    """Who is to be heard about each outage: the probes of its service, then the controls beside them.

    `keep` keeps their samples, `logged` prepares them to be matched with a log of the provider.
    """
    asking = {told.origin: matching.asking(told.origin, told.harvest.plans) for told in testimonies}
    by_probe = seen(testimonies, account.readings["platform-throttle"])
    asked = questions(testimonies)
    found = []
    for outage in outages:
        hull = Span(outage.begins, outage.ends)
        for watcher, control in _watchers(account, outage):
            one = by_probe.get((watcher.origin, watcher.probe))
            bad = () if control or one is None else _around(union(one.down, one.edge), outage.possible)
            run = Span(min(hull.start, bad[0].start), max(hull.end, bad[-1].end)) if bad else hull
            probe = asked.get((watcher.origin, watcher.probe))
            slack = 0 if control or probe is None else probe.sight + probe.timeout
            found.append(
                Witness(
                    outage=outage.id,
                    watcher=watcher,
                    control=control,
                    span=hull,
                    run=run,
                    reach=Span(run.start - slack, run.end + slack),
                    throttled_fails=account.readings["platform-throttle"] == UNAVAILABLE,
                    samples=[] if keep else None,
                    asking=asking.get(watcher.origin) if logged and not control else None,
                )
            )
    return found


def questions(testimonies: Sequence[Testimony]) -> dict[tuple[str, str], Probe]:
    """(origin, probe) → what it asks, by the newest plan that has it."""
    return {
        (told.origin, probe.name): probe
        for told in testimonies
        for plan in told.harvest.plans
        for probe in plan.probes
    }


def _watchers(account: Account, outage: Outage) -> Iterator[tuple[Watcher, bool]]:
    hull = Span(outage.begins, outage.ends)
    during = [watch for span, watch in account.watched[outage.service] if within((span,), hull)]
    for watcher in dict.fromkeys(w for watch in during for w in watch.probes):
        yield watcher, False
    for watcher in dict.fromkeys(w for watch in during for w in watch.controls):
        yield watcher, True


def _around(bad: Spans, possible: Spans) -> Spans:
    """The whole members of `bad` that share an instant with `possible`."""
    return tuple(span for span in bad if intersection((span,), possible))


def wanted(found: Iterable[Witness]) -> Mapping[str, Spans]:
    """Origin → the time of which its lines are needed."""
    of = defaultdict(list)
    for one in found:
        of[one.watcher.origin].append(one.reach)
    return {origin: spans(reaches) for origin, reaches in of.items()}


def hear(found: Iterable[Witness], origin: str, lines: Iterable[Cited]) -> None:
    """Tell the witnesses of an origin its lines, which come in order."""
    by_probe = defaultdict(list)
    for one in found:
        if one.watcher.origin == origin:
            by_probe[one.watcher.probe].append(one)
    for cited in lines:
        if isinstance(cited.line, Sample):
            for one in by_probe.get(cited.line.probe, ()):
                one.hear(cited)
