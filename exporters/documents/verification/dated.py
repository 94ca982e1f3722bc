"""That others saw a bundle's lines soon after they were made: stamps, order, lag (RFC 3161, rule T4)."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from collector.core.timeline import SECOND, Duration, Instant
from collector.host import openssl
from collector.host.openssl import OpensslError
from collector.journal import timestamp
from collector.journal.timestamp import StampError, Token
from exporters.documents.verification.heard import UNTRUSTED, Heard
from exporters.documents.verification.step import NotShown, Wrong, must
from exporters.documents.verification.unpacked import DATA, Stamp, Unpacked

TOLERANCE: Duration = SECOND
"""How far our clock and an authority's may be apart, besides what either says of itself (rule T4)."""
YEARS = 946_684_800 * SECOND, 7_258_118_400 * SECOND
"""2000 to 2200: no line tells of another time."""

_NEVER, _FOR_EVER = -(1 << 62), 1 << 62


class _Authority(msgspec.Struct):
    """What is kept of an authority beside its certificate."""

    policy: str | None = None


def utc(instant: Instant) -> str:
    """An instant, for whoever compares two verifiers."""
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant))
        .isoformat()
        .replace("+00:00", "Z")
    )


# --------------------------------------------------------------------------------------- a stamp by itself


def judged(stamp: Stamp, unpacked: Unpacked) -> Token:
    """What a stamp states, once all of it holds: imprint, question, policy, signature, chain; else Wrong."""
    over, response = unpacked.read(stamp.over), unpacked.response(stamp)
    ca, policy = trusted(stamp, unpacked)
    try:
        digest, nonce = timestamp.asked(unpacked.read(stamp.query, timestamp.LIMIT_BYTES))
        must(
            digest == hashlib.sha256(over).digest(),
            stamp.query,
            f"a question about {stamp.over}",
            digest.hex(),
        )
        token = timestamp.checked(response, digest, nonce, policy)
    except StampError as error:
        raise Wrong(stamp.response, f"a stamp over {stamp.over}", error) from None
    try:
        openssl.verify_stamp(
            over, response, ca=ca, chain=beside(ca, "-chain"), crl=beside(ca, "-crl"), at=token.gen_time
        )
    except OpensslError as error:
        raise Wrong(stamp.response, f"a stamp that leads to {ca.name}", error) from None
    return token


def trusted(stamp: Stamp, unpacked: Unpacked) -> tuple[Path, str]:
    """The certificate that is pinned for a stamp's authority, and its policy; a renewal may bring its own."""
    pinned = unpacked.trust(f"{stamp.authority}.pem")
    if pinned is None and stamp.response.startswith("renewals/"):
        own = stamp.response.removesuffix(".tsr") + ".pem"
        must(own in unpacked.sizes, own, "the certificate of the authority that renewed it", "none")
        return unpacked.root / own, ""
    file = f"{DATA}/trust/{stamp.authority}.pem"
    if pinned is None:
        raise Wrong(file, "the certificate that is pinned for the authority", "none")
    return pinned, policy_of(stamp.authority, unpacked)


def policy_of(authority: str, unpacked: Unpacked) -> str:
    """The policy that is asked of an authority; empty where any will do."""
    file = f"{DATA}/trust/{authority}.json"
    if file not in unpacked.sizes:
        return ""
    try:
        return msgspec.json.decode(unpacked.read(file, 1 << 16).decode(), type=_Authority).policy or ""
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Wrong(file, "what is kept of an authority", error) from None


def beside(ca: Path, kind: str) -> Path | None:
    """The chain or the lists that lie beside a pinned certificate, if they do."""
    path = ca.with_name(f"{ca.stem}{kind}.pem")
    return path if path.is_file() else None


# ------------------------------------------------------------------------------------------------- step 2


def bundle(unpacked: Unpacked) -> str:
    """Authorities vouch that these very files existed then, whoever made them; renewals carry that on."""
    stamps = unpacked.own_stamps()
    tokens = [(stamp, judged(stamp, unpacked)) for stamp in stamps]
    renewals = sorted(
        name for name in unpacked.sizes if name.startswith("renewals/") and name.endswith(".txt")
    )
    for file in renewals:
        _renewed(file, unpacked)
    # A renewal is over all that was there before it, the tag manifest too.
    for file in renewals or ("tagmanifest-sha256.txt",):
        if not any(stamp.over == file for stamp in stamps):
            raise NotShown(f"{file} bears no stamp")
    return "; ".join(f"{s.over} was seen by {s.authority} at {utc(t.gen_time)}" for s, t in tokens)


def _renewed(file: str, unpacked: Unpacked) -> None:
    """Wrong unless a renewal lists all that was there before it, by a hash that holds longer."""
    number = file.removesuffix(".txt")
    older = {
        name for name in unpacked.sizes if not name.startswith("renewals/") or name[: len(number)] < number
    }
    listed: dict[str, str] = {}
    for line in unpacked.read(file).decode("ascii", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    odd = sorted(listed.keys() ^ older)
    must(not odd, file, "each file that was there before it", odd[:3])
    for name in sorted(older):
        digest = hashlib.sha512(unpacked.read(name, _FOR_EVER)).hexdigest()
        must(digest == listed[name], f"{file}: {name}", f"SHA-512 {listed[name]}", digest)


# ------------------------------------------------------------------------------------------------- step 6


class Dates(NamedTuple):
    """Of one origin: checkpoint size → what its stamps state."""

    heard: Heard
    tokens: Mapping[int, Sequence[Token]]


Judging = Mapping[str, Sequence[tuple[Stamp, "Future[Token]"]]]
"""Origin → its stamps, and what each is found to be."""


def stamps(heard: Sequence[Heard], judging: Judging, unpacked: Unpacked) -> list[Dates]:
    """Each stamp is over a checkpoint, by a pinned authority; what the journal says of stamps is so."""
    found = []
    for one in heard:
        by_file = {f"{DATA}/{seal.file}": size for size, seal in one.seals.items()}
        tokens: dict[int, list[Token]] = {}
        by_response: dict[str, Token] = {}
        for stamp, token in judging[one.name]:
            must(stamp.over in by_file, stamp.response, "a stamp over a checkpoint of the bundle", "another")
            by_response[stamp.response] = token.result()
            tokens.setdefault(by_file[stamp.over], []).append(token.result())
        _anchored(one, by_response, unpacked)
        found.append(Dates(one, tokens))
    if not any(one.tokens for one in found):
        raise NotShown("no authority stamped a checkpoint")
    return found


def _anchored(one: Heard, tokens: Mapping[str, Token], unpacked: Unpacked) -> None:
    """Wrong where an `anchor` line does not say what its stamp does."""
    for line in one.anchors:
        where = f"{one.name}, line {line.seq}: anchor"
        seal = one.seals.get(line.size)
        must(seal, f"{where}: size", "a checkpoint of the bundle", line.size)
        if seal is None:
            continue
        response = f"{DATA}/{seal.file.removesuffix('.txt')}.{line.authority}.tsr"
        token = tokens.get(response)
        must(token, f"{where}: authority", f"its stamp {response}", "none")
        if token is None:
            continue
        digest = hashlib.sha256(unpacked.read(response, timestamp.LIMIT_BYTES)).hexdigest()
        wanted = (seal.made.root.hex(), digest, token.gen_time, token.accuracy)
        got = (line.root, line.token, line.gen_time, line.accuracy)
        must(got == wanted, f"{where}: root, token, gen_time, accuracy", wanted, got)


def told(found: Sequence[Dates]) -> str:
    """What the stamps come to."""
    times = sorted(t.gen_time for one in found for of in one.tokens.values() for t in of)
    return f"{len(times):,} stamps from {utc(times[0])} to {utc(times[-1])}"


# -------------------------------------------------------------------------------------------- steps 7 and 8


class Part(NamedTuple):
    """Lines between two stamps."""

    heard: Heard
    seq: int
    """Of the first."""
    ats: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    after: Instant
    """The newest stamp that the journal told of before them, less its accuracy."""
    error: Duration
    """Of the clock; `UNTRUSTED` where nobody knows."""
    stamp: tuple[Instant, Duration] | None
    """The first stamp over them, and its accuracy; None where there is none."""


def parts(found: Sequence[Dates]) -> Iterator[Part]:
    """All lines, in parts of which one stamp is over, and one came before."""
    for dates in found:
        yield from _parts(dates)


def _parts(dates: Dates) -> Iterator[Part]:
    one = dates.heard
    anchors = [(line.seq, line.gen_time - (line.accuracy or 0)) for line in one.anchors]
    newest = [_NEVER, *accumulate((at for _, at in anchors), max)]
    sizes = sorted(dates.tokens)
    over = [min((t.gen_time, t.accuracy or 0) for t in dates.tokens[size]) for size in sizes]
    first = [*[*accumulate(reversed(over), min)][::-1], None]
    edges = {one.first, one.end, *sizes, *(seq + 1 for seq, _ in anchors), *(seq for seq, _ in one.clocks)}
    inside = sorted(edge for edge in edges if one.first <= edge <= one.end)
    ats = np.frombuffer(one.ats, dtype=np.int64) if one.ats else np.empty(0, np.int64)
    whole = [(a, ats[a - one.first : z - one.first]) for a, z in pairwise(inside)]
    single = [(seq, np.array([at], np.int64)) for seq, at in one.singles.items()]
    for seq, some in (*whole, *single):
        error = one.clocks[: bisect_right(one.clocks, (seq, _FOR_EVER))][-1:]
        yield Part(
            heard=one,
            seq=seq,
            ats=some,
            after=newest[bisect_right(anchors, (seq, _NEVER))],
            error=error[0][1] if error else UNTRUSTED,
            stamp=first[bisect_right(sizes, seq)],
        )


def order(found: Sequence[Part]) -> str:
    """Lines are dated after the stamps the journal had by then, and not after the stamp over them (T4)."""
    unsure = 0
    for part in found:
        where = f"{part.heard.name}, lines {part.seq} to {part.seq + len(part.ats) - 1}: at"
        low, high = int(part.ats.min()), int(part.ats.max())
        must(YEARS[0] < low and high < YEARS[1], where, "an instant of this time", low)
        if part.error == UNTRUSTED:
            unsure += len(part.ats)
            continue
        slack = TOLERANCE + part.error
        must(low >= part.after - slack, where, f"none before the stamp of {_shown(part.after)}", utc(low))
        if part.stamp is not None:
            latest = sum(part.stamp) + slack
            must(high <= latest, where, f"none after the stamp over them, {utc(part.stamp[0])}", utc(high))
    odd = sum({part.heard.name: part.heard.odd for part in found}.values())
    return (
        f"no hole in seq; {unsure:,} lines by a clock of unknown error; "
        f"{odd:,} samples contradict themselves: unseen"
    )


def _shown(instant: Instant) -> str:
    return utc(instant) if instant > _NEVER else "none"


def lag(found: Sequence[Part], accepted: Duration) -> str:
    """Every line was stamped soon after it was made: a journal that is rewritten later cannot be."""
    worst, where = _NEVER, ""
    for part in found:
        if part.stamp is None:
            raise Wrong(f"{part.heard.name}, line {part.seq}", "a stamp over it", "none")
        # Step 7 leaves that be where the clock's error is unknown.
        ahead = int(part.ats.max()) - part.stamp[0]
        named = f"{part.heard.name}, line {part.seq + int(part.ats.argmax())}"
        wanted, got = f"a stamp within {accepted // SECOND:,} s", f"one {ahead // SECOND:,} s before"
        must(ahead <= accepted, named, wanted, got)
        waited = part.stamp[0] - int(part.ats.min())
        if waited > worst:
            worst, where = waited, f"{part.heard.name}, line {part.seq + int(part.ats.argmin())}"
    limit = f"{accepted // SECOND:,} s"
    must(worst <= accepted, where, f"a stamp within {limit}", f"one after {worst // SECOND:,} s")
    return f"no line waited longer than {worst // SECOND:,} s for its stamp ({where}); {limit} are accepted"
