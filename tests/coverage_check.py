"""An independent judge of coverage: each slot that the `plan` lines promise is covered by exactly one line.

It knows nothing of the scheduler and goes slot by slot, as a stranger with the format's page in hand would.
"""

from collections import defaultdict
from collections.abc import Iterable

from collector.core.record import Gap, Line, Plan, Probe, Sample, Stop
from collector.core.timeline import Instant

FOR_EVER = 1 << 62


def slots(probe: Probe, start: Instant, end: Instant) -> range:
    """The planned slots of `probe` in [start, end)."""
    k = -((probe.phase - start) // probe.interval)
    return range(probe.phase + k * probe.interval, end, probe.interval)


def uncovered(lines: Iterable[Line], until: Instant | None = None) -> list[str]:
    """What is wrong with the coverage of one origin's `lines`, in the order in which they were written.

    Slots must be covered up to `until`; without it, up to the last orderly stop, and of each probe up to
    the last slot that any line covers: what was in flight when a collector was killed is covered by the
    next start.
    """
    kept = list(lines)
    plans = [line for line in kept if isinstance(line, Plan)]
    epochs = [
        (plan, plan.at, following.at if following else FOR_EVER)
        for plan, following in zip(plans, [*plans[1:], None], strict=True)
    ]
    problems = [
        f"plan {plan.seq} holds from before the plan it replaces" for plan, at, end in epochs if end < at
    ]
    covering: dict[str, dict[Instant, list[int]]] = defaultdict(lambda: defaultdict(list))
    for line in kept:
        if isinstance(line, Sample):
            problems += _of_sample(line, epochs, covering)
        elif isinstance(line, Gap):
            _of_gap(line, epochs, covering)
    if until is None:
        until = max((line.at for line in kept if isinstance(line, Stop)), default=0)
    for plan, at, end in epochs:
        for probe in plan.probes:
            covered = covering[probe.name]
            horizon = min(end, max([until, *(slot + 1 for slot in covered)]))
            for slot in slots(probe, at, horizon):
                if len(covered[slot]) != 1:
                    by = f"lines {covered[slot]}" if covered[slot] else "no line"
                    problems.append(f"{probe.name}: slot {slot} of plan {plan.seq} is covered by {by}")
    return problems


Epoch = tuple[Plan, Instant, Instant]


def _of_sample(
    sample: Sample, epochs: list[Epoch], covering: dict[str, dict[Instant, list[int]]]
) -> list[str]:
    for plan, at, end in epochs:
        probe = next((p for p in plan.probes if p.name == sample.probe), None)
        if probe is None or not at <= sample.slot < end:
            continue
        own = slots(probe, sample.slot, FOR_EVER)[: sample.covers]
        for slot in own:
            covering[probe.name][slot].append(sample.seq)
        beyond = [slot for slot in own if slot >= end]
        return [f"{probe.name}: sample {sample.seq} covers {beyond} of another plan"] if beyond else []
    return [f"{sample.probe}: sample {sample.seq} has a slot, {sample.slot}, that no plan has"]


def _of_gap(gap: Gap, epochs: list[Epoch], covering: dict[str, dict[Instant, list[int]]]) -> None:
    for plan, at, end in epochs:
        for probe in plan.probes:
            if probe.name in gap.probes or "*" in gap.probes:
                for slot in slots(probe, max(at, gap.from_), min(end, gap.to)):
                    covering[probe.name][slot].append(gap.seq)
