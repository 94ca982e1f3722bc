"""The page that is deposited with a third party: which journal counts, in words and in lines for programs."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from collector.core import record
from collector.core.record import Line, Plan, Rotate, Start
from collector.core.timeline import HOUR, SECOND
from collector.errors import UsageError
from collector.journal import deposit, layout, passage
from collector.journal.deposit import Authority, Deposit
from collector.journal.layout import OriginDir
from collector.journal.merkle import leaf_hash
from collector.journal.note import Vkey

CADENCE_S = HOUR // SECOND
"""A checkpoint closes every hour's file."""

PROSE = """\
DÉPÔT DE RÉFÉRENCE D'UN JOURNAL DE MESURES (Constat)

Ce que c'est. Le programme Constat mesure des services et tient un journal de ce qu'il a vu. Les lignes
« champ: valeur » ci-dessous disent d'avance quel journal comptera (origin, start), par quelle clé il est
signé (key), selon quel plan de mesure (plan) et quel contrat, et quelles autorités l'horodatent. Un autre
journal, une autre clé ou un autre plan que ceux déposés n'auront aucune valeur de preuve.

À qui et quand. Avant la période mesurée, remettez cette page sans la modifier à un commissaire de justice
(constat), ou au fournisseur lui-même par envoi recommandé électronique qualifié. Recommencez quand le plan,
le contrat ou une autorité change. Une nouvelle clé est signée par l'ancienne : elle n'en demande pas tant.

Comment vérifier. Contre un dossier de preuves (FILE.zip) et cette page (PAGE), aussi sans Internet :
constat verify FILE.zip --deposit PAGE, ou, avec ce que contient le dossier : python3 verify.py --deposit PAGE

REFERENCE DEPOSIT OF A JOURNAL OF MEASUREMENTS (Constat)

What it is. The program Constat measures services and keeps a journal of what it saw. The lines
"field: value" below say in advance which journal will count (origin, start), by which key it is signed (key),
after which plan of measurement (plan) and which contract, and which authorities stamp it. Any other journal,
key or plan than those deposited proves nothing.

To whom and when. Before the period that is measured, hand this page, unchanged, to a third party: a bailiff
(commissaire de justice), or the provider itself by qualified registered electronic mail. Do it again when the
plan, the contract or an authority changes. A new key is signed by the old one: it does not need as much.

How to verify. Against an evidence bundle (FILE.zip) and this page (PAGE), without the Internet too:
constat verify FILE.zip --deposit PAGE, or, with what the bundle contains: python3 verify.py --deposit PAGE
"""

L = TypeVar("L", bound=Line)


def page(deposits: Sequence[Deposit]) -> str:
    """What people read, and below it what programs do."""
    return f"{PROSE}\n{deposit.written(deposits)}"


def of(state: Path, place: OriginDir) -> Deposit:
    """What is to be deposited of an origin, by its state directory; UsageError where that is not all."""
    names = place.names()
    first = next((raw for name in names[:1] for raw in _raw(place, name)), b"")
    begun = _decoded(first, Start)
    if begun is None or begun.seq != 0:
        raise UsageError(
            f"{place.place(names[0] if names else '', 1)}: expected the start line of the origin"
        )
    plan, key = _in_force(place, names)
    found = _decoded(plan, Plan)
    if found is None:
        raise UsageError(f"{place.directory}: expected a plan line, got none; start the collector")
    if not key:
        raise UsageError(
            f"{place.directory}: expected a key, got a journal without; start the collector once"
        )
    sealed = passage.checkpoints(place)[-1:]
    return Deposit(
        origin=place.name,
        vantage=begun.vantage,
        key=Vkey.parse(key),
        start=leaf_hash(first).hex(),
        plan=leaf_hash(plan).hex(),
        plan_line=found.seq,
        contract=found.contract,
        contract_sha256=found.contract_sha256,
        authorities=tuple(_authorities(state / "trust")),
        cadence=CADENCE_S,
        size=sealed[0].size if sealed else None,
        root=sealed[0].root.hex() if sealed else None,
    )


def _in_force(place: OriginDir, names: Sequence[str]) -> tuple[bytes, str]:
    """The last plan line, and the vkey that signs; from the newest file back, as far as it takes."""
    plan, key = b"", ""
    for name in reversed(names):
        newer_plan, newer_key = plan, key
        for raw in _raw(place, name):
            if raw.startswith(b'{"t":"plan"') and not newer_plan:
                plan = raw
            elif raw.startswith((b'{"t":"start"', b'{"t":"rotate"')) and not newer_key:
                stated = _decoded(raw, Start) or _decoded(raw, Rotate)
                key = (stated.key if stated else "") or key
        if plan and key:
            break
    return plan, key


def _raw(place: OriginDir, name: str) -> Iterator[bytes]:
    """The whole lines of a file, without their newlines."""
    with layout.opened(place, name) as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line[:-1]


def _decoded(raw: bytes, type_: type[L]) -> L | None:
    try:
        line = record.decode(raw)
    except ValueError:
        return None
    return line if isinstance(line, type_) else None


class _Trusted(msgspec.Struct):
    """What `trust/<authority>.json` states, as far as it matters here."""

    name: str
    policy: str | None = None


def _authorities(trust: Path) -> Iterator[Authority]:
    for path in sorted(trust.glob("*.json")):
        try:
            stated = msgspec.json.decode(path.read_bytes(), type=_Trusted)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{path}: expected an authority, got: {error}") from error
        ca = hashlib.sha256(path.with_suffix(".pem").read_bytes()).hexdigest()
        yield Authority(name=stated.name, ca=ca, policy=stated.policy or "-")
