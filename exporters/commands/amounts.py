"""Claims, what they come to, and what each reading is worth, as tables for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from collector.core.account import Account, Settlement
from collector.core.attainment import Attainment
from collector.core.breach import Ground
from collector.core.claim import Claim
from collector.core.contract import Contract
from collector.core.credit import Cents
from collector.core.effect import Effect, Moved
from exporters.documents import asking, show
from exporters.documents.asking import Sums
from exporters.documents.words import clause, count

STYLES = {"due": "bold yellow", "blocked": "bold red", "late": "red"}


# ------------------------------------------------------------------------------------------------- claims


def claimed(account: Account, settled: Settlement, where: tzinfo) -> Iterator[RenderableType]:
    """The claims of an account that may still be made, what they come to, and how many came too late."""
    ground = account.ground
    standing = [claim for claim in settled.claims if claim.state != "late"]
    late = len(settled.claims) - len(standing)
    if standing:
        yield "\nClaims:"
        for one in standing:
            yield from claim(one, settled.claims, ground, where)
        for sums in asking.accounts(standing):
            yield summed(sums, ground)
    if late:
        told = count(late, "missed window was", "missed windows were")
        yield f"\n{told} not claimed in time; `constat claim` lists all."


def claim(
    one: Claim, together: Sequence[Claim], ground: Ground, where: tzinfo, *, named: bool = False
) -> Iterator[RenderableType]:
    """A claim: its downtime, its amounts, its deadlines, what it lacks, and, to be asked for, its id."""
    found = one.attainment
    start, end = (show.instant(edge, where) for edge in found.window.span)
    yield Text.assemble(f"{found.service}  {one.commitment}  ", state(one))
    kept = "" if found.claimable.best is None else f", attained {show.percent(found.claimable.best)}"
    target = show.percent(found.target, show.EXACT)
    lines = [
        one.id if named else "",
        f"{one.kind} window from {start} to {end}",
        f"counted {show.duration(found.claimable.amount)}{kept}, target {target}",
        _worth(one, together, ground),
        f"claim by {show.until(one.due.safe, where)}, at the latest {show.until(one.due.latest, where)}",
        f"missing: {', '.join(asking.lacking(one))}" if asking.lacking(one) else "",
    ]
    for line in filter(None, lines):
        yield Padding(Text(line), (0, 0, 0, 2), expand=False)


def state(one: Claim) -> Text:
    """A claim's state, and what blocks it."""
    against = f": {', '.join(asking.blocked_by(one))}" if one.state == "blocked" else ""
    return Text(f"{one.state}{against}", STYLES[one.state])


def _worth(one: Claim, together: Sequence[Claim], ground: Ground) -> str:
    """By the formula, and under each cap, as far as it is known."""
    waits = asking.waiting_for(together, one.account, ground) if one.state == "due" else []
    told = _amounts(one.by_formula, one.after_invoice_cap, one.credit, waits, ground)
    share = f"{show.percent(one.share)} of the base" if one.by_formula is None else ""
    return ", ".join(filter(None, [share, told]))


def _amounts(
    by_formula: Cents | None,
    after_invoice_cap: Cents | None,
    credit: Cents | None,
    waits: Sequence[str],
    ground: Ground,
) -> str:
    contract, penalty = ground.contract, ground.contract.penalty
    if penalty is None:
        return "the contract has no penalties"
    said = []
    if by_formula is not None:
        said.append(f"{money(by_formula, contract)} by formula ({clause(penalty.clause)})")
    if after_invoice_cap is not None and penalty.cap_of_invoice is not None:
        said.append(f"{money(after_invoice_cap, contract)} after {clause(penalty.cap_of_invoice_clause)}")
    if credit is not None:
        said.append(f"credit {money(credit, contract)}")
    elif waits:
        said.append(f"credit unknown until invoiced: {', '.join(waits)}")
    return ", ".join(said)


def money(cents: Cents, contract: Contract) -> str:
    """An amount in the contract's currency, for a table."""
    return show.money(cents, contract.currency).replace(show.SPACE, " ")


def summed(sums: Sums, ground: Ground) -> Text:
    """What the claims of an account come to: by the formula, and under each cap."""
    waits = asking.waiting_for(sums.claims, sums.account, ground)
    told = _amounts(sums.by_formula, sums.after_invoice_cap, sums.credit, waits, ground)
    return Text(f"Account {sums.account}, {count(len(sums.claims), 'claim', 'claims')} due: {told}", "bold")


# ------------------------------------------------------------------------------------ what readings are worth


def worth(
    account: Account, settled: Settlement, effects: Sequence[Effect], moved: Mapping[str, str]
) -> Iterator[RenderableType]:
    """What each reading moves, below what may be claimed all-safe and all-arguable."""
    if not any(one.figures or one.credit for one in effects):
        return
    contract = account.ground.contract
    here = {sums.account: sums.credit for sums in asking.accounts(settled.claims)}
    yield "\nWhat the readings are worth, each moved alone:"
    yield Padding(
        f"{'as drawn here' if moved else 'all safe'}: {_totals(here, contract)}", (0, 0, 0, 2), expand=False
    )
    by_id = {reading.id: reading for reading in contract.readings}
    for one in effects:
        reading = by_id.get(one.reading)
        if reading is None:
            there = {**here, **{id: after for id, (_, after) in one.credit.items()}}
            yield Padding(f"all arguable: {_totals(there, contract)}", (0, 0, 0, 2), expand=False)
        elif one.figures or one.credit:
            says = reading.says_safe if one.choice == reading.safe else reading.says_arguable
            said = f"{one.reading} = {one.choice} ({clause(reading.clause)}): {says}"
            yield Padding(Text(said), (0, 0, 0, 2), expand=False)
            told = [_changes(one.credit, contract), _figures(one.figures)]
            yield Padding(Text("; ".join(filter(None, told)), "bold"), (0, 0, 0, 6), expand=False)


def _totals(of: Mapping[str, Cents | None], contract: Contract) -> str:
    """What may be claimed; by account, where there are several."""
    told = [(id, _amount(cents, contract)) for id, cents in of.items()]
    if len(told) == 1:
        return told[0][1]
    return "; ".join(f"{id} {amount}" for id, amount in told) or _amount(Cents(0), contract)


def _changes(of: Mapping[str, tuple[Cents | None, Cents | None]], contract: Contract) -> str:
    told = [
        (id, f"{_amount(before, contract)} → {_amount(after, contract)}")
        for id, (before, after) in of.items()
    ]
    return told[0][1] if len(told) == 1 else "; ".join(f"{id} {change}" for id, change in told)


def _amount(cents: Cents | None, contract: Contract) -> str:
    return "not yet invoiced" if cents is None else money(cents, contract)


FEW = 2
"""So many figures are named; more are counted."""


def _figures(moved: Sequence[Moved]) -> str:
    """Which figures move, from what to what; many are counted."""
    if len(moved) <= FEW:
        return "; ".join(_figure(one.before, one.after) for one in moved)
    turned = sum(one.after is not None and one.before.finding != one.after.finding for one in moved)
    return f"{len(moved)} figures{f', {turned} of them to another finding' if turned else ''}"


def _figure(before: Attainment, after: Attainment | None) -> str:
    name = f"{before.commitment} of {before.service}, {before.window.kind}"
    if after is None:
        return f"{name}: gone"
    for what, old, new in (
        ("", before.finding, after.finding),
        ("net ", before.net.amount, after.net.amount),
        ("claimable ", before.claimable.amount, after.claimable.amount),
        ("agreed ", before.agreed, after.agreed),
        ("observed ", before.down, after.down),
    ):
        if old != new:
            told = [each if isinstance(each, str) else show.duration(each) for each in (old, new)]
            return f"{name}: {what}{told[0]} → {told[1]}"
    return f"{name}: for a claim {before.claim_finding} → {after.claim_finding}"
