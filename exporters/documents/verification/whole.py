"""That nothing in a bundle was changed, added or left out: its files, its lines' one tree, its signatures."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from collector.core.record import Rotate, Start
from collector.journal import checkpoint, layout, note
from collector.journal.merkle import extends
from collector.journal.note import Vkey
from exporters.documents.bundle.bag import BAGIT, MANIFEST, TAGS
from exporters.documents.bundle.opened import Opened
from exporters.documents.verification.heard import Heard
from exporters.documents.verification.step import Wrong, must
from exporters.documents.verification.unpacked import DATA, Unpacked

_LOOSE = re.compile(
    rf"{re.escape(TAGS)}(\.[a-z0-9-]+\.ts[qr])?|renewals/\d{{4}}\.(txt|[a-z0-9-]+\.(pem|ts[qr]))"
)
"""What no manifest lists: the last of them, and what came after it."""
_SIGNED_TAGS = ("bagit.txt", "bag-info.txt", MANIFEST)


# ------------------------------------------------------------------------------------------------- step 1


def files(found: Opened) -> str:
    """Every file but the stamps of the whole is in a manifest, and is what it was (BagIt 1.0, RFC 8493)."""
    listed = {name for name in found.sizes if not _LOOSE.fullmatch(name)}
    tags = set(_SIGNED_TAGS)
    for manifest, there in ((TAGS, tags), (MANIFEST, listed - tags)):
        sums = _sums(found, manifest)
        for name in sorted(there | sums.keys()):
            must(name in there and name in found.sizes, f"{manifest}: {name}", "a file of the bundle", "none")
            must(name in sums, name, f"a file that {manifest} lists", "one that it does not")
            digest = hashlib.sha256()
            for block in found.blocks(name):
                digest.update(block)
            must(digest.hexdigest() == sums[name], name, f"SHA-256 {sums[name]}", digest.hexdigest())
            if name.startswith(f"{DATA}/documents/"):  # lines refer to it by its hash
                must(
                    name.endswith(f"/{sums[name]}"),
                    name,
                    "the SHA-256 of what is in it as its name",
                    sums[name],
                )
    bagit = found.read("bagit.txt", 1 << 10)
    must(bagit == BAGIT, "bagit.txt", BAGIT, bagit)
    for name in found.sizes:
        if name.startswith(f"{DATA}/journal/") and name.endswith(".gz"):
            for _ in found.unzipped(name):  # within bounds, or UnfitBundle
                pass
    return f"{len(found.sizes)} files, {sum(found.sizes.values()):,} bytes, each as the manifests have it"


def _sums(found: Opened, manifest: str) -> dict[str, str]:
    """File → SHA-256, hex, of a manifest as `sha256sum -c` reads it."""
    must(manifest in found.sizes, manifest, "a manifest", "none")
    text = found.read(manifest, 1 << 26)
    sums: dict[str, str] = {}
    *lines, rest = text.split(b"\n")
    must(not rest, manifest, "a newline at its end", rest[:80])
    for line in lines:
        digest, separator, name = line.partition(b"  ")
        fits = separator and re.fullmatch(rb"[0-9a-f]{64}", digest) and name.isascii()
        must(fits, manifest, 'lines like "<sha256>  <file>"', line)
        must(name.decode() not in sums, manifest, "each file once", line)
        sums[name.decode()] = digest.decode()
    return sums


# ------------------------------------------------------------------------------------------------- step 4


def tree(heard: Sequence[Heard], unpacked: Unpacked) -> str:
    """Every line is a leaf of its origin's one tree, which only grew, up to the head the statement names."""
    _no_more(heard, unpacked)
    for one in heard:
        for damage in one.damage:
            raise Wrong(
                f"{one.name}: {damage.file.rpartition('/')[2]}:{damage.line}",
                "lines that are proven",
                damage.why,
            )
        _one_tree(one)
        must(one.singles.keys() == set(one.single_seqs), one.name, "its single lines", "others")
        lines = one.end - one.first
        must(len(one.ats) == lines, one.name, f"{lines} lines in the stretch", len(one.ats))
        _begun(one)
    heads = {one.name: (one.head, one.seals[one.head].made.root.hex()) for one in heard}
    stated = {one.origin: (one.size, one.root) for one in unpacked.filed.grounds.origins}
    must(stated == heads, f"{DATA}/statement.json: rests_on.origins", heads, stated)
    total, singles, seals = (
        sum(map(len, of))
        for of in (
            [one.ats for one in heard], [one.singles for one in heard], [one.seals for one in heard],
        )
    )  # fmt: skip
    return f"{total:,} lines in one run, {singles:,} single ones, {seals:,} checkpoints of one tree each"


def _no_more(heard: Sequence[Heard], unpacked: Unpacked) -> None:
    """Wrong where there are other lines than those that are proven here: others might read them."""
    known = {f"{DATA}/journal/{one.name}/{layout.EXCERPT}" for one in heard}
    known |= {
        f"{DATA}/journal/{one.name}/{name}{layout.GZIPPED}" for one in heard for name in one.place.names()
    }
    for name in unpacked.sizes:
        if name.startswith(f"{DATA}/journal/"):
            must(name in known, name, "lines of an origin that bundle.json names, packed", "others")


def _one_tree(one: Heard) -> None:
    """Wrong where a checkpoint is not proven to be of the head's tree; the stretch's own its lines prove."""
    links = {link.size: link.path for link in one.excerpt.links}
    newest = max(one.seals, default=0)
    must(newest == one.head, f"{one.name}: excerpt.json: head", f"the newest checkpoint, {newest}", one.head)
    head = one.seals[one.head].made
    must(
        one.first == one.end or one.end in one.seals,
        f"{one.name}: excerpt.json: end",
        "a checkpoint",
        one.end,
    )
    for size, seal in one.seals.items():
        if size == one.head or one.first < size < one.end:
            continue
        path = [bytes.fromhex(sibling) for sibling in links.get(size, ())]
        linked = size in links and extends(size, seal.made.root, head.size, head.root, path)
        must(linked, seal.file, f"a tree that checkpoint {one.head} is proven to extend", "no proof")


def _begun(one: Heard) -> None:
    """Wrong unless line 0 is there, and says whose lines these are."""
    first = one.starts[0] if one.starts else None
    said = None if first is None else (first.seq, first.origin, first.vantage, first.format)
    wanted = (0, one.name, one.vantage, 1)
    must(said == wanted, f"{one.name}, line 0: start", f"seq, origin, vantage, format {wanted}", said)


# ------------------------------------------------------------------------------------------------- step 5


def signatures(heard: Sequence[Heard], unpacked: Unpacked) -> str:
    """Each checkpoint is signed by the key in force, which only the one before it can replace (C2SP)."""
    count = 0
    for one in heard:
        in_force = keys(one)
        for size, seal in one.seals.items():
            key = [key for seq, key in in_force if seq < size][-1]
            _signed(seal.file, seal.note.encode(), key)
            count += 1
        _handed_along(one.name, [key for _, key in in_force], unpacked)
    every = {key for one in heard for _, key in keys(one)}
    return f"{count:,} checkpoints by {len(every)} keys: {', '.join(sorted(map(str, every)))}"


def _signed(where: str, data: bytes, key: Vkey) -> None:
    try:
        checkpoint.verified(data, key)
    except ValueError as error:
        raise Wrong(where, f"a signature by {key}", error) from None


def keys(one: Heard) -> list[tuple[int, Vkey]]:
    """The line from which on each key signs (checkpoints of more lines), the oldest first."""
    found = [(-1, _key(one.name, 0, one.starts[0].key))]
    told: list[Start | Rotate] = [*one.starts, *one.rotates]
    for line in sorted(told, key=lambda line: line.seq):
        old, new = found[-1][1], _key(one.name, line.seq, line.key)
        if isinstance(line, Rotate):
            word = line.signature
            where = f"{one.name}, line {line.seq}: rotate: signature"
            must(note.was_handed_over(old, new, word), where, f"the word of {old} for {new}", word)
            found.append((line.seq, new))
        else:
            must(new == old, f"{one.name}, line {line.seq}: start: key", old, new)
    return found


def _key(origin: str, seq: int, text: str) -> Vkey:
    try:
        key = Vkey.parse(text)
    except ValueError as error:
        raise Wrong(f"{origin}, line {seq}: key", "a vkey", error) from None
    must((key.name, key.type) == (origin, note.LOG), f"{origin}, line {seq}: key", f"a key of {origin}", text)
    return key


def _handed_along(origin: str, found: Sequence[Vkey], unpacked: Unpacked) -> None:
    """Wrong where the files that others verify by hold other keys."""
    expected: Mapping[str, bytes] = dict(_files(origin, found))
    for name, data in expected.items():
        file = f"{DATA}/trust/{name}"
        got = unpacked.read(file, 1 << 16)
        must(got == data, file, data, got)


def _files(origin: str, found: Sequence[Vkey]) -> Iterator[tuple[str, bytes]]:
    yield f"{origin}.vkey", "".join(f"{key}\n" for key in found).encode()
    for key in found:
        yield f"{origin}-{key.id.hex()}.pem", key.pem()
