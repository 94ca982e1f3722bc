"""`constat explain`: any figure down to the lines of the journal that it rests on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from collector.core.account import Settlement, settle
from collector.core.attainment import Attainment
from collector.core.deduction import Deduction
from collector.core.effect import Effect
from collector.core.outage import Outage
from collector.core.published import to_json
from collector.core.timeline import intersection, within
from collector.errors import UsageError
from exporters.commands import comparison, journals, options, printing, tables
from exporters.commands.comparison import Side
from exporters.commands.journals import Drawn, Request
from exporters.commands.subject import Subject, named
from exporters.documents import claim, ledger, lines, matching, measures, proof, show, witness, words
from exporters.documents import statement as filing
from exporters.documents.blindness import Silence
from exporters.documents.matching import Collected
from exporters.documents.page import Page
from exporters.documents.proof import Head
from exporters.documents.witness import Witness
from exporters.documents.words import Context

FINDING = 1
"""Exit status when what is explained is a missed commitment, or evidence is damaged."""

VERSION = 1
"""Of the form that `--json` prints."""


@click.command()
@click.argument("what", required=False)
@options.config
@journals.options
@journals.drawing
@click.option(
    "--diff",
    nargs=2,
    metavar="A B",
    help="What moved between two statements, or instants: the figures, and the facts behind them.",
)
@click.option(
    "--samples", is_flag=True, help="Print every sample of an outage, not only those that bound it."
)
@options.as_json
@options.utc
def explain(
    what: str | None, diff: tuple[str, str] | None, samples: bool, as_json: bool, utc: bool, **asked: Any
) -> int:
    """Print the ledger of a figure as one would check it by hand, down to samples and journal lines.

    WHAT is COMMITMENT, SERVICE, COMMITMENT/SERVICE, or the id of an outage, a deduction, a claim or a ticket.
    Without it, every promise that was not met, the worst first, and a line for each that was.

    With --diff, A and B are files of statements, or instants."""
    request = Request(**asked)
    if diff is not None:
        if what is not None:
            raise UsageError(f'--diff: expected no WHAT beside it, got "{what}"; all that moved is told')
        return _compare(diff, request, as_json=as_json, utc=utc)
    drawn = request.drawn()
    settlement = settle(drawn.account)
    subject = named(drawn.account, settlement.claims, what)
    told = _Explanation(drawn, settlement, subject, samples=samples, utc=utc)
    if as_json:
        printing.json(told.to_json())
    else:
        printing.page(told.page(printing.width()))
    missed = any(one.finding == "MISSED" for one in subject.judged)
    return max(printing.damaged(drawn.found.damage), FINDING if missed else 0)


def _compare(diff: tuple[str, str], request: Request, *, as_json: bool, utc: bool) -> int:
    before, after = (_side(text, request) for text in diff)
    found = comparison.compared(before, after)
    if as_json:
        printing.json(found.to_json())
    else:
        zone = before.whole["rests_on"]["calendar"]["zone"]
        printing.page(found.page(printing.width(), show.zone(zone, utc=utc)))
    return 0


def _side(text: str, request: Request) -> Side:
    """A statement's file, or the account as it was at an instant."""
    if Path(text).is_file():
        return comparison.of_file(filing.read(Path(text)), request.directories())
    try:
        as_of = options.parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--diff: expected the file of a statement, or an instant; {error}") from None
    return comparison.of_instant(replace(request, as_of=as_of).drawn())


# -------------------------------------------------------------------------------------------- the explanation


class _Explanation:
    """What there is to say about a subject, each part found once."""

    def __init__(
        self, drawn: Drawn, settlement: Settlement, subject: Subject, *, samples: bool, utc: bool
    ) -> None:
        self._drawn, self._settlement, self._subject, self._samples = drawn, settlement, subject, samples
        self._account = drawn.account
        self._where = show.zone(drawn.world.contract.zone, utc=utc)
        self._testimonies = [told.testimony for told in drawn.found.told]

    def page(self, width: int) -> Page:
        """All of it, in words."""
        page, context = Page(width), self._context
        page.say(
            f"Account as of {context.at(self._account.as_of)} by {self._account.contract}. Times are those "
            f"of {self._where}; days in sums have 24 hours.",
            0,
        )
        for flag in self._account.flags:
            page.say(f"Mind: {flag}", 0, "unsure")
        shown: set[str] = set()
        for one in self._subject.in_full:
            ledger.explain(page, one, context)
            self._outages_of(page, one, shown)
        for figure in self._subject.in_full_besides:
            measures.explain(page, figure, context)
        for ticket in self._subject.in_full_tickets:
            measures.ticket(page, ticket, context)
        self._met(page)
        self._claims(page, shown)
        for deduction in self._subject.deductions:
            self._deduction(page, deduction)
        for outage in self._subject.outages:
            page.title(f"An outage of {outage.service}", "" if outage.certain else "blip")
            self._outage(page, outage, [a for a in self._account.attainments if _concerns(a, outage)])
        proof.trees(page, self.heads, context)
        return page

    def _met(self, page: Page) -> None:
        subject, context = self._subject, self._context
        met = [ledger.brief(one, context) for one in subject.attainments if one not in subject.in_full]
        met += [measures.brief(figure) for figure in subject.besides if figure not in subject.in_full_besides]
        met += [
            line
            for ticket in subject.tickets
            if ticket not in subject.in_full_tickets
            for line in measures.brief_ticket(ticket)
        ]
        if met:
            page.title("Met")
        for line in met:
            page.say(line, 0, hang=5)

    def _claims(self, page: Page, shown: set[str]) -> None:
        if self._subject.whole and self._subject.claims:
            page.title("Claims")
            page.gap()
            for one in self._subject.claims:
                page.say(claim.brief(one, self._context), 0, hang=5)
            return
        for one in self._subject.claims:
            ledger.explain(page, one.attainment, replace(self._context, claimed=True))
            self._outages_of(page, one.attainment, shown)
            claim.after_ledger(page, one, self._context, first=7)

    def _outages_of(self, page: Page, one: Attainment, shown: set[str]) -> None:
        outages = ledger.outages_in(one, self._account)
        page.heading("6  The outages")
        if not outages:
            page.say("None lies in the window.")
        for outage in outages:
            if outage.id in shown:
                page.gap()
                page.say(f"Outage {outage.id}, told above", style="heading")
                proof.cost(page, outage, one)
            else:
                self._outage(page, outage, [one])
            shown.add(outage.id)
        self._blips(page, one)

    def _blips(self, page: Page, one: Attainment) -> None:
        blips = [
            b for b in self._account.runs[one.service].blips if intersection(b.possible, (one.window.span,))
        ]
        if blips:
            page.gap()
            number = words.count(len(blips), "blip", "blips")
            page.say(f"Besides, {number}: failures that prove no downtime. They are EDGE above, not DOWN.")

    def _outage(self, page: Page, outage: Outage, counted: Sequence[Attainment]) -> None:
        heard = [one for one in self.witnesses if one.outage == outage.id]
        proof.explain(page, outage, self._context, heard, counted)

    def _deduction(self, page: Page, deduction: Deduction) -> None:
        page.title(f"{deduction.kind} {deduction.id}", deduction.standing)
        page.gap()
        if deduction.clause:
            page.say(f"{words.clause(deduction.clause)}; about {', '.join(deduction.scope)}")
        for note in ledger.declared(deduction, self._context):
            page.say(note, hang=2)
        taking = [
            (one, line)
            for one in self._account.attainments
            for line in (*one.ledger, *one.excluded)
            if deduction.id in line.because and deduction.takes
        ]
        for one, line in taking:
            told = show.duration(sum(span.length for span in intersection(line.spans, deduction.spans)))
            page.say(f"takes {told} off {one.commitment} of {one.service}, {one.window.kind} window", hang=2)
        if not taking:
            page.say(ledger.idle_because(deduction), hang=2)

    # --------------------------------------------------------------------------------- down to the journal

    @cached_property
    def witnesses(self) -> list[Witness]:
        """Who saw the outages that are told in full."""
        told = [outage for one in self._subject.in_full for outage in ledger.outages_in(one, self._account)]
        if not self._subject.whole:
            told += [o for c in self._subject.claims for o in ledger.outages_in(c.attainment, self._account)]
        once = {outage.id: outage for outage in (*told, *self._subject.outages)}
        with tables.lines_read(()) as progress:
            return lines.heard(
                self._account, once.values(), self._testimonies, self._drawn.places,
                keep=self._samples, log=self._log, progress=progress,
            )  # fmt: skip

    @cached_property
    def _log(self) -> list[Collected]:
        """What was gathered of the provider's log of our calls."""
        declared = (one for told in self._testimonies for one in told.harvest.declarations)
        return matching.collected(declared, [place.directory.parent.parent for place in self._drawn.places])

    @cached_property
    def _context(self) -> Context:
        declarations = lines.declared(self._testimonies)
        told = {one.id for one in self._account.deductions}
        if self._subject.tickets:
            told |= {one.id for _, one in declarations if one.kind == "ticket"}
        return Context(
            account=self._account,
            settlement=self._settlement,
            contract=self._drawn.world.contract,
            calendar=self._drawn.world.calendar,
            where=self._where,
            effects=self._effects if self._subject.attainments or self._subject.claims else (),
            silences={(one.service, one.span): one.told() for one in self._silences},
            asked=witness.questions(self._testimonies),
            declarations={declared.id: declared for _, declared in declarations},
            cited=lines.cited([(o, d) for o, d in declarations if d.id in told], self._drawn.places),
        )

    @cached_property
    def _silences(self) -> list[Silence]:
        told = [*self._subject.in_full, *(one.attainment for one in self._subject.claims)]
        return lines.silences(told, self._account, self._drawn.places)

    @cached_property
    def _effects(self) -> Sequence[Effect]:
        drawn = self._drawn
        return journals.moves(
            drawn.found.evidence(), drawn.world, self._account.as_of, drawn.windows, drawn.moved
        )

    @cached_property
    def heads(self) -> list[Head]:
        """The tree of each origin, as far as the account rests on it."""
        return comparison.heads_of(self._drawn)

    # -------------------------------------------------------------------------------------- for programs

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints, version 1: parts of the account's published form, and what they rest on.

        `attainments`, `outages`, `deductions`, `claims`, `latency`, `durability` and `tickets` are as in the
        account, those that are explained. Each of
        `witnesses` is a probe or control in one outage: `outage`, `origin`, `vantage`, `probe`, `control`,
        `counts` [[outcome, reason, samples]…], and the samples that bound it, `last_ok`, `first_failed`,
        `last_failed`, `first_ok`, each null or {`seq`, `file`, `line`, `sent`, `done`, `outcome`, `reason`,
        `facts`}; with --samples, all its `samples`; `provider` [[match, status, samples]…] says what the
        provider logged of them (`exporters/documents/matching.py`), if that was gathered. Each of `heads` is
        an origin: `origin`, `vantage`,
        `size`, `root`, `checkpoint` (null or `file`, `size`, `root`), `stamp` (null)."""
        whole = to_json(self._account, self._settlement)
        about = {(one.commitment, one.service) for one in self._subject.figures}
        ids = self._subject.ids | {one.outage for one in self.witnesses}
        return {
            "version": VERSION,
            **{key: whole[key] for key in ("as_of", "contract", "readings", "flags")},
            **{
                key: [one for one in whole[key] if (one["commitment"], one["service"]) in about]
                for key in ("attainments", "latency", "durability")
            },
            **{
                key: [one for one in whole[key] if one["id"] in ids]
                for key in ("outages", "blips", "deductions", "claims", "tickets")
            },
            "witnesses": [proof.witness_json(one) for one in self.witnesses],
            "heads": [proof.head_json(head) for head in self.heads],
            "damage": list(self._drawn.found.damage),
        }


def _concerns(one: Attainment, outage: Outage) -> bool:
    return one.service == outage.service and bool(within(outage.possible, one.window.span))
