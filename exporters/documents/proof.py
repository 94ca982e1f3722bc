"""An outage down to the journal lines that bound it, and the tree that the lines are leaves of, in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.core.attainment import Attainment
from collector.core.outage import Outage
from collector.core.record import Outcome, Sample
from collector.core.timeline import Span, Spans, duration, intersection, within
from collector.journal import passage
from collector.journal.layout import OriginDir
from collector.journal.passage import Cited, Sealed
from exporters.documents import matching, show
from exporters.documents.ledger import BEFORE_NET
from exporters.documents.page import Page
from exporters.documents.witness import Witness
from exporters.documents.words import Context, count, fact, long, unbroken
from exporters.index.follow import Told


def explain(
    page: Page, outage: Outage, context: Context, heard: Iterable[Witness], counted: Iterable[Attainment]
) -> None:
    """One outage: its bounds, what it costs in some attainments, and the samples that the bounds rest on."""
    page.gap()
    page.say(f"Outage {outage.id}", style="heading")
    for word, parts in (("certain", outage.certain), ("possible", outage.possible)):
        _spans(page, word, parts, context)
    if outage.open:
        page.fact("", "it goes on: no answer has ended it yet", indent=5)
    for one in counted:
        cost(page, outage, one)
    controls = []
    for witness in heard:
        if witness.control:
            controls.append(witness)
        else:
            _probe(page, witness, context)
    if controls:
        page.gap()
        page.say("Controls, outside of what the provider runs, in the same time:", 5)
        for witness in controls:
            page.say(_control(witness), 7, hang=2)


def _spans(page: Page, word: str, parts: Spans, context: Context) -> None:
    if len(parts) > 1:
        page.fact(word, f"{long(duration(parts))} in {len(parts)} parts:", indent=5)
    for told in context.between(parts):
        page.fact("" if len(parts) > 1 else word, told, indent=5)


def cost(page: Page, outage: Outage, one: Attainment) -> None:
    """What an outage comes to in one attainment's ledger."""
    certain = within(outage.certain, one.window.span)
    parts = [(line.kind, duration(intersection(certain, line.spans))) for line in one.ledger]
    taken = "".join(f" - {long(part)} {kind}" for kind, part in parts if part and kind in BEFORE_NET)
    net, claimable = (duration(intersection(certain, f.down)) for f in (one.net, one.claimable))
    said = f"{long(duration(certain))} raw{taken} = {long(net)} net; {long(claimable)} of it claimable"
    page.fact("counts", f"in {one.commitment}, {one.window.kind} window: {said}", indent=5)


def _probe(page: Page, one: Witness, context: Context) -> None:
    watcher = one.watcher
    page.gap()
    page.say(f"{watcher.probe} from {watcher.vantage}", 5, hang=2)
    page.fact("saw", _counted(one), indent=5)
    if said := matching.brief(one.logged):
        page.fact("provider", said, indent=5)
    if one.first_failed is None:
        page.fact("", "it did not fail: what it saw takes no part in the bounds", indent=5)
    else:
        bounds = (
            ("last ok", one.last_ok),
            ("first failed", one.first_failed),
            ("last failed", one.last_failed),
            ("first ok", one.first_ok),
        )
        for word, cited in bounds:
            _bound(page, word, cited, watcher.origin, context)
    for cited in one.samples or ():
        page.say(_row(cited, watcher.origin, context), 7, "quiet", hang=2)


def _counted(one: Witness) -> str:
    """The samples of one probe in the outage, by what they came to."""
    if not one.counts:
        return "no sample in the outage"
    total = sum(one.counts.values())
    said = ", ".join(f"{number} {_outcome(*key)}" for key, number in sorted(one.counts.items()))
    return f"{count(total, 'sample', 'samples')} in the outage: {said}"


def _outcome(outcome: Outcome, reason: str) -> str:
    return f"{outcome}{f' ({reason})' if reason else ''}"


def _bound(page: Page, word: str, cited: Cited | None, origin: str, context: Context) -> None:
    if cited is None:
        said = {
            "last ok": "none that sees the failure: the time before it is UNKNOWN",
            "first ok": "none that sees the failure: the time after it is UNKNOWN, or it goes on",
        }
        page.fact(word, said.get(word, "none"), indent=5)
        return
    sample = cited.line
    assert isinstance(sample, Sample)
    span = context.span(Span(sample.sent, sample.done)).split(", ")[0]
    page.fact(word, f"sent {span.replace(' to ', ', done ')}", indent=5)
    page.fact("", f"{_result(sample)}; {unbroken(line_of(cited, origin))}", indent=5)


def _result(sample: Sample) -> str:
    facts = "".join(f", {name} {fact(value, name)}" for name, value in sorted(sample.facts.items()))
    return f"{_outcome(sample.outcome, sample.reason)} after {long(sample.done - sample.sent)}{facts}"


def line_of(cited: Cited, origin: str) -> str:
    """A line of the journal, by number in its origin, file, and number in the file."""
    return f"line {origin}:{cited.line.seq} = {cited.file}:{cited.number}"


def _row(cited: Cited, origin: str, context: Context) -> str:
    sample = cited.line
    assert isinstance(sample, Sample)
    return f"sent {context.at(sample.sent)}, {_result(sample)}; {line_of(cited, origin)}"


def _control(one: Witness) -> str:
    answered = sum(number for (outcome, _), number in one.counts.items() if outcome is Outcome.OK)
    name = f"{one.watcher.probe} from {one.watcher.vantage}"
    return f"{name} answered {answered} of {sum(one.counts.values())} times"


# -------------------------------------------------------------------------------------------------- the tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The lines of an origin that an account rests on, and the root of the tree over them."""

    origin: str
    vantage: str
    directory: str
    size: int
    root: str | None
    """Hex; None where lines are missing."""
    sealed: Sequence[Sealed]

    def covering(self) -> Sealed | None:
        """The first checkpoint over all of the lines; else the last one over some of them."""
        over = [one for one in self.sealed if one.size >= self.size]
        return over[0] if over else next(iter(self.sealed[-1:]), None)


def heads(places: Mapping[str, OriginDir], heard: Iterable[Told]) -> list[Head]:
    """The tree of each origin that was heard, as far as it was."""
    found = []
    for told in heard:
        place = places[told.testimony.origin]
        root = passage.root(place, told.heard.before, told.heard.size)
        found.append(
            Head(
                origin=place.name,
                vantage=told.testimony.vantage,
                directory=str(place.directory),
                size=told.heard.size,
                root=None if root is None else root.hex(),
                sealed=passage.checkpoints(place),
            )
        )
    return found


def trees(page: Page, heads: Iterable[Head], context: Context) -> None:
    """What every line above is a leaf of."""
    page.title("The journal that this rests on")
    page.gap()
    page.say(
        "Each line named above is a leaf of its origin's tree (RFC 6962, SHA-256). Who has a copy of the "
        "journal finds it in the file named, and finds this root over all lines up to the last one used.",
        0,
    )
    for head in heads:
        page.gap()
        page.say(f"{head.origin}, vantage point {head.vantage}")
        page.fact("files", head.directory, indent=5)
        lines = f"0 to {head.size - 1}" if head.size else "none"
        page.fact("lines", f"{lines}, written by {context.at(context.account.as_of)}", indent=5)
        page.fact("root", head.root or "not known: lines are missing", indent=5)
        page.fact("checkpoint", _covered(head), indent=5)
        page.fact(
            "time stamp", "not stamped: no authority has vouched for when these lines were there", indent=5
        )


def _covered(head: Head) -> str:
    found = head.covering()
    if found is None:
        return "none"
    over = (
        "all of these lines" if found.size >= head.size else "the first of these lines, not yet over the last"
    )
    signed = f"signed by key {found.key}" if found.key else "not signed"
    return f"{found.file} over the first {show.grouped(found.size)} lines: {over}; {signed}"


# ---------------------------------------------------------------------------------------------- for programs


def witness_json(one: Witness) -> dict[str, Any]:
    """A probe's part in an outage as programs read it."""
    bounds = ("last_ok", "first_failed", "last_failed", "first_ok")
    return {
        "outage": one.outage,
        "origin": one.watcher.origin,
        "vantage": one.watcher.vantage,
        "probe": one.watcher.probe,
        "control": one.control,
        "counts": [[outcome, reason, number] for (outcome, reason), number in sorted(one.counts.items())],
        **{name: _cited_json(getattr(one, name)) for name in bounds},
        **({} if one.samples is None else {"samples": [_cited_json(cited) for cited in one.samples]}),
        "provider": matching.counted_json(one.logged),
    }


def _cited_json(cited: Cited | None) -> dict[str, Any] | None:
    if cited is None:
        return None
    sample = cited.line
    assert isinstance(sample, Sample)
    return {
        "seq": sample.seq,
        "file": cited.file,
        "line": cited.number,
        "sent": sample.sent,
        "done": sample.done,
        "outcome": sample.outcome,
        "reason": sample.reason,
        "facts": sample.facts,
    }


def head_json(head: Head) -> dict[str, Any]:
    """A tree as programs read it."""
    found = head.covering()
    return {
        "origin": head.origin,
        "vantage": head.vantage,
        "size": head.size,
        "root": head.root,
        "checkpoint": None
        if found is None
        else {"file": found.file, "size": found.size, "root": found.root.hex(), "key": found.key},
        "stamp": None,
    }
