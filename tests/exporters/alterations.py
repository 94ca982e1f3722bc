"""What a forger may try with a bundle's lines, keys and stamps: both verifiers must refuse all of it."""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.core.timeline import HOUR, MINUTE
from collector.journal import checkpoint
from collector.journal.checkpoint import Checkpoint
from collector.journal.note import Key, Note
from tests.exporters.forged import ENDS, FAILS, FROM, Bag, Rewriting, changed, packed

STATEMENT, BUNDLE = "data/statement.json", "data/bundle.json"


@dataclass(frozen=True)
class Alteration:
    """One way to forge a bundle, and how it comes out."""

    name: str
    change: Callable[[Bag], object]
    steps: frozenset[int]
    """Those that fail, in both verifiers."""
    says: str
    """Names the thing, in what both say: `{paris}` is that origin's name."""
    sealed: bool = True
    """Whether the forger lists and stamps all of it anew."""


ALTERATIONS: list[Alteration] = []


def alteration(
    name: str, steps: Sequence[int], says: str, *, sealed: bool = True
) -> Callable[[Callable[[Bag], object]], Callable[[Bag], object]]:
    """Adds what stands below it to the table."""

    def add(change: Callable[[Bag], object]) -> Callable[[Bag], object]:
        ALTERATIONS.append(Alteration(name, change, frozenset(steps), says, sealed))
        return change

    return add


# -------------------------------------------------------------------------------------------------- the lines

OF_A_SAMPLE: dict[str, object] = {
    "t": "host", "seq": 7, "at": FAILS, "probe": "quad", "slot": FAILS, "covers": 2, "sent": FAILS,
    "done": FAILS, "outcome": "failed", "reason": "timeout", "value": 1, "error": 1, "phases": {},
    "facts": {"status": 500},
}  # fmt: skip


def answer(of: Sequence[bytes]) -> int:
    """Where an answer of `api` stands that lies in the window."""
    return next(
        k for k, line in enumerate(of) if b'"probe":"api-1"' in line and json.loads(line)["at"] >= FROM
    )


def _with(bag: Bag, fields: dict[str, object]) -> None:
    lines = bag.lines()
    lines[answer(lines)] = changed(lines[answer(lines)], **fields)
    bag.relined(lines)


for _field, _value in OF_A_SAMPLE.items():
    alteration(f"the {_field} of a sample is another", [4], "{paris}")(
        partial(_with, fields={_field: _value})
    )


def lines(
    name: str, steps: Sequence[int], says: str, change: Callable[[list[bytes]], Sequence[bytes]]
) -> None:
    """Other lines in the stretch, and nothing else."""
    alteration(name, steps, says)(lambda bag: bag.relined(change(bag.lines())))


lines("two lines are swapped", [4], "{paris}", lambda of: [*of[:8], of[9], of[8], *of[10:]])
lines("a line is dropped", [4], "{paris}", lambda of: [*of[:8], *of[9:]])
lines("a line is there twice", [4], "{paris}", lambda of: [*of[:9], *of[8:]])
lines("the last lines are cut off", [4], "{paris}", lambda of: of[:-5])
lines("the first lines are cut off", [4], "{paris}", lambda of: of[5:])
lines("all lines are gone", [4], "{paris}", lambda _: [])
lines(
    "a space is in a line that means the same",
    [4],
    "{paris}",
    lambda of: [of[0].replace(b",", b", "), *of[1:]],
)
ODD: dict[str, bytes] = {
    "is no JSON": b"{",
    "is nested too deeply": b"[" * 100_000,
    "has no number where one should be": b'{"t":"host","seq":NaN}',
    "is not ASCII": b"\xff\xfe",
    "has a number of 5000 digits": b'{"t":"host","seq":1,"at":' + b"9" * 5000 + b"}",
}
for _what, _line in ODD.items():
    lines(f"a line {_what}", [4], "2026-11-23T08", lambda of, line=_line: [line, *of[1:]])  # type: ignore[misc]


lines("a line is 50 MB of spaces", [], "2026-11-23T08", lambda of: [b" " * 50_000_000, *of[1:]])


@alteration("the last line has no end", [4], "2026-11-23T08")
def _endless(bag: Bag) -> None:
    bag[bag.hour()] = gzip.compress(b"\n".join(bag.lines()))


@alteration("an hour's file is cut off in the middle", [], "2026-11-23T08")
def _cut_off(bag: Bag) -> None:
    bag[bag.hour()] = bag[bag.hour()][:-40]


@alteration("an hour's file has a bomb behind its lines", [], "2026-11-23T08")
def _bomb(bag: Bag) -> None:
    bag[bag.hour()] += gzip.compress(b"\0" * (64 << 20))


@alteration("an hour's file lies beside that is not packed", [4], "2026-11-23T09.jsonl")
def _unpacked_hour(bag: Bag) -> None:
    bag[bag.hour().replace("T08.jsonl.gz", "T09.jsonl")] = b"".join(line + b"\n" for line in bag.lines()[-3:])


@alteration("another origin's lines lie beside", [4], "data/journal/oslo-aaaaaa")
def _other_origin(bag: Bag) -> None:
    bag["data/journal/oslo-aaaaaa/2026-11-23T08.jsonl.gz"] = bag[bag.hour()]


@alteration("an hour's file more lies beside", [4], "{paris}")
def _extra_hour(bag: Bag) -> None:
    bag[bag.hour().replace("T08", "T09")] = packed(bag.lines()[-3:])


# ------------------------------------------------------------------- a journal written anew, by the true keys


def rewritten(
    name: str, steps: Sequence[int], says: str, change: Callable[[list[bytes]], Sequence[bytes]], **how: Any
) -> None:
    """Other lines in the stretch, and all that proves them anew; stamped now, or, with `live`, then."""
    alteration(name, steps, says)(lambda bag: Rewriting(bag, **how).write(change))


def good(of: Sequence[bytes]) -> list[bytes]:
    """Lines without the answers of `api` around its outage."""
    kept = []
    for line in of:
        value = json.loads(line)
        near = FAILS - 5 * MINUTE <= value["at"] < ENDS + 5 * MINUTE
        if not (near and value["t"] == "sample" and value["probe"] == "api-1" and value["outcome"] == "ok"):
            kept.append(line)
    return kept


def failing(of: Sequence[bytes]) -> list[bytes]:
    """Lines that all say that `api` failed."""
    return [
        changed(line, outcome="failed", reason="timeout", value=None) if b'"probe":"api-1"' in line else line
        for line in of
    ]


def with_gap(of: Sequence[bytes], **fields: object) -> list[bytes]:
    """Lines with a gap among them that says why there were none."""
    gap = {
        "t": "gap",
        "seq": 0,
        "probes": ["api-1"],
        "from": FAILS - 5 * MINUTE,
        "to": FAILS,
        "reason": "lag",
    }
    at = json.loads(of[20])["at"]
    return [*of[:20], json.dumps(gap | {"at": at} | fields, separators=(",", ":")).encode(), *of[20:]]


def later(of: Sequence[bytes], by: int, only: bytes = b"", **of_clocks: object) -> list[bytes]:
    """Lines (`only` those with that in them) of another time."""
    return [
        changed(line, at=json.loads(line)["at"] + by, **(of_clocks if b'"t":"clock"' in line else {}))
        if only in line
        else line
        for line in of
    ]


rewritten("good samples are dropped and the journal is stamped anew", [7, 8, 9, 11], "stamp within", good)
rewritten("good samples are dropped before the stamp", [9, 11], "api-1", good, live=True)
rewritten("all samples say failed and the journal is stamped anew", [7, 8, 11], "stamp within", failing)
rewritten("nothing is changed but the journal is stamped anew", [7, 8], "stamp within", lambda of: [
    changed(of[0], facts={}), *of[1:]])  # fmt: skip
rewritten("a gap is invented over samples, before the stamp", [9], "api-1", with_gap, live=True)
rewritten(
    "good samples are replaced by a gap and stamped anew",
    [7, 8, 9, 11],
    "stamp within",
    lambda of: with_gap(good(of)),
)
rewritten("lines are made in advance", [7, 11], "at", lambda of: later(of, 2 * HOUR), live=True)
rewritten(
    "lines are made in advance by a clock that nobody set", [7, 8, 11], "{paris}",
    lambda of: later(of, 9 * HOUR, synced=0), live=True,
)  # fmt: skip
rewritten(
    "lines are dated before the stamp they come after", [7], "at",
    lambda of: [*of[:100], *later(of[100:], -HOUR, only=b'"t":"host"')], live=True,
)  # fmt: skip


@alteration("a slot has two samples, before the stamp", [9], "api-1")
def _twice(bag: Bag) -> None:
    Rewriting(bag, live=True).write(lambda of: [*of[: answer(of)], of[answer(of)], *of[answer(of) :]])


@alteration("an origin is left out everywhere", [3, 11], "origin")
def _one_origin(bag: Bag) -> None:
    for name in bag.named(r"data/(journal|checkpoints|trust)/lyon-.*"):
        del bag.files[name]
    bag.edit(BUNDLE, lambda of: of["origins"].pop(0))
    bag.edit(STATEMENT, lambda of: of["rests_on"]["origins"].pop(0))


@alteration("a second journal of the same origin and key", [3], "start")
def _second_journal(bag: Bag) -> None:
    Rewriting(bag, live=True).write(lambda of: [changed(of[0], version="2"), *of[1:]], whole=True)


@alteration("the plan asks for less than the deposited one", [3], "plan")
def _other_plan(bag: Bag) -> None:
    def fewer(of: list[bytes]) -> list[bytes]:
        plan = json.loads(of[1])
        return [of[0], changed(of[1], accounts=[*plan["accounts"], *plan["accounts"]]), *of[2:]]

    Rewriting(bag, live=True).write(fewer, whole=True)


def other_key(bag: Bag, vantage: str) -> Key:
    return Key(bag.origin(vantage), Ed25519PrivateKey.generate())


def trusted(bag: Bag, key: Key, vantage: str) -> None:
    """The bundle says that `key` is the origin's."""
    for name in bag.named(f"data/trust/{key.vkey.name}.*"):
        del bag.files[name]
    bag[f"data/trust/{key.vkey.name}.vkey"] = f"{key.vkey}\n".encode()
    bag[f"data/trust/{key.vkey.name}-{key.vkey.id.hex()}.pem"] = key.vkey.pem()


@alteration("a second journal of the same origin with another key", [3], "key")
def _second_key(bag: Bag) -> None:
    key = other_key(bag, "lyon")
    change = partial(lambda of, vkey: [changed(of[0], key=vkey), *of[1:]], vkey=str(key.vkey))
    Rewriting(bag, "lyon", live=True, key=key).write(change, whole=True)
    trusted(bag, key, "lyon")


@alteration("all is signed anew with another key, which the trusted ones are replaced by", [5], "signature")
def _other_key(bag: Bag) -> None:
    key = other_key(bag, "lyon")
    Rewriting(bag, "lyon", live=True, key=key).write()
    trusted(bag, key, "lyon")


@alteration("all is signed anew with another key", [5], "signature")
def _resigned(bag: Bag) -> None:
    Rewriting(bag, "lyon", live=True, key=other_key(bag, "lyon")).write()


@alteration("another key takes over by a word of its own", [5, 6], "line 221")
def _forged_rotation(bag: Bag) -> None:
    old, _ = bag.world.signers["paris"]
    own = other_key(bag, "paris")

    def handed(of: list[bytes]) -> list[bytes]:
        return [
            changed(line, key=str(own.vkey), signature=own.handed_over(own.vkey))
            if b'"rotate"' in line
            else line
            for line in of
        ]

    Rewriting(bag, live=True).write(handed, whole=True)
    for name in bag.named(r"data/checkpoints/paris.*/00000[2345]\.txt"):
        bag[name] = checkpoint.parse(bag[name]).signed(own)
    bag[f"data/trust/{own.vkey.name}.vkey"] = f"{old.vkey}\n{own.vkey}\n".encode()
    bag[f"data/trust/{own.vkey.name}-{own.vkey.id.hex()}.pem"] = own.vkey.pem()


# --------------------------------------------------------------------------------- checkpoints and signatures


@alteration("a checkpoint has no signature", [6], "000003.txt")
def _unsigned(bag: Bag) -> None:
    name = bag.note(3)
    bag[name] = bag[name].split(b"\n\n")[0] + b"\n\n"


@alteration("a checkpoint is signed by an unknown key of the same name", [5, 6], "000003.txt")
def _unknown_key(bag: Bag) -> None:
    bag[bag.note(3)] = checkpoint.parse(bag[bag.note(3)]).signed(other_key(bag, "paris"))


@alteration("a checkpoint is signed by the key before", [5, 6], "000003.txt")
def _old_key(bag: Bag) -> None:
    bag[bag.note(3)] = checkpoint.parse(bag[bag.note(3)]).signed(bag.world.signers["paris"][0])


@alteration("a true signature of a checkpoint does not hold", [5, 6], "000003.txt")
def _broken_signature(bag: Bag) -> None:
    key = bag.world.signers["paris"][1]
    body = checkpoint.parse(bag[bag.note(3)]).body()
    bag[bag.note(3)] = Note(body, (key.signature(b"another\n"),)).encode()


@alteration("a checkpoint is another origin's", [4], "000003.txt")
def _foreign(bag: Bag) -> None:
    bag[bag.note(3)] = bag[bag.note(3, "lyon")]


@alteration("a checkpoint has another root, signed by the true key", [4], "000003.txt")
def _forked(bag: Bag) -> None:
    made = checkpoint.parse(bag[bag.note(3)])
    forked = Checkpoint(origin=made.origin, size=made.size, root=bytes(32))
    bag[bag.note(3)] = forked.signed(bag.world.signers["paris"][1])


@alteration("a checkpoint of a forked tree is put in", [4], "000009.txt")
def _fork_added(bag: Bag) -> None:
    fork = Checkpoint(origin=bag.origin(), size=500, root=bytes(32))
    bag[bag.note(9)] = fork.signed(bag.world.signers["paris"][1])
    bag.stamp(bag.note(9))


@alteration("a checkpoint of the stretch is left out", [6], "anchor")
def _left_out(bag: Bag) -> None:
    for name in bag.named(r"data/checkpoints/paris.*/000003\..*"):
        del bag.files[name]


@alteration("the newest checkpoint is left out", [4], "{paris}")
def _headless(bag: Bag) -> None:
    for name in bag.named(r"data/checkpoints/paris.*/000005\..*"):
        del bag.files[name]


@alteration("the trusted key file is another's", [5], "{paris}")
def _foreign_key(bag: Bag) -> None:
    old, new = (key.vkey for key in bag.world.signers["paris"])
    bag[f"data/trust/{old.name}-{new.id.hex()}.pem"] = old.pem()


# ----------------------------------------------------------------------------------------------------- stamps


@alteration("the stamps of two checkpoints are swapped", [6], "000003.first.tsr")
def _swapped(bag: Bag) -> None:
    one, other = bag.stamped(3), bag.stamped(4)
    bag[one], bag[other] = bag[other], bag[one]


@alteration("a stamp is over other data", [6], "000003.first.ts")
def _other_data(bag: Bag) -> None:
    query, response = bag.world.story.authorities["first"].stamp(b"something else", FAILS)
    bag.files |= {bag.stamped(3): response, bag.stamped(3).replace("tsr", "tsq"): query}


@alteration("a stamp that an anchor tells of is not there", [6], "000003.first.tsr")
def _no_stamp(bag: Bag) -> None:
    del bag.files[bag.stamped(3)], bag.files[bag.stamped(3).replace("tsr", "tsq")]


@alteration("a stamp is of later than its anchor says", [6], "gen_time")
def _later_stamp(bag: Bag) -> None:
    bag.stamp(bag.note(3), at=FAILS + 6 * MINUTE)


@alteration("a stamp has no question", [6], "000003.first.tsq")
def _no_question(bag: Bag) -> None:
    del bag.files[bag.stamped(3).replace("tsr", "tsq")]


@alteration("a stamp answers another question", [6], "000003.first.tsq")
def _other_question(bag: Bag) -> None:
    bag[bag.stamped(3).replace("tsr", "tsq")] = bag[bag.stamped(4).replace("tsr", "tsq")]


@alteration("a stamp has 10 MB", [6], "000003.first.tsr")
def _huge_stamp(bag: Bag) -> None:
    bag[bag.stamped(3)] += b"\0" * (10 << 20)


@alteration("a stamp has a byte more", [6], "000003.first.tsr")
def _longer_stamp(bag: Bag) -> None:
    bag[bag.stamped(3)] += b"\0"


@alteration("a stamp is empty", [6], "000003.first.tsr")
def _empty_stamp(bag: Bag) -> None:
    bag[bag.stamped(3)] = b""


@alteration("a stamp is by an authority of the forger's, whose root it brings along", [6], "000003.first.tsr")
def _rogue_stamp(bag: Bag) -> None:
    bag.stamp(bag.note(3), bag.rogue(), FAILS)


@alteration("all stamps are by an authority of the forger's, which is pinned", [3], "authority")
def _rogue(bag: Bag) -> None:
    rogue = bag.rogue()
    for vantage in bag.world.signers:
        Rewriting(bag, vantage, live=True, authorities=dict.fromkeys(["first", "second"], rogue)).write()
    bag["data/trust/first.pem"] = bag["data/trust/second.pem"] = rogue.ca.read_bytes()
    del bag.files["data/trust/second-chain.pem"], bag.files["data/trust/second-crl.pem"]
    bag.world = bag.world.with_authority(rogue)


@alteration("a journal is stamped then, by an authority more that is the forger's", [3, 11], "authority")
def _backdated(bag: Bag) -> None:
    rogue, good = bag.rogue(), bag.world.story.authorities["first"]
    Rewriting(bag, live=True, authorities={"first": good}).write(failing)
    for name in bag.named(r"data/checkpoints/paris.*/000003\.txt"):
        bag.stamp(name, rogue, FAILS + 6 * MINUTE, "third")
    bag["data/trust/third.pem"] = rogue.ca.read_bytes()
    bag["data/trust/third.json"] = bag["data/trust/first.json"].replace(b"first", b"third")


@alteration("the pinned certificate is gone", [2, 6], "first.pem")
def _unpinned(bag: Bag) -> None:
    del bag.files["data/trust/first.pem"]


@alteration("the certificate between an authority's root and its unit is gone", [6], "second.pem")
def _no_chain(bag: Bag) -> None:
    del bag.files["data/trust/second-chain.pem"]


@alteration("the certificate between an authority's root and its unit is the forger's", [6], "second.pem")
def _other_chain(bag: Bag) -> None:
    bag["data/trust/second-chain.pem"] = bag.rogue(between=True).chain.read_bytes()


@alteration("an authority has revoked the unit that stamped", [6], "second.pem")
def _revoked(bag: Bag) -> None:
    """No forgery, but no proof either: whoever has the unit's key may have stamped."""
    bag["data/trust/second-crl.pem"] = bag.world.story.authorities["second"].lists(unit_revoked=True)


@alteration("the list that says so is replaced by the forger's", [6], "second.pem")
def _other_lists(bag: Bag) -> None:
    bag["data/trust/second-crl.pem"] = bag.rogue(between=True).lists()


@alteration("of the lists of what is revoked only the root's is left", [6], "second.pem")
def _root_list(bag: Bag) -> None:
    lists = bag["data/trust/second-crl.pem"]
    bag["data/trust/second-crl.pem"] = lists[: lists.index(b"-----END X509 CRL-----") + 23]


@alteration("another policy is asked for than the stamps bear", [2, 6], "policy")
def _other_policy(bag: Bag) -> None:
    bag.edit("data/trust/first.json", lambda of: of.update(policy="1.2.3.4.2"))


@alteration("no policy is asked for any more", [3], "authority")
def _no_policy(bag: Bag) -> None:
    bag.edit("data/trust/first.json", lambda of: of.update(policy=""))


@alteration("an anchor tells of another time than its stamp", [6], "gen_time")
def _anchored(bag: Bag) -> None:
    at = [n for n, line in enumerate(Rewriting(bag).lines) if b'"anchor"' in line][-1]
    work = Rewriting(bag, live=True)
    work.write(lambda of: [*of[:at], changed(of[at], gen_time=FAILS), *of[at + 1 :]], whole=True)
    work.write()
