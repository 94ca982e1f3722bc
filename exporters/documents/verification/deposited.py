"""That a bundle rests on what was left with a third party beforehand: a bundle can vouch for itself."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

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


def fits(heard: Sequence[Heard], paths: Sequence[Path], unpacked: Unpacked) -> str:
    """Origins, keys, first lines, plans, contract and authorities are those of the deposits."""
    if not paths:
        raise NotShown("no deposit was given (--deposit FILE)")
    found = [(path.name, one) for path in paths for one in _deposits(path)]
    of = {one.name: one for one in heard}
    stated = {one.origin for _, one in found}
    must(stated == of.keys(), paths[0].name, f"the origins of the bundle, {sorted(of)}", sorted(stated))
    for name, one in found:
        where = f"{name}: {one.origin}"
        if isinstance(one, Checkpoint):
            _head(where, one, of[one.origin])
        else:
            _one(where, one, of[one.origin], unpacked)
    pages = {one.origin for _, one in found if isinstance(one, Deposit)}
    must(
        pages == of.keys(),
        paths[0].name,
        "a deposit of each origin",
        f"heads alone of {sorted(of.keys() - pages)}",
    )
    return (
        f"{len(of)} origins, their keys and plans, the contract and the authorities are those of the deposit"
    )


def _deposits(path: Path) -> Sequence[Deposit | Checkpoint]:
    """What a page deposits, or the head that a daily note is."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UsageError(f"{path}: expected a deposit of at most {LARGEST} bytes, got more")
        if b"constat-deposit:" not in data:
            return (checkpoint.parse(data),)
        return deposit.parse(data.decode())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: expected a deposit, or a head, got: {error}") from error


def _head(where: str, one: Checkpoint, heard: Heard) -> None:
    """Wrong where a head that was sent out contradicts a checkpoint of the same size."""
    seal = heard.seals.get(one.size)
    if seal is None:
        raise NotShown(f"{where}: the bundle has no checkpoint of {one.size} lines")
    must(seal.made.root == one.root, f"{where}: root", one.root.hex(), seal.made.root.hex())


def _one(where: str, one: Deposit, heard: Heard, unpacked: Unpacked) -> None:
    keys = [str(key) for _, key in whole.keys(heard)]
    must(one.vantage == heard.vantage, f"{where}: vantage", one.vantage, heard.vantage)
    must(str(one.key) in keys, f"{where}: key", str(one.key), keys)
    for field, seq, leaf in (("start", 0, one.start), ("plan", one.plan_line, one.plan)):
        got = heard.leaf(seq)
        must(got == leaf, f"{where}: {field}", f"line {seq} with the leaf hash {leaf}", got or "no such line")
    terms = unpacked.filed.grounds.contract
    must(one.contract == terms.id, f"{where}: contract", one.contract, terms.id)
    must(one.contract_sha256 == terms.sha256, f"{where}: contract-sha256", one.contract_sha256, terms.sha256)
    cadence = unpacked.table.cadence // SECOND
    must(one.cadence == cadence, f"{where}: cadence", one.cadence, cadence)
    for used in _used(heard, unpacked):
        must(used in one.authorities, f"{where}: authority", f"one of {one.authorities}", used)
    if one.size in heard.seals and one.size is not None:
        root = heard.seals[one.size].made.root.hex()
        must(root == one.root, f"{where}: root", one.root, root)


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
