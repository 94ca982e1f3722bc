"""Contract files, time zone data and public holidays → Contract and Calendar; the only reader of those."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from holidays.registry import EntityLoader

from collector.core.calendar import Calendar
from collector.core.contract import (
    DEDUCTION_RULES,
    PENALTY_FORMULAS,
    READINGS,
    Commitment,
    Contract,
    Penalty,
)
from collector.core.record import DEDUCTION_KINDS
from collector.core.timeline import SECOND, Duration, Instant
from collector.errors import ConfigurationError
from collector.tables import contents, parsed, shown, table, under

_YEARS = range(1990, 2101)
"""What a Calendar covers."""

_MAY_BE_EMPTY = frozenset({"until", "same_as", "cap_of_invoice_clause", "final_clause"})


def load(path: Path) -> tuple[Contract, str]:
    """The contract of a file and the SHA-256 of its bytes; ConfigurationError names every wrong key."""
    data = contents(path)
    return decoded(data, path), hashlib.sha256(data).hexdigest()


def decoded(data: bytes, path: Path) -> Contract:
    """The contract that the text of a file is; `path` is what messages call it."""
    raw = parsed(data, path)
    problems = list(_left_empty(raw, ""))
    contract = None if problems else table(raw, Contract, "", problems)
    if contract is not None:
        problems += _contradictions(contract)
    if problems or contract is None:
        raise ConfigurationError([f"{path}: {problem}" for problem in problems])
    return contract


def calendar(contract: Contract) -> Calendar:
    """Civil time of the contract's zone with its holidays: from the pinned packages, not the system."""
    return _calendar(contract.zone, contract.holidays)


# -------------------------------------------------------------------------------- zone and holidays as data


@cache
def _calendar(zone: str, country: str) -> Calendar:
    return Calendar(
        zone=zone,
        transitions=_transitions(_zone(zone)),
        holidays=frozenset(holidays.country_holidays(country, years=_YEARS)),
        tzdata_version=version("tzdata"),
        holidays_version=f"{country} {version('holidays')}",
    )


def _zone(name: str) -> ZoneInfo:
    """The zone as the tzdata package has it; ValueError if it has none of that name."""
    package = resources.files("tzdata")
    if name not in package.joinpath("zones").read_text("utf-8").splitlines():
        raise ValueError(name)
    with package.joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, name)


def _transitions(zone: ZoneInfo) -> tuple[tuple[Instant, Duration], ...]:
    """Every change of offset from 1990 to 2100, found day by day and then to the second."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (_YEARS.start, _YEARS.stop))
    day = 86_400
    found = [(first, _offset(zone, first))]
    for second in range(first, last, day):
        if _offset(zone, second + day) != found[-1][1]:
            low, high = second, second + day
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == found[-1][1] else (low, middle)
            found.append((high, _offset(zone, high)))
    return tuple((second * SECOND, offset * SECOND) for second, offset in found)


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=1)


# ------------------------------------------------------------------------------------ what types cannot say


def _left_empty(value: Any, place: str) -> Iterator[str]:
    """Every text that nobody filled in: all of a template that is still one."""
    if isinstance(value, dict):
        for key, part in value.items():
            if part == "" and key not in _MAY_BE_EMPTY:
                yield f"{under(place, key)}: expected to be filled in, got an empty text"
            yield from _left_empty(part, under(place, key))
    elif isinstance(value, list):
        for k, part in enumerate(value):
            yield from _left_empty(part, f"{place}[{k}]")


def _contradictions(contract: Contract) -> Iterator[str]:
    yield from _terms(contract)
    yield from _commitments(contract)
    yield from _deductions(contract)
    yield from _readings(contract)
    yield from _numbers(contract)


def _terms(contract: Contract) -> Iterator[str]:
    try:
        _zone(contract.zone)
    except ValueError:
        yield f'zone: expected a time zone like "Europe/Paris", got {shown(contract.zone)}'
    if contract.holidays not in EntityLoader.get_country_codes():
        yield f'holidays: expected a country code like "FR", got {shown(contract.holidays)}'
    for key, text in (("since", contract.in_force.since), ("until", contract.in_force.until)):
        if text and not _is_date(text):
            yield f'in_force.{key}: expected a date like "2019-12-01", got {shown(text)}'


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _commitments(contract: Contract) -> Iterator[str]:
    ids = [commitment.id for commitment in contract.commitments]
    yield from _twice("commitments", ids)
    yield from _twice("refused", [refusal.id for refusal in contract.refused], taken=ids)
    own = {c.id for c in contract.commitments if not c.same_as}
    for k, commitment in enumerate(contract.commitments):
        place = f"commitments[{k}]"
        yield from (f"{place}.{problem}" for problem in _promise(commitment))
        if commitment.same_as and commitment.same_as not in own:
            yield (
                f"{place}.same_as: expected a commitment with a measurement of its own, "
                f"got {shown(commitment.same_as)}"
            )
    if contract.grace is not None:
        named = {"grace.incidents_of": contract.grace.incidents_of}
        named |= {f"grace.heads[{k}]": head for k, head in enumerate(contract.grace.heads)}
        for key, name in named.items():
            if name not in ids:
                yield f"{key}: expected a commitment of this file, got {shown(name)}"


def _promise(commitment: Commitment) -> Iterator[str]:
    """What one commitment needs by its measure, and must not have."""
    match commitment.measure:
        case "availability" | "durability" | "iops":
            needed, windows = "target", {"P1M", "P1Y"}
        case "latency":
            needed, windows = "limit", {"sample"}
        case "response" | "restoration":
            needed, windows = "limits", {"ticket"}
    given = {"target": commitment.target, "limit": commitment.limit, "limits": commitment.limits or None}
    for key, value in given.items():
        if (value is None) == (key == needed):
            wanted = "a value" if key == needed else "no such key"
            yield f"{key}: expected {wanted} for a commitment of {commitment.measure}"
    if commitment.target is not None and not 0 < commitment.target <= 1:
        yield f'target: expected a share over 0 and up to "100 %", got {commitment.target * 100} %'
    if commitment.window not in windows:
        choices = " or ".join(f'"{window}"' for window in sorted(windows))
        wanted = f"{choices} for a commitment of {commitment.measure}"
        yield f"window: expected {wanted}, got {shown(commitment.window)}"
    yield from _twice("limits", [limit.severity for limit in commitment.limits], key="severity")


def _deductions(contract: Contract) -> Iterator[str]:
    yield from _twice("deductions", [rule.kind for rule in contract.deductions], key="kind")
    for k, rule in enumerate(contract.deductions):
        place = f"deductions[{k}]"
        yield from _one_of(f"{place}.kind", rule.kind, DEDUCTION_KINDS)
        yield from _one_of(f"{place}.rule", rule.rule, sorted(DEDUCTION_RULES))
        if (rule.rule == "announced") != (rule.notice_clear_days is not None):
            yield f'{place}.notice_clear_days: expected with rule = "announced", and only with it'
    if contract.penalty is not None:
        yield from _penalty(contract.penalty)


def _penalty(penalty: Penalty) -> Iterator[str]:
    if penalty.formula not in PENALTY_FORMULAS:
        yield from _one_of("penalty.formula", penalty.formula, sorted(PENALTY_FORMULAS))
        return
    for formula, key in PENALTY_FORMULAS.items():
        if bool(getattr(penalty, key)) != (formula == penalty.formula):
            yield f'penalty.{key}: expected with formula = "{formula}", and only with it'
    steps = [tier.below for tier in penalty.tiers]
    if steps != sorted(set(steps), reverse=True):
        yield "penalty.tiers: expected each step below the one before it"
    if (penalty.cap_of_invoice is None) != (penalty.cap_of_invoice_clause == ""):
        yield "penalty.cap_of_invoice_clause: expected with cap_of_invoice, and only with it"
    if penalty.base_months < 0:
        yield f"penalty.base_months: expected at least 0, got {penalty.base_months}"


def _readings(contract: Contract) -> Iterator[str]:
    ids = [reading.id for reading in contract.readings]
    yield from _twice("readings", ids)
    for k, reading in enumerate(contract.readings):
        if reading.id not in READINGS:
            yield from _one_of(f"readings[{k}].id", reading.id, list(READINGS))
            continue
        choices = sorted(READINGS[reading.id])
        yield from _one_of(f"readings[{k}].safe", reading.safe, choices)
        yield from _one_of(f"readings[{k}].arguable", reading.arguable, choices)
    for missing in sorted(READINGS.keys() - set(ids)):
        yield f'readings: expected one with id = "{missing}", got none'


def _numbers(contract: Contract) -> Iterator[str]:
    """Counts that cannot be: a negative term, a 61st minute past the last hour."""
    business, deadlines, liability = contract.business, contract.deadlines, contract.liability
    if not 0 <= business.opens_minute < business.closes_minute <= 24 * 60:
        yield (
            "business: expected 0 <= opens_minute < closes_minute <= 1440, "
            f"got {business.opens_minute} and {business.closes_minute}"
        )
    if not business.weekdays or not set(business.weekdays) <= set(range(1, 8)):
        yield f"business.weekdays: expected days from 1 (Monday) to 7, got {list(business.weekdays)}"
    terms = {key: getattr(deadlines, key) for key in deadlines.__struct_fields__}
    if deadlines.reservation is not None and deadlines.reservation.unit != "hours":
        yield f'deadlines.reservation.unit: expected "hours", got {shown(deadlines.reservation.unit)}'
    if deadlines.hardware_notice is not None and deadlines.hardware_notice.unit == "hours":
        yield 'deadlines.hardware_notice.unit: expected days or longer, got "hours"'
    counts = {f"deadlines.{key}.within": due.within for key, due in terms.items() if due is not None}
    counts |= {
        f"deductions[{k}].notice_clear_days": rule.notice_clear_days
        for k, rule in enumerate(contract.deductions)
        if rule.notice_clear_days is not None
    }
    if liability is not None:
        counts |= {
            f"liability.{key}": getattr(liability, key) for key in ("billings", "billings_past", "past_days")
        }
    yield from (f"{key}: expected at least 1, got {n}" for key, n in counts.items() if n < 1)


def _one_of(place: str, value: str, known: Iterable[str]) -> Iterator[str]:
    if value not in known:
        yield f"{place}: expected one of {', '.join(known)}; got {shown(value)}"


def _twice(place: str, names: list[Any], *, key: str = "id", taken: Iterable[Any] = ()) -> Iterator[str]:
    seen = set(taken)
    for k, name in enumerate(names):
        if name in seen:
            yield f"{place}[{k}].{key}: expected each only once, got {shown(name)} again"
        seen.add(name)
