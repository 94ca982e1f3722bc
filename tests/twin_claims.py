"""The second account goes on: claims, plain and slow, in ticks of an hour, by no code of the program.

What was down and what was declared come as plain data, the contract as TOML has it. All that is given lies on
full hours. Every window is tried, one after the other; civil time is zoneinfo's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from tests.twin import KINDS, Service, grace, incidents, pools, ratio
from tests.twin_words import Ticks

Json: TypeAlias = dict[str, Any]
PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000_000
MONTHS = {"P1M": 1, "P1Y": 12}
DAYS_OFF = {
    date.fromisoformat(day)
    for day in (
        "2025-11-01", "2025-11-11", "2025-12-25", "2026-01-01", "2026-04-06", "2026-05-01", "2026-05-08",
        "2026-05-14", "2026-05-25", "2026-07-14", "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25",
        "2027-01-01", "2027-03-29",
    )
}  # fmt: skip


# ------------------------------------------------------------------------------------ civil time


@cache
def shown(tick: int) -> datetime:
    """What the clocks of Paris show when that hour begins."""
    return datetime.fromtimestamp(tick * 3600, UTC).astimezone(PARIS).replace(tzinfo=None, fold=0)


@cache
def tick_at(wall: datetime) -> int:
    """When they show it: the first time; what is skipped begins when it is over."""
    near = int(wall.replace(tzinfo=UTC).timestamp()) // 3600
    return next(t for t in range(near - 3, near + 3) if shown(t) >= wall)


@cache
def moved(tick: int, months: int) -> int:
    wall = shown(tick)
    month, day = wall.year * 12 + wall.month - 1 + months, wall.day
    while True:
        try:
            return tick_at(wall.replace(year=month // 12, month=month % 12 + 1, day=day))
        except ValueError:
            day -= 1


def midnight(day: date) -> int:
    return tick_at(datetime.combine(day, time()))


def last_date(end: int) -> date:
    """The date of the last microsecond before."""
    return shown(end - 1).date()


def works(day: date) -> bool:
    return day.weekday() < 5 and day not in DAYS_OFF


def deadline(end: int, extended: bool) -> int:
    """Until when a window that ended then can be claimed."""
    day = last_date(end) + timedelta(6 if extended else 5)
    while extended and not works(day):
        day += timedelta(1)
    return midnight(day + timedelta(1))


def announced(told: date, start: date, extended: bool) -> bool:
    day = start
    if not extended:
        return told <= start - timedelta(3)
    for _ in range(2):
        day -= timedelta(1)
        while not works(day):
            day -= timedelta(1)
    return told < day


def waived(tick: int) -> int:
    """When all of that hour is waived: 48 hours later, elapsed or by the clocks of Paris."""
    wall = shown(tick) + timedelta(hours=48)
    at = tick_at(wall)
    return min(tick + 49, at + (shown(at) == wall))  # all of an hour that is skipped is waived at once


# ------------------------------------------------------------------------------------ one service


class Known:
    """What is given, and what was chosen."""

    def __init__(self, made: Any, contract: Json, readings: Mapping[str, str]) -> None:
        self.choice = {one["id"]: one["safe"] for one in contract["readings"]} | dict(readings)
        self.contract = contract
        self.base, self.as_of = made.base // HOUR, made.as_of // HOUR
        self.told = list(made.told)
        self.services = {name: self._service(made, name) for name in made.promises}
        self.targets = made.targets
        self.terms: Json = {
            "amount": 2, "joined_within": 2, "incidents_of": contract["grace"]["incidents_of"],
            "heads": contract["grace"]["heads"],
            **{name: self.choice[f"grace-{name}"] for name in ("kind", "scope", "unit")},
        }  # fmt: skip
        self.network = incidents(self.services, self.terms)

    def _service(self, made: Any, name: str) -> Service:
        one = Service(name)
        one.commitments = list(made.promises[name])
        one.rules = {"name": name, "region": "r", "via": made.via[name], "commitments": one.commitments}
        one.ruled = {self.base: one.rules}
        one.states = dict.fromkeys(range(self.base, self.base + made.hours), "up")
        for down in made.down[name]:
            counts = not down.throttled or self.choice["platform-throttle"] == "unavailable"
            for t in range(down.start, down.end):
                inside = down.start + down.margin <= t < down.end - down.margin
                state = ("down" if inside else "edge") if counts else "unknown"
                one.states[self.base + t] = state if self.base + t < self.as_of else "unknown"
        one.answered = one.where("up")
        return one

    def of(self, kind: str) -> list[Json]:
        return [told for told in self.told if told["kind"] == kind]

    def chose(self, reading: str, choice: str) -> bool:
        return bool(self.choice[reading] == choice)


def hours(spans: Iterable[Sequence[int]]) -> Ticks:
    return {t for start, end in spans for t in range(start // HOUR, end // HOUR)}


def excluded(service: Service, known: Known) -> Ticks:
    """What deductions take out."""
    taking = ["accepted", "disputed"] if known.chose("disputed", "takes-off") else ["accepted"]
    found: Ticks = set()
    for one in known.told:
        about = one["kind"] in KINDS and {"*", "r", service.name} & set(one["scope"])
        if not about or one["standing"] not in taking:
            continue
        taken = hours(one["spans"])
        if one["kind"] == "planned-maintenance":
            theirs = known.chose("notice-time", "theirs-received-ours-sent")
            told = shown(one["received" if theirs else "sent"] // HOUR).date()
            if not announced(told, shown(min(taken)).date(), known.chose("clear-days", "extended")):
                continue
            if known.chose("overrun", "until-it-ends"):
                for outage in service.runs()[0]:
                    end = max(outage["possible"]) + 1
                    if min(outage["possible"]) < max(taken) + 1 < end:
                        taken |= set(range(max(taken) + 1, end))
        found |= taken
    return found


def reserved(service: Service, known: Known) -> Ticks:
    found: Ticks = set()
    for one in known.of("notice"):
        if service.name not in one["services"]:
            continue
        ours = known.chose("notice-time", "theirs-received-ours-sent")
        came, written = one["sent" if ours else "received"] // HOUR, one["sent"] // HOUR
        told = {t for t in hours(one["possible"]) if t < written}
        if known.chose("reservation-clock", "each-instant"):
            found |= {t for t in told if waived(t) > came}
        else:
            for outage in service.runs()[0]:
                if max(outage["possible"]) + 1 + 48 > came:
                    found |= told & outage["possible"]
    return found


def ticketed(service: Service, known: Known) -> Ticks:
    found: Ticks = set()
    for outage in service.runs()[0]:
        begins, ends = min(outage["possible"]), max(outage["possible"]) + 1
        for one in known.of("ticket"):
            meanwhile = begins <= one["opened"] // HOUR < ends
            if {"*", "r", service.name} & set(one["scope"]) and meanwhile:
                found |= set(range(max(begins, one["complete"] // HOUR), ends))
    return found


# ------------------------------------------------------------------------------------ windows


class Stake:
    """A promise to a service, and what each window is worth."""

    def __init__(self, service: Service, id: str, promise: Sequence[str], known: Known) -> None:
        self.service, self.id, self.known = service, id, known
        (self.terms,) = (one for one in known.contract["commitments"] if one["id"] == id)
        self.length = MONTHS[self.terms["window"]]
        self.target = ratio(known.targets.get(service.name, {}).get(id, self.terms["target"]))
        headed = next((one for one in promise if one in known.contract["grace"]["heads"]), id)
        self.given = pools(service, headed, known.network, known.terms)
        self.off = excluded(service, known)
        self.counts = service.where("down") - self.off
        self.counts &= reserved(service, known)
        if known.chose("ticket", "always"):
            self.counts &= ticketed(service, known)

    def judged(self, window: tuple[int, int], counts: Ticks) -> tuple[Ticks, Fraction]:
        """What counts in a window, and the share lost."""
        down = {t for t in counts if window[0] <= t < window[1]}
        left = down - grace(down, set(), self.given, self.known.terms)[0]
        leaves = self.known.chose("excluded-time", "leaves-period")
        gone = sum(window[0] <= t < window[1] for t in self.off) if leaves else 0
        agreed = window[1] - window[0] - gone
        return left, Fraction(len(left), agreed) if agreed else Fraction(0)

    def missed(self, lost: Fraction) -> bool:
        return bool(1 - lost < self.target)

    def late(self, end: int) -> bool:
        return bool(self.known.as_of >= deadline(end, self.known.chose("clear-days", "extended")))

    def breach(self, kind: str, window: tuple[int, int], counts: Ticks, first: int, late: bool) -> Json:
        left, lost = self.judged(window, counts)
        share = max(self.target - (1 - lost), Fraction(0)) * 10
        if self.terms["measure"] != "availability" and self.known.chose("no-formula", "no-credit"):
            share = Fraction(0)
        return {
            "service": self.service.name, "kind": kind, "window": window, "counted": left, "share": share,
            "first": first, "late": late, "latest": deadline(window[1], extended=True),
            "gone": left if late else set(),
            "star": self.terms.get("all_zones", False),
        }  # fmt: skip

    def calendar(self) -> list[Json]:
        found, at = [], self.known.base
        while at < self.known.as_of:
            day = shown(at).date().replace(day=1)
            start = midnight(day if self.length == 1 else day.replace(month=1))
            window = (start, moved(start, self.length))
            if self.missed(self.judged(window, self.counts)[1]):
                late = self.late(window[1])
                found.append(self.breach("calendar", window, self.counts, window[1], late))
            at = window[1]
        return found

    def sliding(self) -> list[Json]:
        if not self.counts:
            return []
        starts = range(moved(self.known.base, -self.length) - 24, moved(self.known.as_of, -self.length) + 800)
        windows = [window for s in starts for window in self._windows(s) if window[1] <= self.known.as_of]
        if self.known.chose("claim-clock", "claimed-window"):
            return list(self._claimed_window(windows))
        return list(self._first_missed(windows))

    def _windows(self, start: int) -> Iterable[tuple[int, int]]:
        """The one that starts there and, where the next one ends elsewhere, the last before that, all but."""
        end = moved(start, self.length)
        yield start, end
        if moved(start + 1, self.length) != end + 1:
            yield start + 1, end + 1

    def _episodes(self, windows: list[tuple[int, int]], counts: Ticks) -> list[list[tuple[int, int]]]:
        episodes: list[list[tuple[int, int]]] = []
        going = False
        seen: dict[tuple[Any, ...], bool] = {}
        for window in windows:
            key: tuple[Any, ...] = (
                tuple(sorted(t for t in counts if window[0] <= t < window[1])),
                window[1] - window[0],
            )
            if self.known.chose("excluded-time", "leaves-period"):
                key = (*key, window)
            if key not in seen:
                seen[key] = self.missed(self.judged(window, counts)[1])
            if seen[key] and going:
                episodes[-1].append(window)
            elif seen[key]:
                episodes.append([window])
            going = seen[key]
        return episodes

    def _worst(self, of: list[tuple[int, int]], counts: Ticks) -> tuple[int, int]:
        return max(of, key=lambda window: (self.judged(window, counts)[1], -window[0]))

    def _first_missed(self, windows: list[tuple[int, int]]) -> Iterable[Json]:
        counts = set(self.counts)
        late = True
        while late:
            late = False
            for episode in self._episodes(windows, counts):
                first = episode[0][1]
                late = self.late(first)
                # Windows that start on the last days of a month end together: all that end then are meant.
                last = max(w[1] for w in episode if not late or self.late(w[1]))
                of = [window for window in windows if first <= window[1] <= last]
                breach = self.breach("sliding", self._worst(of, counts), counts, first, late)
                if late:
                    breach["gone"] = self._given_up(set(range(episode[0][0], last)), counts)
                yield breach
                if late:
                    counts -= breach["gone"]
                    break

    def _given_up(self, lapsed: Ticks, counts: Ticks) -> Ticks:
        """With the time, all that the notices document which were about downtime in it."""
        for one in self.known.of("notice"):
            told = {t for t in hours(one["possible"]) if t < one["sent"] // HOUR}
            if self.service.name in one["services"] and told & counts & lapsed:
                lapsed = lapsed | told
        return lapsed

    def _claimed_window(self, windows: list[tuple[int, int]]) -> Iterable[Json]:
        for episode in self._episodes(windows, self.counts):
            # What ends a moment after midnight ends on the next day: it has that day's deadline.
            of = [w for w in episode if not self.late(w[1] + (moved(w[0], self.length) == w[1]))]
            worst = self._worst(of or episode, self.counts)
            breach = self.breach("sliding", worst, self.counts, episode[0][1], not of)
            after = worst[1] + (bool(of) and self.late(worst[1]))
            yield {**breach, "latest": deadline(after, extended=True)}


# ------------------------------------------------------------------------------------ claims


def name_of(month: date) -> str:
    return month.isoformat()[:7]


def months_of(breach: Json) -> set[str]:
    return {name_of(shown(t).date()) for t in breach["counted"]}


class Money:
    """Invoices of one account, and what they allow; nothing was claimed before."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.invoices = {one["month"]: Fraction(one["amount_cents"]) for one in known.of("invoice")}

    def base(self, end: int) -> Fraction | None:
        month, names = shown(end).date().replace(day=1), []
        for _ in range(12):
            month = (month - timedelta(1)).replace(day=1)
            names.append(name_of(month))
        first = min(self.invoices, default=names[0])
        names = [one for one in names if one >= first] or names[:1]
        if any(one not in self.invoices for one in names):
            return None
        return sum((self.invoices[one] for one in names), Fraction(0)) / len(names)

    def parts(self, breach: Json) -> dict[str, Fraction] | None:
        base = self.base(breach["window"][1])
        if base is None:
            return None
        found: dict[str, Fraction] = {}
        for t in breach["counted"]:
            month = name_of(shown(t).date())
            one = breach["share"] * base / len(breach["counted"])
            found[month] = found.get(month, Fraction(0)) + one
        return found

    def credits(self, of: Sequence[Json]) -> list[Fraction | None]:
        parts = [self.parts(one) for one in of]
        capped: list[Fraction | None] = []
        for mine in parts:
            left: Fraction | None = Fraction(0)
            for month, part in (mine or {}).items():
                wanted = sum(((other or {}).get(month, Fraction(0)) for other in parts), Fraction(0))
                unknown = any(p is None and month in months_of(one) for p, one in zip(parts, of, strict=True))
                if month not in self.invoices or left is None or unknown:
                    left = None
                elif wanted:
                    left += part * min(Fraction(1), self.invoices[month] * Fraction(3, 10) / wanted)
            capped.append(None if mine is None else left)
        bases = [self.base(one["window"][1]) for one in of]
        if self.known.chose("cap-period", "claim"):
            return [None if c is None or b is None else min(c, b) for c, b in zip(capped, bases, strict=True)]
        if None in capped or None in bases:
            return [None] * len(of)
        whole = sum((one for one in capped if one is not None), Fraction(0))
        room = min((one for one in bases if one is not None), default=Fraction(0))
        return [one if one is None or whole <= room else one * room / whole for one in capped]


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


class Choosing:
    """Which windows of one promise are claimed."""

    def __init__(self, known: Known, money: Money, in_time: Sequence[Json]) -> None:
        self.known, self.money = known, money
        alone = [self.credit([one]) for one in in_time]
        self.sure = None not in alone

    def credit(self, of: Sequence[Json]) -> Fraction | None:
        credits = self.money.credits([one for one in of if not blocked(one, self.known)])
        return None if None in credits else sum((one for one in credits if one is not None), Fraction(0))

    def worth(self, of: Sequence[Json]) -> tuple[Fraction, Fraction]:
        alone = [self.credit([one]) or Fraction(0) for one in of if self.sure]
        return sum(alone, Fraction(0)), sum((one["share"] for one in of), Fraction(0))

    def disjoint(self, of: Sequence[Json]) -> Sequence[Json]:
        of = sorted(of, key=lambda one: one["window"][1])
        sets = [pick for n in range(min(len(of), 3) + 1) for pick in combinations(of, n)]
        fitting = [
            s for s in sets if not any(overlap(a["window"], b["window"]) for a, b in combinations(s, 2))
        ]
        return max(fitting, key=self.worth)

    def plan(self, of: Sequence[Json]) -> list[Json]:
        names = list(dict.fromkeys(one["service"] for one in of))
        if self.known.chose("penalty-unit", "resource"):
            return [one for name in names for one in self.disjoint([b for b in of if b["service"] == name])]
        found: list[Json] = []
        left = sorted(of, key=lambda one: one["window"])
        while left:
            group, rest = [left[0]], left[1:]
            while more := [one for one in rest if any(overlap(one["window"], b["window"]) for b in group)]:
                group += more
                rest = [one for one in rest if one not in more]
            left = rest
            names = list(dict.fromkeys(one["service"] for one in sorted(group, key=lambda b: b["window"])))
            each = [self.disjoint([one for one in group if one["service"] == name]) for name in names]
            found += min(each, key=lambda chosen: sum(one["share"] for one in chosen))
        return found


def blocked(one: Json, known: Known) -> bool:
    return bool(one["star"]) and not known.of("deployment")


def claims(made: Any, contract: Json, readings: Mapping[str, str]) -> list[Json]:
    """What may be claimed, and what lapsed."""
    known = Known(made, contract, readings)
    money, found = Money(known), list[Json]()
    for id, promise, services in promises(known):
        stakes = [Stake(service, id, promise, known) for service in services]
        plans = planned(stakes)
        late = [one for plan in plans.values() for one in plan if one["late"]]
        if known.chose("window", "smaller-credit"):
            for stake in stakes:
                mine = [one for one in late if one["service"] == stake.service.name]
                stake.counts = stake.counts.difference(*(one["gone"] for one in mine))
            plans = planned(stakes)
        in_time = {kind: [one for one in plan if not one["late"]] for kind, plan in plans.items()}
        found += [{"promise": id, **one} for one in chosen(in_time, late, known, money)]
    due = [one for one in found if not one["late"] and not blocked(one, known)]
    for one, credit in zip(due, money.credits(due), strict=True):
        one["credit"] = credit
    return found


def planned(stakes: Sequence[Stake]) -> dict[str, list[Json]]:
    sliding = [breach for stake in stakes for breach in stake.sliding()]
    return {"sliding": sliding, "calendar": [breach for stake in stakes for breach in stake.calendar()]}


def chosen(in_time: Mapping[str, list[Json]], late: Sequence[Json], known: Known, money: Money) -> list[Json]:
    choosing = Choosing(known, money, [one for plan in in_time.values() for one in plan])
    made = [choosing.plan(plan) for plan in in_time.values()]
    credits = [choosing.credit(plan) for plan in made]
    worths = [
        (credit if credit is not None and None not in credits else Fraction(0), choosing.worth(plan)[1])
        for credit, plan in zip(credits, made, strict=True)
    ]
    best: Callable[..., int] = min if known.chose("window", "smaller-credit") else max
    picked = made[best((0, 1), key=lambda k: worths[k])]
    every = [one for plan in in_time.values() for one in plan]
    return [{**one, "safe": safe(one, every)} for one in [*picked, *late]]


def safe(breach: Json, every: Sequence[Json]) -> int:
    same = [one for one in every if one["counted"] & breach["counted"]]
    return min(deadline(one["first"], extended=False) for one in [breach, *same])


def promises(known: Known) -> Iterable[tuple[str, list[str], list[Service]]]:
    """Each promise, all ids that are one with it, and the services that have it."""
    every = known.contract["commitments"]
    measured = {one["id"]: one.get("same_as") or one["id"] for one in every}
    once = known.chose("command-api", "once")
    held: dict[str, dict[str, Service]] = {}
    for name, service in known.services.items():
        for id in service.commitments:
            for one in every:
                if measured[one["id"]] == measured[id] and one["measure"] in ("availability", "iops"):
                    held.setdefault(measured[id] if once else one["id"], {})[name] = service
    for id, services in held.items():
        ids = [one["id"] for one in every if measured[one["id"]] == measured[id]] if once else [id]
        yield id, ids, [services[name] for name in sorted(services)]
