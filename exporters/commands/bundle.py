"""`constat bundle`: the evidence for an outage, a reservation, a claim or a period, as one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from collector.core.account import Account, draw, settle
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.timeline import HOUR, Duration, Instant, Span
from collector.errors import UsageError
from collector.journal import excerpting, passage
from collector.journal.excerpting import Cut
from collector.journal.passage import Sealed
from collector.journal.reader import OriginDir, origins
from exporters import query
from exporters.commands import comparison, journals, options, printing, stamping, tables
from exporters.commands.annexes import Annexes
from exporters.commands.journals import Drawn
from exporters.commands.world import configured
from exporters.documents import show, verify
from exporters.documents import statement as filing
from exporters.documents.bundle import bag, contents
from exporters.documents.bundle.contents import Kind, Order, Subject
from exporters.documents.report.facts import filed
from exporters.index.follow import ENDLESS
from exporters.query import Found

VERSION = 1
"""Of the form that `--json` prints."""
NO_STAMP = (
    "the bundle itself bears no stamp, so when it was made is not shown: make it again where an authority "
    "of the settings answers"
)
AROUND: Duration = HOUR
"""How much of the time before and after an outage goes with it."""


@click.command()
@click.argument("what", metavar="[OUTAGE|RESERVATION|CLAIM]", required=False)
@options.config
@journals.options
@journals.reading
@click.option("--from", "start", type=options.INSTANT, help="Of a time of one's own, with --to.")
@click.option("--to", "end", type=options.INSTANT, help="Its end, not counted in.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="A new file, like outage.zip.",
)  # fmt: skip
@click.option(
    "--extract", is_flag=True,
    help="Confidential: only lines of the probes and controls concerned. That none is left out is not shown.",
)  # fmt: skip
@click.option(
    "--deposited", "deposits", metavar="WHERE", multiple=True,
    help="With whom the page of `constat genesis` was left, and when: the report says so.",
)  # fmt: skip
@click.option("--no-report", "without_report", is_flag=True, help="Without the PDF for people.")
@stamping.option
@options.as_json
def bundle(
    what: str | None, start: Instant | None, end: Instant | None, output: Path, extract: bool, as_json: bool,
    without_report: bool, deposits: tuple[str, ...], **asked: Any,
) -> int:  # fmt: skip
    """Write one file with all that a stranger needs to check what is said about an outage, without Constat.

    The id is that of an outage, of a notice that reserves one, or of a claim; or give --from and --to. What
    is in the file, and how it is verified, stands in VERIFY.md inside."""
    if (what is None) == (start is None and end is None):
        raise UsageError("expected the id of an outage, a reservation or a claim, or --from and --to")
    span = None if start is None and end is None else _period(start, end)
    bag.free(output)
    made = _Making(what, span, extract=extract, **asked)
    order, drawn = made.order()
    annexes = Annexes(order, drawn)
    provider = annexes.provider()
    reports = {} if without_report else annexes.reports(provider, deposits)
    found = contents.contents(order, {**verify.verifier(), **provider, **reports})
    found["VERIFY.md"] = verify.instructions(found, sorted(order.trusted), extract=order.extract)
    digest = bag.write(output, found, made.info(order), made.stamp)
    for warning in made.warnings:
        click.echo(f"warning: {warning}", err=True)
    told = made.told(order, output, digest)
    if as_json:
        printing.json(told)
    else:
        click.echo(f"{output}: {told['bytes']} bytes, {told['lines']} lines, tag manifest {digest}")
    return printing.damaged(made.damage)


def _period(start: Instant | None, end: Instant | None) -> Span:
    (span,) = journals.asked(start, end, "trailing")
    assert isinstance(span, Span)
    return span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The checkpoint of an origin that a bundle rests on."""

    place: OriginDir
    seal: Sealed


@dataclass(frozen=True, slots=True)
class _Named:
    """What an id stands for."""

    kind: Kind
    span: Span
    """Before it is fit to what the journal has."""
    services: frozenset[str]
    open: bool = False


@dataclass
class _Making:
    """The steps of one bundle, each done once."""

    what: str | None
    span: Span | None
    config: Path
    sources: tuple[Path, ...]
    contract: Path | None
    as_of: Instant | None
    readings: tuple[str, ...]
    authorities: tuple[str, ...]
    extract: bool
    warnings: list[str] = field(default_factory=list)
    damage: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.extract and self.what is None:
            raise UsageError(
                "--extract: expected an outage, a reservation or a claim: of a period all is shown"
            )
        self._moved = journals.choices(self.readings)
        self._world, self._directories = journals.world_of(self.config, self.sources, self.contract)
        settings = self._world.settings
        if self.authorities and settings is None:
            settings = configured(self.config).settings
        self._stampers = stamping.chosen(settings, self.authorities, self.warnings.append)

    def order(self) -> tuple[Order, Drawn]:
        """What goes in, and what its figures were drawn from; UsageError where there is nothing to show."""
        heads = self._heads()
        if not heads:
            raise UsageError(
                f"{self._directories[0]}: expected a journal with a checkpoint, got none; the first is made "
                "when the collector's first hour, or its first burst, is over"
            )
        found = self._replayed({head.place.name: head.seal.size for head in heads}, self.as_of)
        self.damage = found.damage
        as_of = max(told.testimony.until for told in found.told) if self.as_of is None else self.as_of
        named = self._named(found, as_of)
        window = self._fit(named, found)
        windows = (window,)
        account = self._drawn(found, as_of, windows)
        drawn = Drawn(
            account=account, world=self._world, found=found, places=[head.place for head in heads],
            windows=windows, moved=self._moved,
        )  # fmt: skip
        whole = comparison.frozen(drawn)
        cuts = [self._cut(head, window, named, drawn) for head in heads]
        self._warn(cuts, whole)
        order = Order(
            subject=Subject(kind=named.kind, id=self.what or "", window=window),
            as_of=as_of,
            cuts=cuts,
            extract=self.extract,
            statement=filing.encode(whole),
            contract=self._world.contract_text,
            trusted={one.name: stamping.material(one) for one in self._stampers},
        )
        return order, drawn

    def stamp(self, tags: bytes) -> Mapping[str, bytes]:
        """Stamps over the bundle itself.

        That there is none is a warning: what is in it has stamps of its own, and the same bundle can be made
        again any day.
        """
        made = stamping.stamped(self._stampers, tags, self.warnings.append)
        if not made:
            self.warnings.append(NO_STAMP)
        return made

    def info(self, order: Order) -> list[tuple[str, str]]:
        """The fields of bag-info.txt."""
        day = self._world.calendar.iso(order.as_of)[:10]
        about = order.subject.id or "a period"
        return [
            ("Bag-Software-Agent", f"constat {query.build(self._world.contract)['version']}"),
            ("Bagging-Date", day),
            (
                "External-Description",
                f"Evidence of {order.subject.kind} {about}, to be verified by data/VERIFY.md",
            ),
            ("External-Identifier", about),
        ]

    def told(self, order: Order, output: Path, digest: str) -> dict[str, Any]:
        """What `--json` prints, version 1."""
        window = order.subject.window
        stretches = [cut.stretch for cut in order.cuts if cut.stretch is not None]
        singles = sum(len(cut.excerpt.lines) for cut in order.cuts)
        return {
            "version": VERSION,
            "file": str(output),
            "bytes": output.stat().st_size,
            "tagmanifest": digest,
            "subject": {"kind": order.subject.kind, "id": order.subject.id},
            "form": "extract" if order.extract else "hours",
            "from": window.start,
            "to": window.end,
            "as_of": order.as_of,
            "lines": singles + sum(last - first + 1 for first, last in stretches),
            "statement": filing.sha256(order.statement),
            "stamped": all(bool(cut.seals[-1].stamps) for cut in order.cuts),
            "warnings": self.warnings,
            "damage": list(self.damage),
        }

    # -------------------------------------------------------------------------------- what it rests on

    def _heads(self) -> list[_Head]:
        """The newest stamped checkpoint of each origin, else the newest; with --at, of lines made by then."""
        found = []
        for place in (place for directory in self._directories for place in origins(directory)):
            known = list(passage.checkpoints(place))
            while known and self.as_of is not None and excerpting.last_at(place, known[-1]) > self.as_of:
                known.pop()
            stamped = [seal for seal in known if seal.stamps]
            if known:
                found.append(_Head(place=place, seal=(stamped or known)[-1]))
            else:
                self.warnings.append(
                    f"{place.name}: left out: it has no checkpoint yet, so nothing proves it"
                )
        return found

    def _replayed(self, sizes: Mapping[str, int] | None, as_of: Instant | None) -> Found:
        with tables.lines_read(self._directories) as progress:
            until = ENDLESS if as_of is None else as_of
            return query.replayed(self._directories, self._world.contract, until, progress, sizes)

    def _drawn(self, found: Found, as_of: Instant, windows: Sequence[Any] = ("trailing",)) -> Account:
        world = self._world
        return draw(
            found.evidence(), world.contract, world.calendar, as_of=as_of, readings=self._moved, asked=windows
        )

    # -------------------------------------------------------------------------------- what it is about

    def _named(self, found: Found, as_of: Instant) -> _Named:
        if self.what is None:
            assert self.span is not None
            return _Named("period", self.span, frozenset())
        account = self._drawn(found, as_of)
        named = _known(account, self.what)
        if named is None:
            raise UsageError(self._unknown(account, self.what))
        if named.open:
            self.warnings.append(
                f"{self.what} goes on at the last checkpoint: make a bundle again an hour after its end"
            )
        return named

    def _unknown(self, account: Account, what: str) -> str:
        """Why nothing is called `what`: it is too young, or there is no such thing."""
        later = self._replayed(None, None)
        until = max(told.testimony.until for told in later.told)
        now = self._drawn(later, until)
        if _known(now, what) is not None:
            where = show.zone(self._world.contract.zone, utc=False)
            return (
                f"{what}: expected what a checkpoint covers, got something younger: the newest (that is "
                f"stamped) covers what was seen until {show.instant(account.as_of, where)}; "
                f"wait until {show.instant(until - until % HOUR + HOUR, where)}, when the next one is made"
            )
        ids = [o.id for r in now.runs.values() for o in r.outages] + [one.id for one in settle(now).claims]
        ids += [d.id for d in now.ground.declarations if d.kind in ("notice", "claim")]
        close = get_close_matches(what, ids, 3)
        hint = (
            f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(ids[-8:]) or 'none'}"
        )
        return f'expected the id of an outage, a reservation or a claim of this journal, got "{what}"; {hint}'

    def _fit(self, named: _Named, found: Found) -> Span:
        """The window: an outage's widened to whole hours; all of it where the journal and the heads reach."""
        start, end = named.span
        if named.kind in ("outage", "reservation"):
            start, end = (start - AROUND) // HOUR * HOUR, -(-(end + AROUND) // HOUR) * HOUR
        told = [one.testimony for one in found.told]
        fit = Span(max(start, min(t.began for t in told)), min(end, max(t.until for t in told)))
        if fit.end <= fit.start:
            where = show.zone(self._world.contract.zone, utc=False)
            reach = [
                show.instant(at, where) for at in (min(t.began for t in told), max(t.until for t in told))
            ]
            raise UsageError(
                f"expected a time of which a checkpoint tells, {reach[0]} to {reach[1]}, got "
                f"{show.instant(start, where)} to {show.instant(end, where)}"
            )
        return fit

    # -------------------------------------------------------------------------------- which lines

    def _cut(self, head: _Head, window: Span, named: _Named, drawn: Drawn) -> Cut:
        told = next(one for one in drawn.found.told if one.testimony.origin == head.place.name)
        plans = told.testimony.harvest.plans
        margin = max((p.sight + p.timeout for plan in plans for p in plan.probes), default=0)
        vouched = not told.damage and told.heard.size == head.seal.size
        with tables.lines_read(()) as progress:
            if not self.extract:
                return excerpting.hours(head.place, head.seal, window, margin, progress, vouched=vouched)
            watched = [
                watch
                for name in named.services
                for span, watch in drawn.account.watched.get(name, ())
                if span.start < window.end and window.start < span.end
            ]
            probes = {
                w.probe for at in watched for w in (*at.probes, *at.controls) if w.origin == head.place.name
            }
            return excerpting.extract(head.place, head.seal, window, margin, probes, progress)

    def _warn(self, cuts: Sequence[Cut], whole: Mapping[str, Any]) -> None:
        say = self.warnings.append
        for cut in cuts:
            name = cut.origin.name
            if not cut.keys:
                say(f"{name}: is not signed: its lines name no key; what is written here does not verify")
            if not any(seal.stamps for seal in cut.seals):
                say(f"{name}: no checkpoint is stamped: no authority says when these lines were there")
        for one in whole["rests_on"]["origins"]:
            if one["root"] is None or one["missing"]:
                say(f"{one['origin']}: lines are missing, and so is the root that the statement should name")


def _known(account: Account, what: str) -> _Named | None:
    """What an id stands for in an account."""
    for runs in account.runs.values():
        for outage in (*runs.outages, *runs.blips):
            if outage.id == what:
                return _Named("outage", _hull(outage), frozenset({outage.service}), outage.open)
    for claim in settle(account).claims:
        if claim.id == what:
            return _Named("claim", claim.attainment.window.span, frozenset({claim.attainment.service}))
    found = filed(what, account)
    if len(found) > 1:
        # Clause 4: each account has a contract of its own, so two may have given one number to a claim each.
        ids = ", ".join(one.id for one in found)
        raise UsageError(
            f"{what}: expected the number of one notice or claim, got {len(found)}: name its id: {ids}"
        )
    return _declared(found[0]) if found else None


def _hull(outage: Outage) -> Span:
    return Span(outage.begins, outage.ends)


def _declared(one: Declaration) -> _Named | None:
    """The time that a notice, or a claim that was sent, speaks of."""
    spans = (*(one.certain or ()), *(one.possible or ()))
    if not spans:
        return None
    span = Span(min(start for start, _ in spans), max(end for _, end in spans))
    kind: Kind = "reservation" if one.kind == "notice" else "claim"
    return _Named(kind, span, frozenset(one.services or ()))
