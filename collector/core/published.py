"""The account as other programs read it: stable, versioned, and documented in ACCOUNT.md beside this file."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from collector.core.account import NOT_SETTLED, Account, Settlement
from collector.core.attainment import Attainment, Line
from collector.core.breach import Ground
from collector.core.claim import Claim
from collector.core.contract import Contract
from collector.core.deadline import Deadline
from collector.core.deduction import Deduction, hardware_notice
from collector.core.durability import DurabilityFigure, Place
from collector.core.effect import Effect, Moved
from collector.core.incident import Incident
from collector.core.latency import LatencyFigure
from collector.core.outage import Outage
from collector.core.reservation import Coverage
from collector.core.support import Ticket
from collector.core.timeline import Span
from collector.core.window import Window

VERSION = 1
"""Of this form."""


def to_json(
    account: Account, settlement: Settlement = NOT_SETTLED, effects: Sequence[Effect] = ()
) -> dict[str, Any]:
    """The account as other programs read it. `best`, `worst` and `finding` are about net downtime.

    Money is in cents, exactly, as "n/d"; keys that end in `_cents` are whole, rounded down.
    """
    of = {outage: incident.id for incident in account.incidents for outage in incident.outages}
    return {
        "version": VERSION,
        "as_of": account.as_of,
        "contract": account.contract,
        "readings": account.readings,
        "attainments": [_attainment(a) for a in account.attainments],
        "outages": [_outage(o, of.get(o.id)) for o in account.outages],
        "blips": [_outage(o, None) for o in account.blips],
        "incidents": [_incident(i) for i in account.incidents],
        "deductions": [_deduction(d, account.ground) for d in account.deductions],
        "latency": [_latency(one) for one in account.latency],
        "durability": [_durability(one) for one in account.durability],
        "tickets": [_ticket(t) for t in account.tickets],
        "reservations": [_reservation(one) for one in settlement.reservations],
        "claims": [_claim(one, account.ground.contract) for one in settlement.claims],
        "deadlines": [_deadline(one) for one in settlement.deadlines],
        "readings_effect": [_effect(one) for one in effects],
        "flags": account.flags,
    }


def _ratio(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"


def _window(window: Window) -> dict[str, Any]:
    return {"kind": window.kind, **_edges(window.span)}


def _attainment(a: Attainment) -> dict[str, Any]:
    shown = {
        "commitment": a.commitment,
        "service": a.service,
        "window": _window(a.window),
        "agreed": a.agreed,
        "states": {"up": a.up, "down": a.down, "edge": a.edge, "unknown": a.unknown},
        "excluded": {line.kind: line.amount for line in a.excluded},
        "deducted": {line.kind: line.amount for line in a.ledger},
        "ledger": [_line(line) for line in a.ledger],
        "graces": [_line(line) for line in a.graces],
        "net": a.net.amount,
        "claimable": a.claimable.amount,
        "best": _ratio(a.net.best),
        "worst": _ratio(a.net.worst),
        "observed_best": _ratio(a.observed.best),
        "observed_worst": _ratio(a.observed.worst),
        "claimable_best": _ratio(a.claimable.best),
        "claimable_worst": _ratio(a.claimable.worst),
        "target": _ratio(a.target),
        "finding": a.finding,
        "claim_finding": a.claim_finding,
        "coverage": _ratio(a.coverage),
        "flags": a.flags,
    }
    if a.window.kind == "worst":
        shown["episodes"] = [{"first": _edges(e.first), "last": _edges(e.last)} for e in a.episodes]
    return shown


def _edges(window: Span) -> dict[str, int]:
    return {"start": window.start, "end": window.end}


def _line(line: Line) -> dict[str, Any]:
    return {"kind": line.kind, "amount": line.amount, "spans": line.spans, "because": line.because}


def _outage(outage: Outage, incident: str | None) -> dict[str, Any]:
    return {
        "id": outage.id,
        "service": outage.service,
        "certain": outage.certain,
        "possible": outage.possible,
        "open": outage.open,
        "incident": incident,
    }


def _incident(i: Incident) -> dict[str, Any]:
    return {
        "id": i.id,
        "region": i.region,
        "certain": i.certain,
        "possible": i.possible,
        "outages": i.outages,
    }


def _deduction(d: Deduction, ground: Ground) -> dict[str, Any]:
    """`hardware_notice` says whether a mail about maintenance came as early as promised for hardware."""
    early = hardware_notice(d, ground.contract, ground.calendar, ground.readings)
    return {
        "id": d.id,
        "kind": d.kind,
        "clause": d.clause,
        "spans": d.spans,
        "scope": d.scope,
        "standing": d.standing,
        "takes": d.takes,
        "why": d.why,
        "by": d.by,
        "document": d.document,
        "sent": d.sent,
        "received": d.received,
        "hardware_notice": None if early is None else early._asdict(),
    }


def _latency(one: LatencyFigure) -> dict[str, Any]:
    return {
        "commitment": one.commitment,
        "service": one.service,
        "limit": one.limit,
        "start": one.span.start,
        "end": one.span.end,
        "over": one.over,
        "within": one.within,
        "undecided": one.undecided,
        "share_within": _ratio(one.share_within),
        "quantiles": dict(one.quantiles),
        "excursions": [
            {"probe": e.probe, "start": e.start, "end": e.end, "samples": e.samples, "highest": e.highest}
            for e in one.excursions
        ],
    }


def _durability(one: DurabilityFigure) -> dict[str, Any]:
    """`share` is kept / written; `line` is where it stands in the journal, origin:seq."""
    return {
        "commitment": one.commitment,
        "service": one.service,
        "window": _window(one.window),
        "written": one.written,
        "kept": one.kept,
        "read_back": one.read_back,
        "share": _ratio(one.share),
        "target": _ratio(one.target),
        "finding": one.finding,
        "lost": [
            {
                "object": o.name,
                "last_intact": _place(o.intact),
                "first_missed": _place(o.lost),
                "last_missed": _place(o.still),
            }
            for o in one.lost
        ],
        "flags": one.flags,
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"at": place.at, "line": place.line}


def _ticket(t: Ticket) -> dict[str, Any]:
    """`elapsed` is by rule A7; `least` and `most` are what the finding rests on (`most` null: no end yet)."""
    return {
        "id": t.id,
        "number": t.number,
        "severity": t.severity,
        "scope": t.scope,
        "opened": t.opened,
        "complete": t.complete,
        "first_answer": t.first_answer,
        "solved": t.solved,
        "waiting": t.waiting,
        "commitments": [
            {
                "commitment": one.commitment,
                "clause": one.clause,
                "limit": one.limit,
                "business_hours": one.business_hours,
                "elapsed": one.elapsed,
                "waited": one.waited,
                "least": one.least,
                "most": one.most,
                "finding": one.finding,
                "flags": one.flags,
            }
            for one in t.commitments
        ],
        "flags": t.flags,
    }


def _claim(one: Claim, contract: Contract) -> dict[str, Any]:
    """`liability` is the limit of what may be asked for beyond penalties: in billings, not computed."""
    found, beyond = one.attainment, contract.liability
    return {
        "id": one.id,
        "account": one.account,
        "commitment": one.commitment,
        "service": found.service,
        "window": {"kind": one.kind, **_edges(found.window.span)},
        "state": one.state,
        "agreed": found.agreed,
        "counted": found.claimable.amount,
        "spans": one.counted,
        "attained": _ratio(found.claimable.best),
        "target": _ratio(found.target),
        "due": {"safe": one.due.safe, "latest": one.due.latest},
        "share": _ratio(one.share),
        "base": {
            "cents": _ratio(one.base.amount), "invoices": one.base.months, "missing": one.base.missing,
        },
        "by_formula": _ratio(one.by_formula),
        "months": {month: _ratio(part) for month, part in one.parts.items()},
        "after_invoice_cap": _ratio(one.after_invoice_cap),
        "credit": _ratio(one.credit),
        "credit_cents": None if one.credit is None else one.credit.__floor__(),
        "needs": [{"what": n.what, "met": n.met, "by": n.by} for n in one.needs],
        "complete": all(n.met for n in one.needs),
        "liability": None if beyond is None else {k: getattr(beyond, k) for k in beyond.__struct_fields__},
        "flags": found.flags,
    }  # fmt: skip


def _reservation(one: Coverage) -> dict[str, Any]:
    return {
        "outage": one.outage,
        "service": one.service,
        "notices": one.notices,
        "reserved": one.reserved,
        "waived": one.waived,
        "open": one.open,
        "due": None if one.safe is None else {"safe": one.safe, "latest": one.latest},
    }


def _deadline(one: Deadline) -> dict[str, Any]:
    return {
        "task": one.task, "about": one.about, "safe": one.safe, "latest": one.latest, "clause": one.clause,
    }  # fmt: skip


def _effect(one: Effect) -> dict[str, Any]:
    return {
        "reading": one.reading,
        "choice": one.choice,
        "figures": [_moved(moved) for moved in one.figures],
        "credit": {
            account: {"before": _ratio(before), "after": _ratio(after)}
            for account, (before, after) in one.credit.items()
        },
    }


def _moved(moved: Moved) -> dict[str, Any]:
    before, after = moved.before, moved.after
    return {
        "commitment": before.commitment,
        "service": before.service,
        "window": _window(before.window),
        "before": _short(before),
        "after": None if after is None else _short(after),
    }


def _short(one: Attainment) -> dict[str, Any]:
    return {
        "agreed": one.agreed,
        "observed": one.down,
        "net": one.net.amount,
        "claimable": one.claimable.amount,
        "best": _ratio(one.net.best),
        "claimable_best": _ratio(one.claimable.best),
        "finding": one.finding,
        "claim_finding": one.claim_finding,
    }
