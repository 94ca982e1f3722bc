"""That a bundle rests on what was left with a third party beforehand: a bundle can vouch for itself."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from collector.core.timeline import SECOND
from collector.errors import UsageError
from collector.journal import checkpoint, deposit
from collector.journal.checkpoint import Checkpoint
from collector.journal.deposit import Authority, Deposit
from exporters.documents.verification import whole
from exporters.documents.verification.dated import policy_of
from exporters.documents.verification.heard import Heard
from exporters.documents.verification.step import NotShown, Wrong, must
from exporters.documents.verification.unpacked import DATA, Unpacked

LARGEST = 1 << 20
"""Bytes of a deposit that are read: it is a page."""


class Stated(NamedTuple):
    """What a file says that was left with a third party."""

    file: str
    pages: Sequence[Deposit]
    heads: Sequence[Checkpoint]


def read(paths: Sequence[Path]) -> list[Stated]:
    """What was deposited; UsageError where a file says nothing of the kind."""
    return [_read(path) for path in paths]


def _read(path: Path) -> Stated:
    """What a page deposits, or the head that a daily note is."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UsageError(f"{path}: expected a deposit of at most {LARGEST} bytes, got more")
        if b"constat-deposit:" not in data:
            return Stated(path.name, (), (checkpoint.parse(data),))
        return Stated(path.name, deposit.parse(data.decode()), ())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: expected a deposit, or a head, got: {error}") from error


def fits(heard: Sequence[Heard], found: Sequence[Stated], unpacked: Unpacked) -> str:
    """Origins, keys, first lines, plans, contract and authorities are those of the deposits."""
    if not found:
        raise NotShown("no deposit was given (--deposit FILE)")
    files = ", ".join(one.file for one in found)
    of = {one.name: one for one in heard}
    stated = {page.origin for one in found for page in one.pages}
    must(stated == of.keys(), f"{files}: origin", f"the origins of the bundle, {sorted(of)}", sorted(stated))
    for file, pages, heads in found:
        for page in pages:
            _lasting(f"{file}: {page.origin}", page, of[page.origin])
        for head in heads:
            must(head.origin in of, f"{file}: origin", f"one of {sorted(of)}", head.origin)
            _head(f"{file}: {head.origin}", head, of[head.origin])
    for one in heard:
        pages = [page for stated in found for page in stated.pages if page.origin == one.name]
        _current(f"{files}: {one.name}", pages, one, unpacked)
    return (
        f"{len(of)} origins, their keys and plans, the contract and the authorities are those of the deposit"
    )


def _head(where: str, one: Checkpoint, heard: Heard) -> None:
    """Wrong where a head that was sent out contradicts a checkpoint of the same size."""
    seal = heard.seals.get(one.size)
    if seal is None:
        raise NotShown(f"{where}: the bundle has no checkpoint of {one.size} lines")
    must(seal.made.root == one.root, f"{where}: root", one.root.hex(), seal.made.root.hex())


def _lasting(where: str, one: Deposit, heard: Heard) -> None:
    """Wrong where a page, as of its time, tells of another journal."""
    keys = [str(key) for _, key in whole.keys(heard)]
    must(one.vantage == heard.vantage, f"{where}: vantage", one.vantage, heard.vantage)
    must(str(one.key) in keys, f"{where}: key", str(one.key), keys)
    for field, seq, leaf in (("start", 0, one.start), ("plan", one.plan_line, one.plan)):
        got = heard.leaf(seq)
        must(got == leaf, f"{where}: {field}", f"line {seq} with the leaf hash {leaf}", got or "no such line")
    if one.size in heard.seals and one.size is not None:
        root = heard.seals[one.size].made.root.hex()
        must(root == one.root, f"{where}: root", one.root, root)


def _current(where: str, pages: Sequence[Deposit], heard: Heard, unpacked: Unpacked) -> None:
    """Wrong where no page has what is in force now: it may have changed since the first of them."""
    terms, cadence = unpacked.filed.grounds.contract, unpacked.table.cadence
    for field, told, got in (
        ("contract", [one.contract for one in pages], terms.id),
        ("contract-sha256", [one.contract_sha256 for one in pages], terms.sha256),
        ("cadence", [one.cadence * SECOND for one in pages], cadence),
    ):
        must(got in told, f"{where}: {field}", told, got)
    stated = [authority for one in pages for authority in one.authorities]
    for used in _used(heard, unpacked):
        must(used in stated, f"{where}: authority", f"one of {stated}", used)


def _used(heard: Heard, unpacked: Unpacked) -> list[Authority]:
    """The authorities whose stamps are over an origin's checkpoints."""
    found = []
    for name in sorted({stamp.authority for stamp in unpacked.stamps(heard.name)}):
        file = f"{DATA}/trust/{name}.pem"
        if file not in unpacked.sizes:
            raise Wrong(file, "the certificate that is pinned for the authority", "none")
        digest = hashlib.sha256(unpacked.read(file)).hexdigest()
        found.append(Authority(name=name, ca=digest, policy=policy_of(name, unpacked) or "-"))
    return found
