"""That a bundle's figures are what its lines come to: slots, contract, states, outages and ledgers."""

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from collector import contracts
from collector.core.account import Account, Evidence, draw
from collector.core.contract import Contract
from collector.core.published import to_json
from collector.core.record import Gap, Plan, Probe
from collector.core.timeline import Instant, Span, Spans, duration, intersection, spans, within
from collector.errors import ConstatError
from collector.journal.passage import LATE
from exporters.documents.verification.heard import Heard
from exporters.documents.verification.step import NotShown, Wrong, must
from exporters.documents.verification.unpacked import DATA, Unpacked, figures

_STATEMENT = f"{DATA}/statement.json"
_FOR_EVER = 1 << 62
_THROTTLED = "platform-throttle"
"""The one reading that states depend on; those that deductions depend on are not drawn again here."""
_STATES = ("up", "down", "edge", "unknown")


def quoted(unpacked: Unpacked) -> Contract | None:
    """The contract of the bundle; None where the file is none, which its own step tells."""
    try:
        data = unpacked.read(f"{DATA}/contract.toml", 1 << 22)
        return contracts.decoded(data, Path("contract.toml"))
    except (ConstatError, ValueError):
        return None


# ------------------------------------------------------------------------------------------------- step 9


def slots(heard: Sequence[Heard], unpacked: Unpacked) -> str:
    """Each planned slot is covered by one sample or gap, so that none was left out (S1)."""
    if unpacked.table.extract:
        raise NotShown("single lines cannot tell that none is left out")
    window, count, reasons = unpacked.table.window, 0, Counter[str]()
    for one in heard:
        _all_of(one, window)
        reasons.update(gap.reason for gap in one.gaps if gap.from_ < window.end and window.start < gap.to)
        for plan, held in planned(one, window) if one.ats else ():
            for probe in plan.probes:
                count += _covered(one, probe, held, window)
    told = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
    return f"{count:,} slots, each covered once; gaps: {told or 'none'}"


def _all_of(one: Heard, window: Span) -> None:
    """Wrong where lines of the window may lie outside of what the bundle shows."""
    last = one.last_at
    if one.ats:
        shown = one.end == one.head or (last is not None and last >= window.end)
    else:
        shown = last is not None and last < window.start
    begun = one.starts[0].at if one.starts else window.start
    must(shown or begun >= window.end, one.name, "all lines of the window", f"those up to {last}")


def planned(one: Heard, window: Span) -> Iterator[tuple[Plan, Span]]:
    """The plans that hold for some of the window, and for how long each does."""
    ends = [*(plan.at for plan in one.plans[1:]), _FOR_EVER]
    for plan, end in zip(one.plans, ends, strict=False):
        if max(plan.at, window.start) < min(end, window.end):
            yield plan, Span(plan.at, end)


def _covered(one: Heard, probe: Probe, held: Span, window: Span) -> int:
    """How many slots of a probe lie in the window; Wrong where one has no line, or two."""
    phase, interval = probe.phase, probe.interval

    def number(instant: Instant) -> int:
        """Of the first slot from then on."""
        return -((phase - instant) // interval)

    first, end = number(max(held.start, window.start)), number(min(held.end, window.end))
    k = first
    for start, past in sorted(_lines_for(one, probe, held, number)):
        if past <= first or start >= end:
            continue
        if start != k and (start > first or k > first):
            where = f"{one.name}: {probe.name}, slot {phase + min(k, max(start, first)) * interval}"
            raise Wrong(where, "one line for it", "none" if start > k else "two")
        k = past
    if k < end:
        due, newest = phase + k * interval, one.last_at
        # Of the newest slots the lines may not have been written yet.
        written = newest is not None and due <= newest - LATE
        must(not written, f"{one.name}: {probe.name}, slot {due}", "one line for it", "none")
    return end - first


def _lines_for(one: Heard, probe: Probe, held: Span, number: Any) -> list[tuple[int, int]]:
    """The numbers of the slots that each line of a probe stands for: [first, past)."""
    told, (begin, close) = one.slots.get(probe.name, array("q")), held
    found = [
        (start := number(slot), start + covers)
        for slot, covers in zip(told[::2], told[1::2], strict=True)
        if covers and begin <= slot < close
    ]
    for gap in one.gaps:
        if _about(gap, probe.name):
            start, end = max(begin, gap.from_), min(close, gap.to)
            if start < end:
                found.append((number(start), number(end)))
    return found


def _about(gap: Gap, probe: str) -> bool:
    return probe in gap.probes or gap.probes == ("*",)


# ------------------------------------------------------------------------------------------------ step 10


def contract(heard: Sequence[Heard], unpacked: Unpacked) -> str:
    """The contract is that of the statement, and of each plan in force in the window."""
    data, terms = unpacked.read(f"{DATA}/contract.toml", 1 << 22), unpacked.filed.grounds.contract
    digest = hashlib.sha256(data).hexdigest()
    must(digest == terms.sha256, f"{DATA}/contract.toml", f"SHA-256 {terms.sha256}", digest)
    for one in heard:
        for plan, _ in planned(one, unpacked.table.window):
            got, wanted = (plan.contract, plan.contract_sha256), (terms.id, digest)
            must(got == wanted, f"{one.name}, line {plan.seq}: contract", wanted, got)
    return f"{terms.id}, SHA-256 {digest}"


# ------------------------------------------------------------------------------------------------ step 11


def redrawn(heard: Sequence[Heard], terms: Contract | None, unpacked: Unpacked) -> Account:
    """The account of the bundle's lines, by its contract; Wrong where they do not make one."""
    if terms is None:
        raise Wrong(f"{DATA}/contract.toml", "a contract file", "none")
    evidence = Evidence([one.testimony for one in heard if one.testimony is not None], {}, {})
    choice = unpacked.filed.grounds.readings.get(_THROTTLED)
    must(choice, f"{_STATEMENT}: rests_on.readings", f"a reading of {_THROTTLED}", "none")
    return draw(
        evidence,
        terms,
        contracts.calendar(terms),
        as_of=unpacked.table.as_of,
        readings={_THROTTLED: str(choice)},
        asked=(unpacked.table.window,),
    )


def states(account: Account, heard: Sequence[Heard], unpacked: Unpacked) -> str:
    """What the samples show, by the rules S and V, is what the statement says."""
    window, drawn = unpacked.table.window, to_json(account)
    shown = _shown(heard) if unpacked.table.extract else None
    for kind in ("outages", "blips"):
        theirs, ours = _clipped(figures(unpacked, kind), window), _clipped(drawn[kind], window)
        for service in sorted(theirs.keys() | ours.keys()):
            if shown is None or service in shown:
                where = f"{_STATEMENT}: {kind} of {service}"
                must(
                    theirs[service] == ours[service],
                    where,
                    f"{ours[service]}, as of the samples",
                    theirs[service],
                )
    found = {_name(one): one for one in drawn["attainments"]}
    stated = figures(unpacked, "attainments")
    names = [_name(one) for one in stated]
    must(sorted(names) == sorted(found), f"{_STATEMENT}: attainments", sorted(found), sorted(names))
    for one in stated:
        if shown is None or one["service"] in shown:
            ours = found[_name(one)]["states"]
            where = f"{_STATEMENT}: {one['commitment']} of {one['service']}: states"
            must(one["states"] == ours, where, f"{ours}, as of the samples", one["states"])
    services = sorted({one["service"] for one in stated} & (shown or {one["service"] for one in stated}))
    return f"{len(drawn['outages'])} outages, {len(drawn['blips'])} blips of {', '.join(services)}"


def _name(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one["commitment"]), str(one["service"])


def _shown(heard: Iterable[Heard]) -> set[str]:
    """The services of all of whose probes there is a sample."""
    asked: dict[str, list[bool]] = defaultdict(list)
    for one in heard:
        for plan in one.plans:
            for probe in plan.probes:
                if probe.service:
                    asked[probe.service].append(probe.name in one.slots)
    return {service for service, seen in asked.items() if all(seen)}


def _clipped(found: Iterable[Mapping[str, Any]], window: Span) -> dict[str, list[Any]]:
    """Service → certain and possible time in the window of each outage (or blip) that touches it."""
    of: dict[str, list[Any]] = defaultdict(list)
    for one in found:
        certain, possible = _spans(one["certain"]), _spans(one["possible"])
        if within(possible, window):
            of[str(one["service"])].append((within(possible, window), within(certain, window)))
    return defaultdict(list, {service: sorted(parts) for service, parts in of.items()})


def _spans(pairs: Iterable[Sequence[int]]) -> Spans:
    return spans(Span(start, end) for start, end in pairs if start < end)


# ------------------------------------------------------------------------------------------------ step 12


def sums(account: Account, unpacked: Unpacked) -> str:
    """Each ledger is a partition of downtime, and the shares and findings are what follows (A1 to A3)."""
    stated, drawn = (
        figures(unpacked, "attainments"),
        {_name(one): one for one in to_json(account)["attainments"]},
    )
    for one in stated:
        target, where = drawn[_name(one)]["target"], f"{_STATEMENT}: {one['commitment']} of {one['service']}"
        must(one["target"] == target, f"{where}: target", f"{target}, as of contract and plan", one["target"])
        down = account.states[one["service"]].down if one["service"] in account.states else ()
        _adds_up(one, within(down, unpacked.table.window), unpacked)
    return f"{len(stated)} attainments: ledger, shares and findings follow from the states"


def _adds_up(one: Mapping[str, Any], down: Spans, unpacked: Unpacked) -> None:
    where, window = f"{_STATEMENT}: {one['commitment']} of {one['service']}", unpacked.table.window
    every = [Span(*pair) for line in one["ledger"] for pair in line["spans"]]
    taken = {line["kind"]: sum(end - start for start, end in line["spans"]) for line in one["ledger"]}
    together = spans(every)
    must(duration(together) == sum(s.length for s in every), f"{where}: ledger", "disjoint spans", every)
    if not unpacked.table.extract:
        must(intersection(together, down) == together, f"{where}: ledger", "spans of downtime", every)
    unreserved = taken.get("unreserved", 0)
    net = one["states"]["down"] - sum(taken.values()) + unreserved
    wanted: dict[str, Any] = {
        "ledger": [(line["kind"], taken[line["kind"]]) for line in one["ledger"]],
        "window": {"kind": one["window"]["kind"], "start": window.start, "end": window.end},
        "agreed": sum(one["states"][state] for state in _STATES),
        "deducted": taken,
        "net": net,
        "claimable": net - unreserved,
    }
    for key, right in wanted.items():
        got = [(line["kind"], line["amount"]) for line in one["ledger"]] if key == "ledger" else one[key]
        must(got == right, f"{where}: {key}", right, got)
    left = sum(one["excluded"].values())
    must(one["agreed"] + left == window.length, f"{where}: agreed", window.length - left, one["agreed"])
    _follows(one, where)


def _follows(one: Mapping[str, Any], where: str) -> None:
    """Wrong where shares and findings are not those of the durations."""
    agreed, told = one["agreed"], one["states"]
    lost = {"best": one["net"], "observed_best": told["down"], "claimable_best": one["claimable"]}
    shares = {key: Fraction(agreed - of, agreed) if agreed else None for key, of in lost.items()}
    shares["observed_worst"] = Fraction(told["up"], agreed) if agreed else None
    shares["coverage"] = Fraction(agreed - told["unknown"], agreed) if agreed else None
    got = {key: _ratio(one[key], f"{where}: {key}") for key in shares}
    for key, share in shares.items():
        must(got[key] == share, f"{where}: {key}", share, got[key])
    target = _ratio(one["target"], f"{where}: target")
    for finding, kind in (("finding", ""), ("claim_finding", "claimable_")):
        best, worst = got.get(f"{kind}best"), _ratio(one[f"{kind}worst"], f"{where}: {kind}worst")
        low = shares["observed_worst"]
        bound = best is None or (worst is not None and low is not None and low <= worst <= best)
        must(bound, f"{where}: {kind}worst", f"a share from {low} to {best}", one[f"{kind}worst"])
        follows = "OPEN"
        if best is not None and worst is not None and target is not None:
            follows = "MISSED" if best < target else "MET" if worst >= target else "OPEN"
        must(one[finding] == follows, f"{where}: {finding}", follows, one[finding])


def _ratio(text: object, where: str) -> Fraction | None:
    if text is None:
        return None
    try:
        return Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        raise Wrong(where, 'a ratio "n/d"', text) from None
