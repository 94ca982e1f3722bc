"""The account is drawn twice, by the program and by a plain second implementation, from made-up journals."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.core.account import draw, replay
from collector.core.published import to_json
from collector.core.record import decode
from collector.core.timeline import Span
from tests import twin
from tests.strategies import SHIPPED, calendar, contract
from tests.twin_words import SECOND, Json, parts

SEEDS = range(int(os.environ.get("TWIN_FROM", "0")), int(os.environ.get("TWIN_TO", "30")))
BASES = (1_792_705_700, 1_792_888_500, 1_793_000_000)
"""22 October 2026, 23:48:20 in Paris; the 25th, 02:35 for the first time; some quiet moment."""

READINGS = {
    "grace-kind": "wall",
    "grace-scope": "access-only",
    "grace-unit": "joined",
    "excluded-time": "leaves-period",
    "overrun": "as-announced",
    "disputed": "takes-nothing",
    "platform-throttle": "unavailable",
}


class World:
    """What may be in a journal, by chance: `lines` by origin, and what to ask of the account."""

    def __init__(self, seed: int) -> None:
        self.chance, self.moves = Random(seed), Random(f"moves {seed}")
        self.base = self.chance.choice(BASES)
        self.length = self.chance.choice([300, 600, 900])
        self.services = list(self._services())
        self.truth = {one["name"]: self._weather() for one in self.services}
        self.truth[""] = self._weather(bad=0.1)
        vantages = self.chance.choice([["v"], ["v"], ["v", "w"], ["v", "w"], ["v", "v"]])
        self.alone = len(vantages) == 1
        half = self.length // 2
        spans = [(0, half), (half + 20, self.length)] if vantages == ["v", "v"] else [(0, self.length)] * 2
        self.lines = {
            f"{vantage}-{k}": self._origin(f"{vantage}-{k}", vantage, *spans[k])
            for k, vantage in enumerate(vantages)
        }
        self.readings = {k: v for k, v in READINGS.items() if self.chance.random() < 0.4}
        late = self.chance.choice([0, 0, 0, -100, 400])
        self.as_of = (self.base + self.length + late) * SECOND
        begins = self.chance.choice([0, 0, -30, self.length // 3])
        ends = begins + self.chance.choice([self.length // 2, self.length, self.length + 500])
        self.window = ((self.base + begins) * SECOND, (self.base + ends) * SECOND)

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    # ------------------------------------------------------------------------------------- what there is

    def _services(self) -> Iterator[Json]:
        promises = ["internet.firewall", "internet.command-api", "load-balancer.availability"]
        names = ["net", "other", "third", "net2"][: self.chance.randint(1, 4)]
        for name in names:
            own = ["internet.access"] if name.startswith("net") else []
            if not own or self.often(0.5):
                own.append(self.chance.choice(promises))
            one: Json = {
                "name": name, "account": "a", "region": self.chance.choice(["r", "r", "q"]),
                "commitments": own, "via": self.chance.choice(["internet", "internet", "internal"]),
            }  # fmt: skip
            yield self._ruled(one)
            if name == "third" and self.often(0.5):
                one["equivalents"] = self.chance.choice([["other"], ["net", "other"]])

    def _ruled(self, service: Json) -> Json:
        service["down_when"] = self.chance.choice(["all", "all", "any", {"at_least": 1}, {"at_least": 2}])
        service.pop("witnesses", None)
        if self.often(0.3):
            service["witnesses"] = self.chance.randint(1, 2)
        return service

    def _weather(self, bad: float = 0.4) -> list[tuple[int, str]]:
        """From when on it is how."""
        found, at = [], 0
        while at < self.length:
            found.append((at, "down" if self.often(bad) else "up"))
            at += self.chance.choice([10, 40, 100, 200])
        return found

    def _probes(self) -> list[Json]:
        found = []
        for service in self.services:
            enough = service["down_when"]["at_least"] if isinstance(service["down_when"], dict) else 1
            for k in range(max(enough, self.chance.randint(1, 2))):
                found.append(self._probe(f"{service['name']}-{k}", service["name"]))
        if self.often(0.6):
            found += [self._probe(f"control-{k}", "") for k in range(self.chance.randint(1, 2))]
        return found

    def _probe(self, name: str, service: str) -> Json:
        interval, burst = self.chance.choice([6, 10, 20]), self.chance.choice([2, 4])
        return {
            "name": name, "kind": "http", "target": "http://127.0.0.1/", "interval": interval * SECOND,
            "burst": burst * SECOND, "phase": self.chance.randrange(interval) * SECOND, "timeout": 2 * SECOND,
            "sight": (interval * 3 // 2) * SECOND, "persistence": (burst * 3 // 2) * SECOND,
            "params": {}, **({"service": service} if service else {"role": "control"}),
        }  # fmt: skip

    # ------------------------------------------------------------------------------------- what happened

    def _origin(self, origin: str, vantage: str, since: int, until: int) -> list[Json]:
        probes = self._probes()
        self.named = {probe["name"] for probe in probes}
        events: list[tuple[float, Json]] = []
        for probe in probes:
            events += self._samples(probe, since, until)
        events += self._interruptions(origin, vantage, probes, since, until)
        events += [(at + 0.3, one) for at, one in self._declarations(origin, since, until)]
        begun = [self._start(origin, vantage), self._clock(0), self._plan(probes)]
        events += [(since - 1 + k / 10, line) for k, line in enumerate(begun)]
        return self._written(sorted(events, key=lambda event: event[0]))

    def _samples(self, probe: Json, since: int, until: int) -> Iterator[tuple[float, Json]]:
        interval, burst = probe["interval"] // SECOND, probe["burst"] // SECOND
        blind = self.chance.choice([0, 0.02, 0.1])
        platform = self.chance.choice([0, 0, 0.1, 0.4])
        wrong = self.chance.choice([0, 0, 0.15])
        due = since + (probe["phase"] // SECOND - since) % interval
        while due < until:
            sent = due + self.chance.choice([0, 0, 0, 1])
            done = sent + self.chance.choice([0, 1, 1, 2])
            states = {self._is(probe.get("service", ""), at) for at in range(sent, done + 1)}
            outcome, reason = ("ok", "") if states == {"up"} else ("failed", "timeout")
            if self.often(wrong):
                outcome, reason = ("ok", "") if outcome == "failed" else ("failed", "timeout")
            if self.often(blind):
                outcome, reason = self.chance.choice([("blind", "route"), ("throttled", "rate-account")])
            elif self.often(platform):
                outcome, reason = "throttled", "rate-platform"
            yield done, {
                "t": "sample", "probe": probe["name"], "slot": due, "covers": 1, "sent": sent, "done": done,
                "outcome": outcome, "reason": reason, "value": None, "error": 0, "phases": {}, "facts": {},
            }  # fmt: skip
            slot = due + interval if not self.often(0.03) else due + 3 * interval
            due = max(done, min(slot, sent + burst) if outcome != "ok" and self.often(0.9) else slot)

    def _is(self, service: str, at: int) -> str:
        return [state for since, state in self.truth[service] if since <= at][-1] if at >= 0 else "up"

    def _interruptions(
        self, origin: str, vantage: str, probes: list[Json], since: int, until: int
    ) -> Iterator[tuple[float, Json]]:
        for _ in range(self.chance.randint(0, 4)):
            at = self.chance.randint(since, until) + 0.5
            names = ["*"] if self.often(0.5) else [self.chance.choice(probes)["name"]]
            what = self.chance.choice(
                ["gap", "gap", "restart", "step", "clock", "host", "plan", "plan", "plan", "hole"]
            )
            if what == "gap":
                yield at, {"t": "gap", "probes": names, "from": int(at), "to": int(at), "reason": "lag"}
            elif what == "restart":
                moved = self.chance.choice([0, 0, 30, -30, -3])
                if self.often(0.5):
                    yield at - 0.1, {"t": "stop"}
                yield at, {**self._start(origin, vantage), "moved": moved}
                yield at + 0.1, self._plan(self._changed(probes) if self.often(0.5) else probes)
            elif what == "step":
                yield at, self._clock(self.chance.choice([-40, -5, -1, 1, 7, 60]))
            elif what == "clock":
                yield at, self._clock(0)
            elif what == "host":
                yield at, {
                    "t": "host", "loop_lag_max": 0, "loop_lag_p99": 0, "queue": 0, "fds": 0, "rss": 0,
                    "late": 0, "route": {},
                }  # fmt: skip
            elif what == "plan":
                yield at, self._plan(self._changed(probes))
            else:
                yield at, {"t": "hole", "moved": self.chance.choice([0, 0, 20, -20])}

    def _changed(self, probes: list[Json]) -> list[Json]:
        changed = list(probes)
        if self.often(0.3) and len(changed) > 1:
            changed.pop(self.chance.randrange(len(changed)))
        elif self.often(0.7):
            k = self.chance.randrange(len(changed))
            changed[k] = {**changed[k], "sight": changed[k]["sight"] + self.chance.choice([0, 5]) * SECOND}
        if self.alone and self.often(0.3):
            self.services = [self._moved(self._ruled(dict(one))) for one in self.services]
        return changed

    def _moved(self, service: Json) -> Json:
        """To another region, reached in another way, or with another promise: each now and then."""
        for key, choices in (
            ("region", ["r", "q"]),
            ("via", ["internet", "internal"]),
            ("commitments", [["internet.access"], ["load-balancer.availability"], service["commitments"]]),
        ):
            if self.moves.random() < 0.3:
                service[key] = self.moves.choice(choices)
        return service

    def _declarations(self, origin: str, since: int, until: int) -> Iterator[tuple[int, Json]]:
        ids: list[str] = []
        for k in range(self.chance.choice([0, 1, 1, 2, 4])):
            start = self.chance.randint(since - 20, until)
            spans = [[start, start + self.chance.choice([5, 60, 200, 500])]]
            if self.often(0.3):
                spans.append([spans[0][1] + 20, spans[0][1] + 60])
            days = self.chance.choice([1, 2, 3, 4])
            ids.append(f"{origin}.d{k}")
            one: Json = {
                "t": "declaration", "id": ids[-1], "kind": self.chance.choice(twin.KINDS), "by": "somebody",
                "spans": spans, "scope": self.chance.choice([["*"], ["r"], ["net"], ["other", "q"], ["x"]]),
                "standing": self.chance.choice(["accepted"] * 4 + ["disputed", "refused", "proposed"]),
                "why": "",
            }  # fmt: skip
            if self.often(0.6):
                one["kind"] = "planned-maintenance"
            if self.often(0.9):
                one["sent"] = start - days * 86_400 + self.chance.choice([-3600, 0, 3600])
            if self.often(0.7):
                one["received"] = start - (days - 1) * 86_400
            if ids[:-1] and self.often(0.3):
                one["supersedes"] = self.chance.choice(ids[:-1])
            yield self.chance.randint(since, until), one

    # --------------------------------------------------------------------------------------------- lines

    def _start(self, origin: str, vantage: str) -> Json:
        return {
            "t": "start", "format": 1, "origin": origin, "vantage": vantage, "version": "0", "python": "3",
            "boot": "b", "cut": 0,
        }  # fmt: skip

    def _clock(self, step: int) -> Json:
        return {
            "t": "clock", "wall": 0, "boot_offset": 0, "error": 1000, "synced": 1, "source": "chrony",
            "leap": 0, "step": step * SECOND, "moved": step,
        }  # fmt: skip

    def _plan(self, probes: list[Json]) -> Json:
        return {
            "t": "plan", "contract": "c", "contract_sha256": "",
            "accounts": [{"id": "a", "region": "r", "zones": []}], "services": list(self.services),
            "probes": probes,
        }  # fmt: skip

    def _written(self, events: list[tuple[float, Json]]) -> list[Json]:
        """Numbered, and dated by a clock that may be set; what was in flight then is cancelled."""
        lines: list[Json] = []
        moved, cancelled_before, missing = 0, 0.0, 0
        dropped: dict[str, float] = {}
        for at, given in events:
            line = dict(given)
            if line["t"] == "plan":
                planned = {probe["name"] for probe in line["probes"]}
                dropped = {p: dropped.get(p, at) for p in self.named - planned}
            moved += line.pop("moved", 0)
            if line["t"] == "hole":
                missing += 2
                cancelled_before = at
                continue
            if line["t"] in ("start", "stop") or line.get("step"):
                cancelled_before = at
            if line["t"] == "sample" and (
                line["sent"] < cancelled_before
                or line["slot"] >= dropped.get(line["probe"], line["slot"] + 1)
            ):
                continue
            base = self.base + moved
            for key in {"slot", "sent", "done", "from", "to"} & line.keys():
                local = self.base if line["t"] == "declaration" else base
                line[key] = (local + line[key]) * SECOND
            if line["t"] == "declaration":
                line["spans"] = [[(self.base + at) * SECOND for at in span] for span in line["spans"]]
                line.update({k: (self.base + line[k]) * SECOND for k in ("received",) if k in line})
            head = {"t": line.pop("t"), "seq": len(lines) + missing, "at": (base + int(at)) * SECOND}
            lines.append({**head, **line})
        return lines


# ------------------------------------------------------------------------------------------ comparing


def of_program(world: World) -> Json:
    origins = {
        name: [decode(json.dumps(line).encode()) for line in lines] for name, lines in world.lines.items()
    }
    evidence = replay(origins, contract(), world.as_of)
    asked = (Span(*world.window),)
    found = draw(evidence, contract(), calendar(), as_of=world.as_of, readings=world.readings, asked=asked)
    plain: Json = json.loads(json.dumps(to_json(found)))
    return plain


def of_twin(world: World) -> Json:
    journals = [lines for lines in world.lines.values() if lines]
    return twin.account(
        journals,
        tomllib.loads(SHIPPED.read_text()),
        as_of=world.as_of,
        window=world.window,
        readings=world.readings,
    )


ATTAINED = (
    "agreed", "states", "excluded", "deducted", "net", "best", "worst", "observed_best", "observed_worst",
    "target", "finding", "coverage",
)  # fmt: skip


def as_compared(account: Json) -> Json:
    """What both tell, in one form: incident ids aside, and without what reservations change."""

    def plain(value: Any) -> Any:
        if isinstance(value, set):
            return parts(value)
        return f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value

    attainments = {}
    for one in account["attainments"]:
        found = {key: plain(one[key]) for key in ATTAINED}
        found["deducted"] = {k: v for k, v in found["deducted"].items() if k != "unreserved" and v}
        found["excluded"] = {k: v for k, v in found["excluded"].items() if v}
        attainments[f"{one['service']} {one['commitment']}"] = found
    runs = {
        kind: sorted(
            [o["service"], plain(o["certain"]), plain(o["possible"]), o["open"]] for o in account[kind]
        )
        for kind in ("outages", "blips")
    }
    incidents = sorted([i["region"], plain(i["certain"]), plain(i["possible"])] for i in account["incidents"])
    return {"attainments": attainments, **runs, "incidents": incidents}


@pytest.mark.parametrize("seed", SEEDS)
def test_both_draw_the_same_account(seed: int) -> None:
    """Rules T, S, V, G, D and A: two implementations that share nothing agree to the microsecond."""
    world = World(seed)

    assert as_compared(of_program(world)) == as_compared(of_twin(world))


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_program_says_so_of_journal_files_that_it_did_not_write(seed: int, tmp_path: Path) -> None:
    """`constat account` of files that were made by the public format alone."""
    world = World(seed)
    for name, lines in world.lines.items():
        hour = datetime.fromtimestamp(lines[0]["at"] // SECOND, UTC).strftime("%Y-%m-%dT%H")
        file = tmp_path / "journal" / name / f"{hour}.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))

    moments = [("--at", world.as_of), ("--from", world.window[0]), ("--to", world.window[1])]
    given = [part for option, at in moments for part in (option, iso(at))]
    given += [part for pair in world.readings.items() for part in ("--reading", "=".join(pair))]
    run = subprocess.run(
        [sys.executable, "-m", "exporters", "account", "--journal", tmp_path, "--contract", SHIPPED, "--json",
         *given],
        capture_output=True, check=False, text=True,
    )  # fmt: skip

    assert run.returncode in (0, 1), run.stderr
    assert as_compared(json.loads(run.stdout)) == as_compared(of_twin(world))


def iso(instant: int) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
