"""`constat deadlines | claim`: what is to be done by when, and what may be claimed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from collector.core.account import Account, Settlement, draw, settle
from collector.core.attainment import Attainment
from collector.core.claim import Claim
from collector.core.credit import Cents, is_credit_for
from collector.core.published import to_json
from collector.core.record import Declaration
from collector.core.timeline import Instant, Spans, duration
from collector.errors import UsageError
from exporters.commands import amounts, journals, options, printing, tables
from exporters.commands.tables import Listing
from exporters.documents import asking, duties, show, uncounted
from exporters.documents import claim as document
from exporters.documents.duties import Duty
from exporters.documents.page import Page
from exporters.documents.words import Context, clause, long

OVERDUE = 1
"""Exit status when something is overdue that can still be done, or evidence is damaged."""


@click.command()
@options.config
@journals.options
@journals.reading
@options.as_json
@options.utc
def deadlines(as_json: bool, utc: bool, **asked: Any) -> int:
    """Everything that is to be done, the most urgent first: notices, claims, invoices to contest, credits.

    Exits with 1 where something can still be done, and is overdue under the safe reading."""
    drawn = _settled(**asked)
    found = duties.duties(drawn.account, drawn.settled)
    if as_json:
        printing.json(drawn.deadlines_json(found))
    else:
        page = Page(printing.width())
        context = drawn.context(utc=utc)
        as_of = context.at(drawn.account.as_of)
        page.say(f"Deadlines as of {as_of} by {drawn.account.contract}", 0)
        duties.explain(page, found, context)
        if not found:
            page.gap()
            page.say("There is nothing to do.", 0)
        printing.page(page)
    overdue = any(duty.overdue for duty in found)
    return max(printing.damaged(drawn.damage), OVERDUE if overdue else 0)


@click.command()
@click.argument("which", metavar="[ID]", required=False)
@options.config
@journals.options
@journals.reading
@options.as_json
@options.utc
def claim(which: str | None, as_json: bool, utc: bool, **asked: Any) -> int:
    """What may be claimed, came too late or is on record; with an ID, that claim in full.

    In full means: the calculation written out, the caps, the references, what is missing, what it waives."""
    drawn = _settled(**asked)
    chosen = drawn.settled.claims if which is None else [_named(drawn, which)]
    if as_json:
        printing.json(drawn.claims_json(chosen))
    elif which is None:
        _list(drawn, show.zone(drawn.zone, utc=utc))
    else:
        page = Page(printing.width())
        context = drawn.context(utc=utc)
        for one in chosen:
            document.explain(page, one, context)
        printing.page(page)
    return printing.damaged(drawn.damage)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """An account with what it comes to."""

    account: Account
    settled: Settlement
    zone: str
    damage: Sequence[str]

    def context(self, *, utc: bool) -> Context:
        """What it is put into words with."""
        ground = self.account.ground
        return Context(
            account=self.account,
            settlement=self.settled,
            contract=ground.contract,
            calendar=ground.calendar,
            where=show.zone(self.zone, utc=utc),
            declarations={declared.id: declared for declared in ground.declarations},
            effects=(),
            silences={},
            cited={},
            asked={},
        )

    def on_record(self, kind: str) -> list[Declaration]:
        """The declarations of a kind that stand."""
        return [declared for declared in self.account.ground.declarations if declared.kind == kind]

    def credit_of(self, claim: Declaration) -> str | None:
        """The credit that a declared claim was answered with."""
        return next((d.id for d in self.on_record("credit") if is_credit_for(claim, d)), None)

    # ------------------------------------------------------------------------------------- for programs

    def deadlines_json(self, found: Sequence[Duty]) -> dict[str, Any]:
        """Parts of the account's published form, of what `deadlines` are about; these say what is overdue."""
        outages = tuple(duty.outage for duty in found if duty.outage is not None)
        settled = Settlement(
            claims=tuple(duty.claim for duty in found if duty.claim is not None),
            reservations=tuple(duty.coverage for duty in found if duty.coverage is not None),
            deadlines=(),
        )
        whole = to_json(replace(self.account, outages=outages), settled)
        return {
            **{key: whole[key] for key in ("version", "as_of", "contract", "readings")},
            "deadlines": [duties.to_json(duty) for duty in found],
            **{key: whole[key] for key in ("outages", "reservations", "claims")},
            "damage": list(self.damage),
        }

    def claims_json(self, chosen: Sequence[Claim]) -> dict[str, Any]:
        """Parts of the account's published form; `on_record` are the claims that were declared."""
        whole = to_json(self.account, self.settled._replace(claims=tuple(chosen)))
        return {
            **{key: whole[key] for key in ("version", "as_of", "contract", "readings", "claims")},
            "on_record": [
                {
                    "id": d.id,
                    "number": d.number,
                    "account": d.account,
                    "commitment": d.commitment,
                    "services": d.services,
                    "amount_cents": d.amount_cents,
                    "state": d.state,
                    "credit": self.credit_of(d),
                }
                for d in self.on_record("claim")
            ],
            "damage": list(self.damage),
        }


def _settled(
    config: Path,
    sources: tuple[Path, ...],
    contract: Path | None,
    as_of: Instant | None,
    readings: tuple[str, ...],
) -> _Settled:
    """What the options ask for."""
    moved = journals.choices(readings)
    world, found = journals.read(config, sources, contract, as_of)
    account = draw(
        found.evidence(), world.contract, world.calendar, as_of=journals.instant(as_of), readings=moved
    )
    return _Settled(account=account, settled=settle(account), zone=world.contract.zone, damage=found.damage)


# ------------------------------------------------------------------------------------------------- claims


def _named(drawn: _Settled, which: str) -> Claim:
    """The claim of that id; UsageError with those there are."""
    known = {claim.id: claim for claim in drawn.settled.claims}
    if which in known:
        return known[which]
    close = get_close_matches(which, known, 3, cutoff=0.3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`constat claim` lists those there are"
    raise UsageError(f'ID: expected the id of a claim of this account, got "{which}"; {hint}')


def _list(drawn: _Settled, where: tzinfo) -> None:
    out, claims, ground = tables.console(), drawn.settled.claims, drawn.account.ground
    out.print(f"Claims as of {show.instant(drawn.account.as_of, where)} by {drawn.account.contract}")
    for one in claims:
        out.print("")
        for part in amounts.claim(one, claims, ground, where, named=True):
            out.print(part)
    if not claims:
        words = " and ".join(asking.conditions(ground))
        out.print(f"\nNothing is missed on downtime that was {words}." if words else "\nNothing is missed.")
    untold = list(uncounted.untold(drawn.account, drawn.settled))
    if untold:
        out.print("", "Missed on what is reserved, and in no claim:", _untold(untold, drawn), sep="\n")
    for sums in asking.accounts(claims):
        out.print("", amounts.summed(sums, ground), sep="\n")
    if drawn.on_record("claim"):
        out.print("", "On record:", _declared(drawn), sep="\n")


def _untold(found: Sequence[tuple[Attainment, Spans]], drawn: _Settled) -> Listing:
    """What no ticket told of: no claim can count it (D4), but nobody must believe that nothing was missed."""
    ticket = clause(uncounted.places(drawn.account.ground.contract)["ticket"])
    table = Listing(("commitment", "service", "reserved", "why it is not counted"))
    for one, missing in found:
        why = f"{uncounted.SAYS['untold'].format(ticket=ticket)}: {long(duration(missing))}"
        table.add_row(one.commitment, one.service, long(one.claimable.amount), why)
    return table


def _declared(drawn: _Settled) -> Listing:
    """The claims that were put on record, and what became of them."""
    table = Listing(("claim", "account", "commitment", "services", "amount", "state", "credit"))
    for one in drawn.on_record("claim"):
        table.add_row(
            one.number or one.id,
            one.account or "",
            one.commitment or "",
            ", ".join(one.services or ()),
            amounts.money(Cents(one.amount_cents or 0), drawn.account.ground.contract),
            one.state or "",
            drawn.credit_of(one) or "",
        )
    return table
