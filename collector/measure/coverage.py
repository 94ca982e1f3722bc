"""What a journal already covers, and so which planned slots the gap of a restart has to name."""

from collections.abc import Iterable, Mapping

from collector.core.record import Gap, Line, Plan, Probe, Sample
from collector.core.timeline import Instant
from collector.measure.scheduler import Missed, next_slot


class Covered:
    """How far each probe of one plan is covered, from lines in any order.

    Coverage has no holes (`Scheduler`), so of each probe the last line alone would do: `complete` says when
    every probe has been seen, and older lines need not be read.
    """

    def __init__(self, plan: Plan) -> None:
        self._probes = {probe.name: probe for probe in plan.probes}
        self._next = {probe.name: next_slot(probe, plan.at) for probe in plan.probes}
        self._seen: set[str] = set()
        self.through: Instant = plan.at
        """No line covers a slot at or after this: a new plan may hold from here on, and not from earlier."""

    @property
    def complete(self) -> bool:
        return len(self._seen) == len(self._probes)

    @property
    def next(self) -> Mapping[str, Instant]:
        """Probe → its first planned slot that nothing covers."""
        return self._next

    def feed(self, line: Line) -> None:
        """Take in a line written after the plan."""
        if isinstance(line, Sample) and (probe := self._probes.get(line.probe)) is not None:
            end = next_slot(probe, line.slot) + line.covers * probe.interval
            self._reached(probe, end, end - probe.interval + 1 if line.covers else line.slot)
        elif isinstance(line, Gap):
            for name in self._probes if "*" in line.probes else line.probes:
                if (probe := self._probes.get(name)) is not None:
                    self._reached(probe, next_slot(probe, line.to), line.to)

    def open_until(self, at: Instant) -> list[tuple[Instant, tuple[str, ...]]]:
        """Slots before `at` that nothing covers, as (from, probes): each is a gap [from, at)."""
        return grouped({name: slot for name, slot in self._next.items() if slot < at}, self._probes)

    def _reached(self, probe: Probe, slot: Instant, through: Instant) -> None:
        self._seen.add(probe.name)
        self._next[probe.name] = max(self._next[probe.name], slot)
        self.through = max(self.through, through)


def grouped(
    next_slots: Mapping[str, Instant], probes: Mapping[str, Probe]
) -> list[tuple[Instant, tuple[str, ...]]]:
    """As few gap lines as will do: any start after a probe's last covered slot, up to its next one, fits."""
    groups: list[tuple[Instant, list[str]]] = []
    for slot, name in sorted((slot, name) for name, slot in next_slots.items()):
        if not groups or groups[-1][0] <= slot - probes[name].interval:
            groups.append((slot, []))
        groups[-1][1].append(name)
    return [(start, tuple(names)) for start, names in groups]


def merged(missed: Iterable[Missed]) -> list[tuple[Missed, tuple[str, ...]]]:
    """Probes that missed the same stretch for the same reason, together: one gap line each."""
    same: dict[tuple[Instant, Instant, str], tuple[Missed, list[str]]] = {}
    for one in missed:
        same.setdefault((one.start, one.end, one.reason), (one, []))[1].append(one.probe)
    return [(one, tuple(names)) for one, names in same.values()]
