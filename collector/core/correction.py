"""Which declarations stand at an instant: a correction takes the place of what it corrects, and says so.

A correction is of the kind of what it corrects: else an invoice, or a note that nobody reads, could make an
accepted deduction disappear. What cannot take the place of something stands beside it, and is flagged. Of
several corrections of one declaration the last that was written counts, in whatever order they are read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from collector.core.record import Declaration
from collector.core.sight import Testimony
from collector.core.timeline import Instant
from collector.errors import UncountableJournal


class Said(NamedTuple):
    """A declaration, and the line that it stands in: of several that say the same, the earliest."""

    at: Instant
    origin: str
    seq: int
    declared: Declaration

    @property
    def place(self) -> str:
        """Like "here-1a2b:17"."""
        return f"{self.origin}:{self.seq}"


class Stated(NamedTuple):
    """What was declared by an instant."""

    standing: tuple[Said, ...]
    """What nothing has taken the place of, in order of id: arrival makes no odds (law 4)."""
    flags: tuple[str, ...]
    """What is odd about the corrections among them."""

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """Those that stand."""
        return tuple(line.declared for line in self.standing)


def stated(testimonies: Iterable[Testimony], as_of: Instant) -> Stated:
    """What was declared by `as_of`, and which of it stands.

    UncountableJournal where one id says two things, or declarations supersede each other in a loop.
    """
    known = _known(testimonies, as_of)
    for id in known:
        _check_loop(id, known)
    corrections: dict[str, list[str]] = defaultdict(list)
    flags: list[str] = []
    for id in sorted(known):
        of = known[id].declared.supersedes
        if of is None:
            continue
        if flag := _amiss(known[id], of, known):
            flags.append(f"{flag} ({known[id].place})")
        else:
            corrections[of].append(id)
    corrected = {id for ids in corrections.values() for id in ids}
    standing = []
    for id in known.keys() - corrected:
        last = sorted(_last_words(id, corrections), key=lambda one: (known[one].at, one))
        standing.append(known[last[-1]])
        if len(last) > 1:
            flags.append(_twice(id, [known[one] for one in last]))
    return Stated(tuple(sorted(standing, key=lambda line: line.declared.id)), tuple(sorted(flags)))


def _known(testimonies: Iterable[Testimony], as_of: Instant) -> dict[str, Said]:
    known: dict[str, Said] = {}
    for told in testimonies:
        for declared in told.harvest.declarations:
            if declared.at > as_of:
                continue
            line = Said(declared.at, told.origin, declared.seq, declared)
            before = known.setdefault(declared.id, line)
            if before is not line and _says(before.declared) != _says(declared):
                raise UncountableJournal(
                    f'{before.place} and {line.place}: declaration "{declared.id}" says two things; '
                    "a correction needs an id of its own and supersedes the first"
                )
            known[declared.id] = min(before, line)  # no two are of one place, so that tells them apart
    return known


def _says(declared: Declaration) -> list[object]:
    # Several origins may have taken in the same declaration: only its place in the journal differs.
    return [getattr(declared, field) for field in declared.__struct_fields__ if field not in ("seq", "at")]


def _check_loop(id: str, known: Mapping[str, Said]) -> None:
    chain = [id]
    while (following := known[chain[-1]].declared.supersedes) in known:
        assert following is not None
        if following in chain:
            loop = chain[chain.index(following) :]
            lines = ", ".join(f'"{one}" ({known[one].place})' for one in loop)
            raise UncountableJournal(
                f'declarations supersede each other in a loop: {lines}, "{following}"; '
                "no collector writes that: leave out the journal that is wrong"
            )
        chain.append(following)


def _amiss(line: Said, of: str, known: Mapping[str, Said]) -> str:
    """Why a declaration cannot take the place of what it supersedes; empty where it can."""
    id, kind = line.declared.id, line.declared.kind
    if of not in known:
        return f'supersedes-unknown: {id}: nothing declared is called "{of}"'
    other = known[of].declared.kind
    if other != kind:
        return f'supersedes-other-kind: {id}: of kind {kind}, where "{of}" is of kind {other}: both stand'
    return ""


def _last_words(id: str, corrections: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What nothing corrects of a declaration, its corrections, and theirs."""
    open = [id]
    while open:
        one = open.pop()
        if one not in corrections:
            yield one
        open += corrections.get(one, ())


def _twice(id: str, last: Sequence[Said]) -> str:
    lines = ", ".join(f'"{line.declared.id}" ({line.place})' for line in last)
    return f"corrected-twice: {id}: by {lines}; the last counts"
