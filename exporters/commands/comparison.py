"""Two accounts side by side: what differs, which facts lie between them, and what each of those moves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from collector.core.account import Evidence, draw, settle
from collector.core.published import to_json
from collector.core.record import Declaration
from collector.core.sight import Testimony
from collector.core.timeline import Instant
from collector.core.window import Asked
from exporters import query
from exporters.commands import journals
from exporters.commands.journals import Drawn
from exporters.commands.world import by_text
from exporters.documents import facts, moves, proof, show, statement
from exporters.documents.difference import Change, difference
from exporters.documents.facts import Fact
from exporters.documents.page import Page
from exporters.documents.proof import heads
from exporters.documents.statement import Filed, Terms

FEW = 12
"""So many facts are each tried alone; of more, all are only listed."""

Told = tuple[str, Declaration]
"""A declaration, and the origin it stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: a statement, and what it was drawn from where that is at hand."""

    name: str
    whole: Mapping[str, Any]
    drawn: Drawn | None
    spans: Sequence[Asked]
    """Its windows, each as a span."""


def frozen(drawn: Drawn) -> dict[str, Any]:
    """The statement of an account."""
    return _composed(drawn, drawn.published(), drawn.windows, None)


def restated(drawn: Drawn, filed: Filed, restates: str) -> dict[str, Any]:
    """The statement of an account over the windows of one that was filed."""
    account = statement.same_windows(drawn.published(), filed.whole["account"])
    return _composed(drawn, account, filed.windows, restates)


def _composed(
    drawn: Drawn, account: Mapping[str, Any], windows: Sequence[Asked], restates: str | None
) -> dict[str, Any]:
    world = drawn.world
    return statement.compose(
        account,
        windows,
        heads_of(drawn),
        [told.testimony for told in drawn.found.told],
        Terms(id=world.contract.id, sha256=world.contract_sha256, text=world.contract_text),
        world.calendar,
        query.build(world.contract)["version"],
        restates,
    )


def heads_of(drawn: Drawn) -> list[proof.Head]:
    """The tree of each origin, as far as an account rests on it."""
    return heads({place.name: place for place in drawn.places}, drawn.found.told)


def of_instant(drawn: Drawn) -> Side:
    """An account as it was at an instant."""
    name = f"as of {show.instant(drawn.account.as_of, show.zone(drawn.world.contract.zone, utc=False))}"
    spans = sorted({one.window.span for one in drawn.account.attainments})
    return Side(name=name, whole=frozen(drawn), drawn=drawn, spans=spans)


def of_file(filed: Filed, directories: Sequence[Path]) -> Side:
    """A statement, with what it was drawn from where there are journals."""
    drawn = again(filed, directories) if directories else None
    return Side(name=filed.name, whole=filed.whole, drawn=drawn, spans=filed.spans)


def again(filed: Filed, directories: Sequence[Path]) -> Drawn:
    """The account of a statement, drawn from the lines that it rests on, by the contract that it quotes."""
    grounds = filed.grounds
    world = by_text(grounds.contract.text, f"{filed.name}: rests_on.contract")
    windows = filed.spans if filed.whole.get("restates") else filed.windows
    return journals.drawn(world, directories, grounds.as_of, windows, grounds.readings, filed.sizes)


# ------------------------------------------------------------------------------------------- what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What lies between two sides."""

    before: Side
    after: Side
    changes: Sequence[Change]
    """Of the account."""
    facts: Sequence[Fact]
    alone: Sequence[tuple[Fact, Sequence[Change]]] | None
    """What each fact alone moves of the account before, in its windows; None where that was not tried."""

    def to_json(self) -> dict[str, Any]:
        """`changes` and `facts`, and in `alone` [[fact, changes]…], or null.

        `alone` is by the readings in force: it leaves out `readings_effect`, what others would be worth.
        """
        return {
            "version": 1,
            "before": self.before.name,
            "after": self.after.name,
            "changes": list(moves.lines(self.changes)),
            "facts": list(self.facts),
            "alone": None if self.alone is None else [_tried(*one) for one in self.alone],
        }

    def page(self, width: int, where: tzinfo) -> Page:
        """All of it, in words."""
        page = Page(width)

        def at(instant: int) -> str:
            return show.instant(instant, where)

        page.title(f"From {self.before.name} to {self.after.name}")
        page.heading("The facts that are others")
        for fact in self.facts:
            first, *more = facts.told(fact, at)
            page.say(first, hang=2)
            for line in more:
                page.say(line, 7, hang=2)
        if not self.facts:
            page.say("None: both rest on the same.")
        page.heading("The figures that moved")
        if moves.figures(self.changes):
            moves.tell(page, self.changes, at)
        else:
            page.say("None.")
        self._attributed(page, at)
        return page

    def _attributed(self, page: Page, at: moves.At) -> None:
        if self.alone is None:
            return
        page.heading("What each of these facts moves by itself, the others left as they were")
        for fact, changes in self.alone:
            page.say(facts.told(fact, at)[0], hang=2)
            for thing, moved in moves.things(moves.causes(changes)):
                page.say(f"{thing}: {'; '.join(moves.told(change, at) for change in moved)}", 7, hang=2)
            if not changes:
                page.say("moves nothing by the readings in force", 7)


def _tried(fact: Fact, changes: Sequence[Change]) -> list[Any]:
    return [fact, list(moves.lines(changes))]


def compared(before: Side, after: Side) -> Comparison:
    """All that lies between two sides."""
    declared = list(_declared_between(before, after))
    one, other = before.whole["rests_on"], after.whole["rests_on"]
    terms = _terms(one["contract"]["text"]), _terms(other["contract"]["text"])
    found = facts.between(one, other, declared, terms)
    return Comparison(
        before=before,
        after=after,
        changes=difference(before.whole["account"], after.whole["account"]),
        facts=found,
        alone=_alone(before, after, found, dict(_by_id(declared))),
    )


def _terms(text: str) -> Any:
    return msgspec.toml.decode(text)


def _by_id(declared: Sequence[Told]) -> Iterator[tuple[str, Declaration]]:
    for _, one in declared:
        yield one.id, one


def _declared_between(before: Side, after: Side) -> Iterator[Told]:
    if before.drawn is None or after.drawn is None:
        return
    known = {one.id for _, one in _declarations(before.drawn)}
    for origin, one in _declarations(after.drawn):
        if one.id not in known:
            known.add(one.id)
            yield origin, one


def _declarations(drawn: Drawn) -> Iterator[Told]:
    for told in drawn.found.told:
        for one in told.testimony.harvest.declarations:
            if one.at <= drawn.account.as_of:
                yield told.testimony.origin, one


# ------------------------------------------------------------------------------------- each fact by itself


def _alone(
    before: Side, after: Side, found: Sequence[Fact], declared: Mapping[str, Declaration]
) -> list[tuple[Fact, Sequence[Change]]] | None:
    if before.drawn is None or after.drawn is None:
        return None
    passed = [fact for fact in found if fact["fact"] == "as_of"]
    lines = [fact for fact in found if fact["fact"] in ("lines", "origin")]
    tried = [fact for fact in found if fact["fact"] in ("declaration", "reading", "contract")]
    if len(tried) > FEW:
        return None
    trial = _Trial(before.drawn, after.drawn, before)
    told: list[tuple[Fact, Sequence[Change]]] = [(fact, trial.with_time()) for fact in passed]
    if lines:
        every: Fact = {"fact": "all lines", "origins": [fact["origin"] for fact in lines]}
        told.append((every, trial.with_lines()))
    return [*told, *((fact, trial.with_fact(fact, declared)) for fact in tried)]


class _Trial:
    """The account before, over its windows, with one thing as it is after.

    What moves because time passes, like a claim that comes too late, is put down to that alone: every other
    thing is tried at the instant of the account after.
    """

    def __init__(self, before: Drawn, after: Drawn, side: Side) -> None:
        self._before, self._after, self._side = before, after, side
        self._evidence = before.found.evidence()
        self._here = self._figures(self._evidence, before)

    def with_time(self) -> Sequence[Change]:
        """At the instant of the account after."""
        then = self._figures(self._evidence, self._before, at=self._before.account.as_of)
        return difference(then, self._here)

    def with_fact(self, fact: Fact, declared: Mapping[str, Declaration]) -> Sequence[Change]:
        """With one declaration, reading, or the contract."""
        evidence, before = self._evidence, self._before
        match fact["fact"]:
            case "declaration":
                there = self._figures(_with(evidence, declared[fact["id"]]), before)
            case "contract":
                there = self._figures(evidence, self._after)
            case _:
                there = self._figures(evidence, before, {fact["reading"]: fact["after"]})
        return difference(self._here, there)

    def with_lines(self) -> Sequence[Change]:
        """With all samples and plans, and what was declared left as it was."""
        kept = {one.id for _, one in _declarations(self._before)}
        evidence = self._after.found.evidence()
        told = [_declaring(one, kept) for one in evidence.testimonies]
        there = self._figures(evidence._replace(testimonies=told), self._before)
        return difference(self._here, there)

    def _figures(
        self,
        evidence: Evidence,
        by: Drawn,
        moved: Mapping[str, str] | None = None,
        at: Instant | None = None,
    ) -> dict[str, Any]:
        """All that a comparison shows, but what each reading is worth."""
        account = draw(
            evidence,
            by.world.contract,
            by.world.calendar,
            as_of=self._after.account.as_of if at is None else at,
            readings={**self._before.moved, **(moved or {})},
            asked=self._side.spans,
        )
        whole = statement.as_read(to_json(account, settle(account)))
        shown = statement.same_windows(whole, self._side.whole["account"])
        return {part: value for part, value in shown.items() if part not in moves.APART}


def _with(evidence: Evidence, one: Declaration) -> Evidence:
    first, *rest = evidence.testimonies
    harvest = replace(first.harvest, declarations=[*first.harvest.declarations, one])
    return evidence._replace(testimonies=[first._replace(harvest=harvest), *rest])


def _declaring(told: Testimony, kept: set[str]) -> Testimony:
    declarations = [one for one in told.harvest.declarations if one.id in kept]
    return told._replace(harvest=replace(told.harvest, declarations=declarations))
