"""A second account, plain and slow: it shares no code with the program, and knows the rules alone.

It takes journal lines as JSON has them and the contract as TOML has it, and goes through time in ticks of one
second: a set of ticks is a Python set. Every instant that it is given must lie on a tick.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from tests.twin_words import SECOND, Json, Ticks, in_time, last_words, parts, tick, ticks_of

KINDS = (
    "suspension", "planned-maintenance", "emergency-protection", "force-majeure", "customer-fault",
    "countermeasure",
)  # fmt: skip


# ------------------------------------------------------------------------------------ one origin (T4, S)


class Origin:
    """What the lines of one origin say: its plans, and each probe's state in each tick."""

    def __init__(self, lines: Sequence[Json], throttle_is_failure: bool, as_of: int) -> None:
        known = [line for line in lines if line["at"] <= as_of]
        self.lines = known
        self.vantage: str = next(line["vantage"] for line in known if line["t"] == "start")
        self.began = tick(known[0]["at"])
        self.until = max(tick(line["at"]) for line in known)
        self.plans: list[tuple[int, Json]] = []  # in the order in which they were told
        self._events: dict[str, list[Json | None]] = {}  # samples; None is what nobody sees across
        self._told: dict[str, dict[int, list[tuple[int, str]]]] = {}
        self._read(known, throttle_is_failure)
        for probe, events in self._events.items():
            self._look(probe, events)

    def _read(self, lines: Sequence[Json], throttle_is_failure: bool) -> None:
        defined: dict[str, Json] = {}
        changed_at: dict[str, int] = {}
        age = 0  # a clock that was set back begins a new one
        for before, line in zip([None, *lines], lines, strict=False):
            missing = before is not None and line["seq"] != before["seq"] + 1
            stepped = line["t"] == "clock" and line["step"]
            if line["t"] in ("stop", "gap"):
                names = line.get("probes", ["*"])
                self._break(self._events if names == ["*"] else names)
            if missing or stepped or line["t"] == "start":
                age += 1
                changed_at.clear()
                self._break(self._events)
                if self.plans and tick(line["at"]) < self.plans[-1][0]:
                    self.plans.append((tick(line["at"]), self.plans[-1][1]))
            if line["t"] == "plan":
                named = {probe["name"]: probe for probe in line["probes"]}
                changed = [p for p in named.keys() | defined.keys() if named.get(p) != defined.get(p)]
                self._break(changed)
                changed_at |= dict.fromkeys(changed, tick(line["at"]))
                defined = named
                self.plans.append((tick(line["at"]), line))
            if line["t"] == "sample":
                self._sample(line, age, defined, changed_at, throttle_is_failure)

    def _sample(
        self, line: Json, age: int, defined: Json, changed_at: dict[str, int], throttle_is_failure: bool
    ) -> None:
        name = line["probe"]
        settled = line["outcome"] in ("ok", "failed")
        counts = settled or (throttle_is_failure and line["reason"] == "rate-platform")
        turned = changed_at.get(name, 0) * SECOND
        stale = line["slot"] < turned
        if stale:  # it sees nothing, and lies in the time of the plan before
            self._break([name])
        if counts:
            done = max(line["sent"], min(line["done"], turned)) if stale else line["done"]
            event = {**line, "done": done, "age": age, "asked": defined.get(name)}
            self._events.setdefault(name, []).append(event)
        if not counts or stale:
            self._break([name])

    def _break(self, names: Iterable[str]) -> None:
        for name in names:
            self._events.setdefault(name, []).append(None)

    def _look(self, probe: str, events: list[Json | None]) -> None:
        between = [self._between(a, b) for a, b in pairwise([None, *events, None])]
        told = self._told.setdefault(probe, {})
        for k, event in enumerate(events):
            if event is None:
                continue
            left, right = between[k], between[k + 1]
            if event["outcome"] == "ok":
                own = "answered" if "edge" in (left, right) else "up"  # S4
            else:
                own = "down" if left == right == "down" else "edge"
            for one in range(tick(event["sent"]), tick(event["done"])):
                told.setdefault(one, []).append((event["age"], own))
            if right is not None:
                following = events[k + 1]
                assert following is not None
                for one in range(tick(event["done"]), tick(following["sent"])):
                    told.setdefault(one, []).append((event["age"], right))

    @staticmethod
    def _between(a: Json | None, b: Json | None) -> str | None:
        """S2 and S3: what is seen between two successive samples."""
        if a is None or b is None or a["asked"] is None:
            return None
        apart = b["sent"] - a["done"]
        if apart > a["asked"]["sight"]:
            return None
        if (a["outcome"] == "ok") != (b["outcome"] == "ok"):
            return "edge"
        if a["outcome"] == "ok":
            return "up"
        return "down" if apart <= a["asked"]["persistence"] else "edge"

    def state(self, probe: str, at: int) -> str:
        told = self._told.get(probe, {}).get(at, [])
        return told[0][1] if len(told) == 1 else "unknown"  # T4: told twice is not known

    def plan(self, at: int, others: Sequence["Origin"], as_of: int) -> Json | None:
        afresh = [o.began for o in others if o.vantage == self.vantage and o.began > self.until]
        if at >= min([tick(as_of), *afresh]):
            return None
        return next((plan for start, plan in reversed(self.plans) if start <= at), None)


# ------------------------------------------------------------------------------------ services (S6, V)


def watch(origins: Sequence[Origin], at: int, as_of: int) -> tuple[dict[str, Json], dict[str, list[Json]]]:
    """Services by name, and every probe with its vantage point and state, S6 applied, by service."""
    services: dict[str, Json] = {}
    probes: dict[str, list[Json]] = {}
    controls: dict[str, list[str]] = {}
    for origin in origins:
        plan = origin.plan(at, origins, as_of)
        if plan is None:
            continue
        services.update({service["name"]: service for service in plan["services"]})
        for probe in plan["probes"]:
            state = origin.state(probe["name"], at)
            if probe.get("role") == "control":
                controls.setdefault(origin.vantage, []).append(state)
            else:
                seen = {"vantage": origin.vantage, "saw": state, "state": state.replace("answered", "edge")}
                probes.setdefault(probe["service"], []).append(seen)
    for probe in (one for of in probes.values() for one in of):
        own = controls.get(probe["vantage"])
        if own is not None and "up" not in own and probe["state"] in ("down", "edge"):
            probe["state"] = "unknown"
    return services, probes


def judge(service: Json, probes: Sequence[Json]) -> str:
    n = len(probes)
    d, e, u, p = (
        sum(probe["state"] == state for probe in probes) for state in ("down", "edge", "unknown", "up")
    )
    if n == u:
        return "unknown"
    witnesses = service.get("witnesses") or min(2, len({probe["vantage"] for probe in probes}))

    def enough(*states: str) -> bool:
        return len({probe["vantage"] for probe in probes if probe["state"] in states}) >= witnesses

    rule = service["down_when"]
    if rule == "all":
        if d == n - u and enough("down"):
            return "down"
        if p:
            return "up"
        return "edge" if e and enough("down", "edge") else "unknown"
    k = 1 if rule == "any" else rule["at_least"]
    if n < k:
        return "unknown"  # V2 would say UP, whatever the probes see: too few can never tell
    if d >= k and enough("down"):
        return "down"
    if d + e + u < k:
        return "up"
    return "edge" if d + e >= k else "unknown"


class Service:
    """One service through all of time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rules: Json = {}
        self.ruled: dict[int, Json] = {}
        self.commitments: list[str] = []
        self.states: dict[int, str] = {}
        self.answered: Ticks = set()

    def where(self, state: str) -> Ticks:
        return {at for at, found in self.states.items() if found == state}

    def rules_at(self, at: int) -> Json:
        """They hold until others are told; the first held before, too."""
        if at in self.ruled:
            return self.ruled[at]
        return self.ruled[max((then for then in self.ruled if then <= at), default=min(self.ruled))]

    def runs(self) -> tuple[list[Json], list[Json]]:
        """Outages and blips (V3)."""
        found: tuple[list[Json], list[Json]] = [], []
        known = [(at, state) for at, state in sorted(self.states.items()) if state != "unknown"]
        last_up = max(self.where("up"), default=-1)
        for up, group in groupby(known, key=lambda pair: pair[1] == "up"):
            members = list(group)
            if up:
                continue
            certain = {at for at, state in members if state == "down"}
            possible = {at for at, _ in members}
            found[0 if certain else 1].append(
                {
                    "id": f"{self.name}@{min(possible) * SECOND}",
                    "service": self.name,
                    "certain": certain,
                    "possible": possible,
                    "open": last_up < max(possible),
                }
            )
        return found


def services_of(origins: Sequence[Origin], horizon: Sequence[int], as_of: int) -> dict[str, Service]:
    found: dict[str, Service] = {}
    alone: dict[int, dict[str, str]] = {}
    for at in horizon:
        rules, probes = watch(origins, at, as_of)
        alone[at] = {name: judge(rules[name], probes.get(name, [])) for name in rules}
        for name, service in rules.items():
            one = found.setdefault(name, Service(name))
            one.rules = one.ruled[at] = service
            one.commitments += [id for id in service["commitments"] if id not in one.commitments]
            one.states[at] = alone[at][name]
            if any(probe["saw"] in ("up", "answered") for probe in probes.get(name, [])):
                one.answered.add(at)
            if equal := service.get("equivalents"):  # V5
                every = {alone[at][name], *(judge_other(rules, probes, other) for other in equal)}
                if "up" in every:
                    one.states[at] = "up"
                elif "unknown" in every:
                    one.states[at] = "unknown"
                else:
                    one.states[at] = "edge" if "edge" in every else "down"
    return found


def judge_other(rules: Mapping[str, Json], probes: Mapping[str, list[Json]], name: str) -> str:
    return judge(rules[name], probes.get(name, [])) if name in rules else "unknown"


# ------------------------------------------------------------------------------------ grace (G1, G2)


def stretches(service: Service, counts: Callable[[Json], bool]) -> dict[str, list[Json]]:
    """Outages by region, while the rules count; where those change the one or the other, they are cut."""

    def word(at: int) -> tuple[str, bool]:
        return service.rules_at(at)["region"], counts(service.rules_at(at))

    found: dict[str, list[Json]] = {}
    for outage in service.runs()[0]:
        span = range(min(outage["possible"]), max(outage["possible"]) + 1)
        for (region, counted), of in groupby(span, key=word):
            inside = set(of)
            part = {kind: outage[kind] & inside for kind in ("certain", "possible")}
            part["id"] = f"{service.name}@{min(inside) * SECOND}"
            if counted and part["certain"]:
                found.setdefault(region, []).append(part)
    return found


def cut(service: Service, outage: Json, unit: str) -> list[Json]:
    """Under `outage`, an answer between two certain spans makes two parts, from where it began on."""
    if unit == "joined":
        return [outage]
    edges = [min(outage["possible"])]
    for before, after in pairwise(parts(outage["certain"])):
        answers = [at for at in range(tick(before[1]), tick(after[0])) if at in service.answered]
        edges += answers[:1]
    found = []
    for start, end in pairwise([*edges, max(outage["possible"]) + 1]):
        inside = set(range(start, end))
        name = outage["id"] if start == edges[0] else f"{service.name}@{start * SECOND}"
        found.append(
            {"id": name, "certain": outage["certain"] & inside, "possible": outage["possible"] & inside}
        )
    return found


def group(outages: list[Json], unit: str, joined_within: int) -> list[Json]:
    groups: list[list[Json]] = []
    for outage in sorted(outages, key=lambda one: min(one["possible"])):
        ends = max((max(one["possible"]) + 1 for one in groups[-1]), default=0) if groups else 0
        if unit == "joined" and groups and min(outage["possible"]) - ends <= joined_within:
            groups[-1].append(outage)
        else:
            groups.append([outage])
    return [
        {
            "id": members[0]["id"],
            "certain": set().union(*(one["certain"] for one in members)),
            "possible": set().union(*(one["possible"] for one in members)),
        }
        for members in groups
    ]


def pools(
    service: Service, commitment: str, network: Mapping[str, list[Json]], terms: Json
) -> list[tuple[Json, Ticks]]:
    headed = commitment in terms["heads"]
    if terms["scope"] == "access-only":
        if commitment != terms["incidents_of"]:
            return []
        spared, headed = stretches(service, lambda _: True), False
    else:
        spared = stretches(service, lambda rules: headed or rules.get("via", "internet") == "internet")
    found = []
    for region, there in spared.items():
        own = [part for outage in there for part in cut(service, outage, terms["unit"])]
        touched = set()
        for incident in network.get(region, []):
            belonging = [part for part in own if part["possible"] & incident["possible"]]
            touched |= {part["id"] for part in belonging}
            if not headed and terms["scope"] != "access-only":
                belonging = [outage for outage in there if outage["possible"] & incident["possible"]]
            pool = set().union(*(one["possible"] for one in belonging))
            if pool:
                found.append((incident, pool))
        if headed:
            alone = [part for part in own if part["id"] not in touched]
            found += [(one, one["possible"]) for one in group(alone, terms["unit"], terms["joined_within"])]
    return sorted(found, key=lambda pair: (min(pair[1]), min(pair[0]["certain"]), pair[0]["id"]))


def grace(down: Ticks, edge: Ticks, given: list[tuple[Json, Ticks]], terms: Json) -> tuple[Ticks, Ticks]:
    lost: Ticks = set()
    doubt: Ticks = set()
    for incident, pool in given:
        if terms["kind"] == "wall":
            begins = min(incident["certain"])
            zone = pool & set(range(begins, begins + terms["amount"]))
            lost, doubt = lost | down & zone, doubt | edge & zone
        else:
            taken = sorted((down - lost) & pool)[: terms["amount"]]
            more = sorted((edge - doubt) & pool)[: terms["amount"] - len(taken)]
            lost, doubt = lost | set(taken), doubt | set(more)
    return lost, doubt


# ------------------------------------------------------------------------------------ deductions (D)


def declared(origins: Sequence[Origin], contract: Json, disputed: str) -> list[Json]:
    """Deductions that take time off, each with its ticks."""
    taking = ["accepted", "disputed"] if disputed == "takes-off" else ["accepted"]
    found = []
    for one in last_words([line for o in origins for line in o.lines if line["t"] == "declaration"]):
        if one["kind"] not in KINDS or one["standing"] not in taking:
            continue
        (rule,) = (rule for rule in contract["deductions"] if rule["kind"] == one["kind"])
        spans = one["spans"]
        if rule.get("rule") == "announced":
            spans = [s for s in spans if in_time(one, s, rule["notice_clear_days"], contract["zone"])]
        found.append({"kind": one["kind"], "scope": one["scope"], "ticks": ticks_of(spans)})
    return found


def excluded(service: Service, all_declared: list[Json], overrun: str) -> dict[str, Ticks]:
    found: dict[str, Ticks] = {}
    for one in all_declared:
        names, taken = set(one["scope"]), set(one["ticks"])
        if one["kind"] == "planned-maintenance" and overrun == "until-it-ends":
            for _, end in parts(one["ticks"]):
                for outage in service.runs()[0]:
                    begins, ends = min(outage["possible"]), max(outage["possible"]) + 1
                    if begins < tick(end) < ends:
                        taken |= set(range(tick(end), ends))
        meant = {at for at in taken if names & {"*", service.name, service.rules_at(at)["region"]}}
        found[one["kind"]] = found.get(one["kind"], set()) | meant
    return {kind: found[kind] for kind in KINDS if kind in found}


# ------------------------------------------------------------------------------------ the account (A)


def ratio(text: str) -> Fraction:
    assert text.endswith(" %")
    return Fraction(text[:-2]) / 100


def account(
    journals: Iterable[Sequence[Json]],
    contract: Json,
    *,
    as_of: int,
    window: tuple[int, int],
    readings: Mapping[str, str],
) -> Json:
    """What `constat account --json` says, as far as rules T, S, V, G, D and A go."""
    choice = {reading["id"]: reading["safe"] for reading in contract["readings"]} | dict(readings)
    throttle = choice["platform-throttle"] == "unavailable"
    origins = [Origin(lines, throttle, as_of) for lines in journals]
    starts = [start for origin in origins for start, _ in origin.plans]
    services = services_of(origins, range(min(starts), tick(as_of)), as_of)
    terms = {
        "amount": int(contract["grace"]["amount"].removesuffix(" min")) * 60,
        "joined_within": int(contract["grace"]["joined_within"].removesuffix(" min")) * 60,
        "incidents_of": contract["grace"]["incidents_of"],
        "heads": contract["grace"]["heads"],
        **{name: choice[f"grace-{name}"] for name in ("kind", "scope", "unit")},
    }
    network = incidents(services, terms)
    every = declared(origins, contract, choice["disputed"])
    shown = ticks_of([window])
    outages: list[Json] = []
    blips: list[Json] = []
    attainments = []
    for name, service in sorted(services.items()):
        for kept, found in zip((outages, blips), service.runs(), strict=True):
            kept += [{**one} for one in found if one["possible"] & shown]
        for id in service.commitments:
            (promise,) = (one for one in contract["commitments"] if one["id"] == id)
            given = pools(service, id, network, terms)
            off = excluded(service, every, choice["overrun"])
            left = choice["excluded-time"] == "leaves-period"
            numbers = attain(service, shown, off, left, given, terms, ratio(promise["target"]))
            attainments.append({"service": name, "commitment": id, **numbers})
    touching = [
        {"region": region, **one} for region, of in network.items() for one in of if one["possible"] & shown
    ]
    return {"attainments": attainments, "outages": outages, "blips": blips, "incidents": touching}


def incidents(services: Mapping[str, Service], terms: Json) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for _, service in sorted(services.items()):
        made = stretches(service, lambda rules: terms["incidents_of"] in rules["commitments"])
        for region, outages in made.items():
            cuts = [part for outage in outages for part in cut(service, outage, terms["unit"])]
            found.setdefault(region, []).extend(cuts)
    return {region: group(of, terms["unit"], terms["joined_within"]) for region, of in found.items()}


def attain(
    service: Service,
    window: Ticks,
    off: Mapping[str, Ticks],
    leaves: bool,
    given: list[tuple[Json, Ticks]],
    terms: Json,
    target: Fraction,
) -> Json:
    agreed, gone = set(window), {}
    for kind, ticks in off.items() if leaves else ():
        gone[kind] = len(agreed & ticks)
        agreed -= ticks
    up, down, edge = (service.where(state) & agreed for state in ("up", "down", "edge"))
    unknown = len(agreed) - len(up) - len(down) - len(edge)
    left_down, left_edge, taken = set(down), set(edge), {}
    for kind, ticks in off.items():
        taken[kind] = len(left_down & ticks)
        left_down, left_edge = left_down - ticks, left_edge - ticks
    grace_down, grace_edge = grace(left_down, left_edge, given, terms)
    taken["grace"] = len(grace_down)
    net, doubt = left_down - grace_down, left_edge - grace_edge
    total = len(agreed)

    def share(lost: int) -> Fraction | None:
        return Fraction(total - lost, total) if total else None

    best, worst = share(len(net)), share(len(net) + len(doubt) + unknown)
    finding = "OPEN"
    if best is not None and worst is not None:
        finding = "MISSED" if best < target else "MET" if worst >= target else "OPEN"
    return {
        "agreed": total * SECOND,
        "states": {
            "up": len(up) * SECOND, "down": len(down) * SECOND, "edge": len(edge) * SECOND,
            "unknown": unknown * SECOND,
        },
        "excluded": {kind: amount * SECOND for kind, amount in gone.items() if amount},
        "deducted": {kind: amount * SECOND for kind, amount in taken.items() if amount},
        "net": len(net) * SECOND,
        "best": best, "worst": worst,
        "observed_best": share(len(down)), "observed_worst": share(len(down) + len(edge) + unknown),
        "target": target, "finding": finding,
        "coverage": Fraction(total - unknown, total) if total else None,
    }  # fmt: skip
