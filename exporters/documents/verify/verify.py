#!/usr/bin/env python3
"""Verifies a bundle of Constat, with the standard library of Python and the `openssl` command alone.

    python3 verify.py [FOLDER] [--deposit FILE]... [--lag SECONDS]

FOLDER is the unpacked bundle, else the one that this file lies in. A deposit is the page that was left with a third
party beforehand: it names origins, keys and authorities. Exit status: 0, every step is ok and the deposit fits; 1, not
so; 2, no bundle or wrong use. The steps are the functions `step_...` at the end; the first line of each says what it
checks. Not shown: that a sample is true (a stamp proves that bytes existed, not that they are right); what lies outside
of [from, to); deductions, targets, readings, credits (`constat account` draws those again from the same lines); and,
without a deposit, that there is no second journal that tells another story. Rules (S2, V1...) are those of Constat's
accounting; `states.py`, beside this file, carries out those from samples to outages. Instants and durations are whole
microseconds, UTC; spans are half-open. No check is an `assert`.
"""

from __future__ import annotations

import argparse, base64, gzip, hashlib, os, re, stat, subprocess, sys, tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any, Sequence

sys.setswitchinterval(0.0005)  # seconds: so that whoever starts openssl need not wait long for whoever reads lines
sys.dont_write_bytecode = True  # else the bundle would hold a file that no manifest lists
sys.path.insert(0, str(Path(__file__).resolve().parent))  # also under -I and -P
try: from states import (  # type: ignore[import-not-found]  # it lies beside
    DOWN, EDGE, FOR_EVER, NEVER, NOTHING, SECOND, UNKNOWN, UP, Origin, both, decode, length, merged, parts, promised,
    runs, services, uncovered)
except Exception as error: sys.exit(f"FAILED in [1]: data/states.py: expected what lies beside this, got {error!r:.200}")
LATE, EPOCH = 600 * SECOND, datetime(1970, 1, 1, tzinfo=timezone.utc)  # LATE: a line may be appended so long afterwards
ALL_MOST, FILE_MOST, TOKEN_MOST, RATIO_MOST = 1 << 32, 1 << 28, 1 << 20, 200  # bytes that are read; unpacked per packed
TAGS = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
LOOSE = r"tagmanifest-sha256\.txt(\.[a-z0-9-]+\.ts[qr])?|renewals/\d{4}\.(txt|[a-z0-9-]+\.(pem|ts[qr]))"
DATED = r"((?:tagmanifest-sha256|renewals/\d{4})(?:\.txt)?)\.[a-z0-9-]+\.tsr"
NOTE = rb"([^\n]+\n(0|[1-9]\d{0,17})\n([A-Za-z0-9+/]{43}=)\n)\n((?:\xe2\x80\x94 [!-~]+ [!-~]+\n)+)"  # C2SP signed-note
SHA256 = bytes.fromhex("300d060960864801650304020105000420")  # AlgorithmIdentifier (RFC 5754), OCTET STRING of 32
SEQUENCE = b"\x30"[0]  # the tag of DER
ED25519 = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo up to the key (RFC 8410)

class Wrong(Exception):
    """A check that failed: where, what was expected, what is there."""
    def __init__(self, where: str, expected: object, got: object) -> None:
        texts = [ascii(str(one))[1:-1] if isinstance(one, str) else ascii(one) for one in (where, expected, got)]
        super().__init__("{:.300}: expected {:.400}, got {:.400}".format(*texts))

class NotShown(Exception):
    """What cannot be told from this bundle, and why."""

def must(holds: object, where: str, expected: object, got: object) -> None:
    if not holds: raise Wrong(where, expected, got)

def utc(instant: int) -> str:
    return (EPOCH + timedelta(microseconds=instant)).isoformat().replace("+00:00", "Z")

# ----------------------------------------------------------------------------------------------------- trees (RFC 6962)

def leaf_of(line: bytes) -> bytes:
    return sha256(b"\0" + line).digest()

def unhex(text: str) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", text): raise ValueError(f"no hash: {text[:80]}")
    return bytes.fromhex(text)

def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()

def grow(peaks: list[bytes], size: int, nodes: list[bytes]) -> None:
    """Appends leaves to a tree, kept as its peaks: one complete subtree for each binary one of its size."""
    fresh = []
    while nodes:  # a level of the tree, from the leaves up
        if size & 1: nodes = [peaks.pop(), *nodes]
        if len(nodes) & 1: fresh.append(nodes[-1])
        nodes, size = [sha256(b"\1" + a + z).digest() for a, z in zip(nodes[::2], nodes[1::2])], size >> 1
    peaks += fresh[::-1]

def root_of(peaks: list[bytes]) -> bytes:
    found = peaks[-1] if peaks else sha256().digest()
    for peak in peaks[-2::-1]: found = node(peak, found)
    return found

def climbed(index: int, last: int, path: Sequence[str], found: bytes) -> tuple[bytes, bytes]:
    """Up from node `index` of a level that ends at `last`: the root before the tree grew, and the root.

    A proof of inclusion starts at the leaf and shows the second (RFC 9162, 2.1.3.2), one of consistency starts at the
    last complete subtree of the old tree and shows both (2.1.4.2). Empty where it cannot be a proof.
    """
    was = found
    for sibling in map(unhex, path):
        if not last: return b"", b""
        if index & 1 or index == last:
            was, found = node(sibling, was), node(sibling, found)
            while index and not index & 1: index, last = index >> 1, last >> 1
        else: found = node(found, sibling)
        index, last = index >> 1, last >> 1
    return (b"", b"") if last else (was, found)

def extended(old: int, root: bytes, size: int, path: list[str]) -> tuple[bytes, bytes]:
    """The roots of `old` and of `size` lines that a proof of consistency leads to."""
    index, last, path = old - 1, size - 1, path if old & (old - 1) else [root.hex(), *path]
    while index & 1: index, last = index >> 1, last >> 1
    return climbed(index, last, path[1:], unhex(path[0])) if 0 < old < size and path else (b"", b"")

# ------------------------------------------------------------------------------------ signatures and stamps, by openssl

def openssl(*arguments: str) -> str:
    """Empty if it says yes, else what it says. OPENSSL_CONF could make it another program: it is not passed on."""
    environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environ, timeout=60, check=False, close_fds=False)  # PEP 446
    except FileNotFoundError: raise NotShown("the openssl command is not there") from None
    return "" if done.returncode == 0 else " ".join(done.stdout.decode("ascii", "replace").split())[-300:] or "no"

def der(data: bytes, *path: int) -> list[tuple[int, bytes]]:
    """(tag, contents) of the DER values that stand one after the other, in the one that `path` leads to."""
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 127: size, at = int.from_bytes(data[at : at + size - 128], "big"), at + size - 128
        found.append((tag, data[at : at + size]))
        at += size
    if at != len(data): raise ValueError("a value of DER that is cut short")
    return der(found[path[0]][1], *path[1:]) if path else found

def dotted(oid: bytes) -> str:
    numbers = [0]
    for byte in oid: numbers[-1:] = [numbers[-1] << 7 | byte & 127, *([0] if byte < 128 else [])]
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:-1]]))

class Stamp:
    """What a time-stamp response states (RFC 3161, 2.4.2); whether it is genuine openssl says."""
    def __init__(self, response: bytes) -> None:
        _, self.policy, self.imprint, _, (_, text), *rest = der(response, 0, 1, 1, 0, 2, 1, 0, 0)
        time = re.fullmatch(rb"(\d{14})(?:\.(\d{1,9}))?Z", text)
        granted = len(der(response)) == 1 and der(response, 0, 0) in ([(2, b"\0")], [(2, b"\1")])
        if time is None or not granted: raise ValueError("no stamp, or no time in it")
        second = datetime.strptime(time[1].decode() + "+0000", "%Y%m%d%H%M%S%z")
        self.gen_time = (second - EPOCH) // timedelta(microseconds=1) + int((time[2] or b"0").ljust(6, b"0")[:6])
        self.nonce, units = [one for one in rest if one[0] == 0x02], {0x02: SECOND, 0x80: 1000, 0x81: 1}
        found = [units[unit] * int.from_bytes(n, "big") for tag, of in rest[:1] if tag == SEQUENCE for unit, n in der(of)]
        self.accuracy = sum(found) if rest and rest[0][0] == SEQUENCE else None

# ----------------------------------------------------------------------------------------------------------- the steps

class Bundle:
    """What the steps share. What one of them adds, others miss where it failed."""
    def __init__(self, root: Path, deposits: list[Path], lag: int, scratch: Path) -> None:
        self.root, self.deposits, self.lag, self.scratch, self.at = root, deposits, lag, scratch, str(root)
        self.pool = ThreadPoolExecutor(os.cpu_count() or 1)  # of those who wait for openssl
        self.signing: dict[str, list[Any]] = defaultdict(list)  # note -> own signatures, and what is found of each

    def __getattr__(self, name: str) -> Any:
        raise NotShown("it rests on a step that failed")

    def read(self, name: str) -> bytes:
        self.at = name
        return self.within(name, FILE_MOST)

    def within(self, name: str, most: int) -> bytes:
        must(self.files.get(name, FOR_EVER) <= most, name, f"a file of at most {most} bytes", "none")
        return (self.root / name).read_bytes()

    def json(self, name: str) -> Any:
        return decode(self.read(name).decode())

    def digest(self, name: str, method: str = "sha256") -> str:
        hashed = hashlib.new(method)
        with (self.root / name).open("rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""): hashed.update(chunk)
        return hashed.hexdigest()

    def named(self, pattern: str) -> list[Any]:
        return [found for found in (re.fullmatch(pattern, name) for name in sorted(self.files)) if found]

    def lines(self, name: str) -> list[bytes]:
        """The lines of a gzipped file, read within bounds."""
        self.at = name
        most = min(FILE_MOST, max(1 << 20, RATIO_MOST * self.files[name]))
        with gzip.open(self.root / name) as file: *lines, rest = file.read(most + 1).split(b"\n")
        must(not rest, name, f"lines that end, of at most {most} bytes", rest[:80])
        return lines

    def policy(self, trust: str) -> str:
        """What is asked of an authority; empty where any policy will do."""
        told = self.within(f"{trust}.json", TOKEN_MOST).decode() if f"{trust}.json" in self.files else "{}"
        return decode(told).get("policy") or ""

    def stamped(self, pair: tuple[str, str]) -> Stamp:
        """The stamp that an authority gave a file; the query that it answers lies beside it."""
        name, response = pair
        trust, query = f"data/trust/{response.split('.')[-2]}", response[:-1] + "q"
        if f"{trust}.pem" not in self.files and response[:9] == "renewals/": trust = response[:-4]  # by a new authority
        must(f"{trust}.pem" in self.files, f"{trust}.pem", "the certificate that is pinned for the authority", "none")
        try:
            stamp, asked = Stamp(self.within(response, TOKEN_MOST)), der(self.within(query, TOKEN_MOST))
            imprint, policy, wanted = SHA256 + bytes.fromhex(self.digest(name)), dotted(stamp.policy[1]), self.policy(trust)
            must(stamp.imprint[1] == imprint, response, f"the imprint of {name}", stamp.imprint[1].hex())
            must(wanted in ("", policy), f"{response}: policy", wanted, policy)
            fields = [(2, b"\1"), stamp.imprint, *stamp.nonce, (1, b"\xff")]
            same = len(asked) == 1 and asked[0][0] == SEQUENCE and der(asked[0][1]) == fields
            must(same, query, "the query that was answered", "another")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Wrong(response, "an answer as of RFC 3161", repr(error)) from None
        paths = [str(self.root / one) for one in (name, response, f"{trust}-chain.pem", f"{trust}.pem")]
        command = ["ts", "-verify", "-data", paths[0], "-in", paths[1], "-partial_chain"]
        if f"{trust}-chain.pem" in self.files: command += ["-untrusted", paths[2]]
        why = openssl(*command, "-CAfile", paths[3], "-attime", str(stamp.gen_time // SECOND))
        if not why and f"{trust}-crl.pem" in self.files:  # lists are newer than the stamp: not valid as of then
            with tempfile.NamedTemporaryFile(dir=self.scratch) as ca:
                lists = self.within(f"{trust}-crl.pem", FILE_MOST)
                Path(ca.name).write_bytes(self.within(f"{trust}.pem", FILE_MOST) + b"\n" + lists)
                why = openssl(*command, "-CAfile", ca.name, "-crl_check_all", "-no_check_time")
        must(not why, response, f"a stamp that leads to {trust}.pem", why)
        return stamp

    def signed(self, origin: str, signature: bytes, message: bytes) -> str:
        """Why a signature, in base64 after 4 bytes of its key's id, does not hold; empty where it does."""
        made = base64.b64decode(signature, validate=True)
        pem = str(self.root / f"data/trust/{origin}-{made[:4].hex()}.pem")
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            for name, data in (("body", message), ("sig", made[4:])): Path(folder, name).write_bytes(data)
            return openssl("pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", f"{folder}/body",
                           "-sigfile", f"{folder}/sig")

def step_1_files(b: Any) -> str:
    """Every file but the stamps of the whole is in a manifest, and is what it was (BagIt 1.0, RFC 8493)."""
    files = {}
    for folder, folders, names in os.walk(b.root):
        for path in [Path(folder, name) for name in folders + names]:
            b.at, status = path.relative_to(b.root).as_posix(), path.lstat()
            plain = stat.S_ISREG(status.st_mode)
            must(plain or stat.S_ISDIR(status.st_mode), b.at, "a plain file or folder", "a link or device")
            if plain: files[b.at] = status.st_size
    b.files = files
    must(sum(b.files.values()) <= ALL_MOST, str(b.root), f"at most {ALL_MOST} bytes", "more")
    payload = {name for name in b.files if not re.fullmatch(LOOSE, name)} - TAGS
    for manifest, there in (("tagmanifest-sha256.txt", TAGS), ("manifest-sha256.txt", payload)):
        *lines, last = b.read(manifest).decode().split("\n")
        listed = {line[66:]: line[:64] for line in lines if line[64:66] == "  "}
        must(not last and len(listed) == len(lines), manifest, "each file once, and a newline", "another end")
        for name in sorted(there | listed.keys()):
            must(name in there and name in b.files, f"{manifest}: {name}", "a file of the bundle", "none")
            must(name in listed, name, f"a file that {manifest} lists", "one that it does not")
            digest = b.digest(name)
            must(digest == listed[name], name, f"SHA-256 {listed[name]}", digest)
            must(name[:15] != "data/documents/" or name[15:] == digest, name, "its SHA-256 as its name", digest)
    must(b.read("bagit.txt") == BAGIT, "bagit.txt", BAGIT, b.read("bagit.txt"))
    pairs = [(found[1] + ".txt", found[0]) for found in b.named(r"(data/checkpoints/[^/]+/\d+)\.[a-z0-9-]+\.tsr")]
    b.stamping = {pair: b.pool.submit(b.stamped, pair) for pair in pairs}  # for step 6, meanwhile
    b.bundle, b.statement = b.json("data/bundle.json"), b.json("data/statement.json")
    b.account, b.rests, b.as_of = b.statement["account"], b.statement["rests_on"], b.bundle["as_of"]
    b.window, b.extract = (b.bundle["from"], b.bundle["to"]), b.bundle["form"] == "extract"
    got = b.bundle["bundle"], b.statement["statement"], b.rests["windows"], b.rests["as_of"], b.account["as_of"]
    wanted = 1, 1, [[*b.window]], b.as_of, b.as_of
    must(repr(got) == repr(wanted), "bundle.json, statement.json: bundle, statement, windows, as_of", wanted, got)
    must(b.extract or b.bundle["form"] == "hours", "data/bundle.json: form", "hours or extract", b.bundle["form"])
    return f"{len(b.files)} files, {sum(b.files.values()):,} bytes; from {utc(b.window[0])} to {utc(b.window[1])}"

def step_2_date(b: Any) -> str:
    """Authorities vouch that these very files existed then, whoever made them; renewals carry that on."""
    pairs = [(one[1].replace(".txt", "") + ".txt", one[0]) for one in b.named(DATED)]
    stamps = [(name, response.split(".")[-2], b.stamped((name, response))) for name, response in pairs]
    renewals = [one[0] for one in b.named(r"renewals/\d{4}\.txt")]
    for file in renewals:
        listed = {line[130:]: line[:130] for line in b.read(file).decode().splitlines()}
        older = {name for name in b.files if not name.startswith("renewals/") or name[:13] < file[:13]}
        must(listed.keys() == older, file, "all files that were there before", sorted(listed.keys() ^ older)[:3])
        for name in older: must(b.digest(name, "sha512") + "  " == listed[name], file, f"SHA-512 of {name}", "another")
    for file in renewals or ["tagmanifest-sha256.txt"]:  # a renewal is over all that was there before
        if file not in {name for name, _, _ in stamps}: raise NotShown(f"{file} bears no stamp")
    return "; ".join(f"{name} was seen by {who} at {utc(stamp.gen_time)}" for name, who, stamp in stamps)

def step_3_deposit(b: Any) -> str:
    """What was left with a third party beforehand is what the bundle rests on."""
    if not b.deposits: raise NotShown("no deposit was given (--deposit FILE)")
    origins, blocks = {origin.name: origin for origin in b.origins}, defaultdict[str, Any](list)
    for path in b.deposits:
        b.at, data, block = str(path), path.read_bytes()[:TOKEN_MOST], defaultdict[str, Any](list)
        head = re.fullmatch(NOTE, data)  # or one of the heads that were sent out daily
        if head is not None:
            name, size, root = head[1].split(b"\n")[0].decode(), int(head[2]), base64.b64decode(head[3])
            if size not in origins[name].notes: raise NotShown(f"{b.at}: no checkpoint of {size} lines is bundled")
            must(origins[name].notes[size][2] == root, f"{b.at}: root", root.hex(), origins[name].notes[size][2].hex())
            continue
        must(re.search(rb"(?m)^constat-deposit: 1\r?$", data), b.at, "a deposit of version 1, or a head", data[:80])
        for found in re.finditer(r"(?m)^([a-z0-9-]+): (.*?)\r?$", data.decode()):
            if found[1] == "origin": blocks[found[2]].append(block := defaultdict(list))
            block[found[1]].append(found[2])
    must(origins.keys() == blocks.keys(), f"{b.at}: origin", sorted(origins), sorted(blocks))
    now = [("contract", b.rests["contract"]["id"]), ("contract-sha256", b.rests["contract"]["sha256"]),
           ("cadence", str(Fraction(b.bundle["cadence"], SECOND))), *(("authority", one) for one in b.pinned)]
    for name, origin in origins.items():
        where = f"{b.at}: {name}"
        for block in blocks[name]:  # each as of its time
            fits = {"vantage": [origin.vantage], "key": origin.keys, "start": [origin.hashes[0]],
                    "plan": [origin.hashes.get(int(block["plan-line"][0]))]}
            if int((block["size"] or [0])[0]) in origin.notes:
                fits["root"] = [origin.notes[int(block["size"][0])][2].hex()]
            for key, values in fits.items():
                must(len(block[key]) == 1 and block[key][0] in values, f"{where}: {key}", values, block[key])
        for key, value in now:  # what may have changed since the first of them: in one of them
            told = [one for block in blocks[name] for one in block[key]]
            must(value in told, f"{where}: {key}", value, told)
    return f"{len(origins)} origins, their keys and plans, the contract and the authorities are those of the deposit"

def grown(b: Any, name: str, vantage: str, first: int | None, last: int | None) -> Origin:
    """An origin's lines, each proven to be a leaf of some checkpoint's tree, and these trees to be one."""
    folder, singles = f"data/journal/{name}/", []
    proof = b.json(folder + "excerpt.json")
    start = proof["start"] or {"size": 0, "peaks": []}
    size, peaks, proof["first"] = start["size"], [unhex(one) for one in start["peaks"]], proof["start"] and start["size"]
    must(len(peaks) == bin(size).count("1"), f"{b.at}: peaks", f"those of {size} lines", len(peaks))
    origin = Origin(name, vantage, size, size if last is None else last + 1, b.as_of, not b.extract)
    for found in b.named(f"data/checkpoints/{re.escape(name)}/" + r"\d{6,}\.txt"):
        note = re.fullmatch(NOTE, b.read(found[0]))
        if note is None or not note[1].startswith(name.encode() + b"\n"):
            raise Wrong(found[0], f"a checkpoint of {name}", "another")
        must(int(note[2]) not in origin.notes, found[0], "one checkpoint of each size", f"a second one of {int(note[2])}")
        origin.notes[int(note[2])] = found[0], note, base64.b64decode(note[3])
        for own in re.findall(b"(?m)^\xe2\x80\x94 %b (.+)$" % re.escape(name).encode(), note[4]):  # for step 5, meanwhile
            b.signing[found[0]].append((own, b.pool.submit(b.signed, name, own, note[1])))
    origin.head = max(origin.notes, default=0)
    form = {"excerpt": 1, "origin": name, "first": first, "end": proof["start"] and origin.end, "head": origin.head}
    must(repr({key: proof[key] for key in form}) == repr(form), f"{folder}excerpt.json: {', '.join(form)}", form, "another")
    for one in proof["lines"]:
        must(one["size"] in origin.notes, f"{folder}excerpt.json: size", f"that of a checkpoint of {name}", one["size"])
        data, seq, root = one["line"].encode("ascii"), decode(one["line"])["seq"], origin.notes[one["size"]][2]
        proven = climbed(seq, one["size"] - 1, one["path"], leaf_of(data))[1]
        single = 0 <= seq < one["size"] and not origin.first <= seq < origin.end
        must(single and proven == root, f"{folder}excerpt.json: line {seq}", f"a path to {root.hex()}", proven.hex())
        singles.append((seq, data, leaf_of(data)))
    must(len({one[0] for one in singles}) == len(singles), folder, "each single line once", "one twice")
    for one in sorted(one for one in singles if one[0] < size): origin.take(*one)
    roots = {size: root_of(peaks)}
    for found in b.named(re.escape(folder) + r"[0-9T-]{13}\.jsonl\.gz"):
        lines, grew = b.lines(found[0]), size
        leaves = [sha256(b"\0" + data).digest() for data in lines]
        for number, data in enumerate(lines, 1):
            try: origin.take(size, data, leaves[number - 1])
            except Exception as error: raise Wrong(f"{found[0]}, line {number}", f"line {size}", repr(error)) from None
            size += 1
        for edge in sorted({size, *origin.notes.keys() & range(grew, size)}):
            grow(peaks, grew, leaves[: edge - grew])
            leaves, grew = leaves[edge - grew :], edge
            if edge in origin.notes: roots[edge] = root_of(peaks)
    must(size == origin.end in roots, folder, f"lines up to a checkpoint of {origin.end}", f"{size} lines")
    for one in sorted(one for one in singles if one[0] >= size): origin.take(*one)
    links = {one["size"]: one["path"] for one in proof["links"]}
    for size, (file, _, root) in origin.notes.items():
        ends = root, origin.notes[origin.head][2]
        linked = size in links and extended(size, root, origin.head, links[size]) == ends
        inside = size in roots and origin.first < size < origin.end
        must(roots.get(size, root) == root, file, f"root {roots.get(size, root).hex()} of the lines", root.hex())
        must(linked or size == origin.head or inside, file, f"a tree that checkpoint {origin.head} extends", "no proof")
    wanted, line = {"t": "start", "seq": 0, "origin": name, "vantage": vantage, "format": 1}, origin.lines[0][2]
    must({key: line[key] for key in wanted} == wanted, f"{name}, line 0", wanted, line)
    return origin

def step_4_tree(b: Any) -> str:
    """Every line is a leaf of its origin's one tree, which only grew, up to the head that the statement names."""
    names = "|".join(re.escape(one["origin"]) for one in b.bundle["origins"])
    hours, notes = r"excerpt\.json|[0-9T-]{13}\.jsonl\.gz", r"\d{6,}\.(txt|[a-z0-9-]+\.(ts[qr]|cosig))"
    known = re.compile(rf"data/(journal/({names})/({hours})|checkpoints/({names})/{notes})")
    for name in (name for name in b.files if name.startswith(("data/journal/", "data/checkpoints/"))):
        must(known.fullmatch(name), name, "a file of an origin that bundle.json names", "another")
    origins = [grown(b, *(one[key] for key in ("origin", "vantage", "first", "last"))) for one in b.bundle["origins"]]
    heads = {one.name: (one.head, one.notes[one.head][2].hex()) for one in origins}
    stated = {one["origin"]: (one["size"], one["root"]) for one in b.rests["origins"]}
    must(heads == stated, "data/statement.json: rests_on: origins", heads, stated)
    b.origins = origins
    counts = (sum(len(getattr(one, of)) for one in origins) for of in ("ats", "singles", "notes"))
    return "{:,} lines in whole hours, {:,} single ones, {:,} checkpoints".format(*counts)

def step_5_signatures(b: Any) -> str:
    """Each checkpoint is signed by the key in force, which only the one before it can replace (C2SP, Ed25519)."""
    jobs: list[tuple[str, str, Any]] = []  # where, key, why its signature does not hold
    for origin in b.origins:
        keys = [(-1, origin.lines[0][2]["key"])]
        for seq, _, line in (one for one in origin.lines if one[2]["t"] in ("start", "rotate")):
            where, old = f"{origin.name}, line {seq}: key", keys[-1][1]
            if line["t"] == "rotate":
                message = f"constat-rotate/v1\n{origin.name}\n{old}\n{line['key']}\n".encode()
                made = bytes.fromhex(old.split("+")[1]) + base64.b64decode(line["signature"], validate=True)
                jobs.append((where, old, b.pool.submit(b.signed, origin.name, base64.b64encode(made), message)))
                keys.append((seq, line["key"]))
            must(line["key"] == keys[-1][1], where, keys[-1][1], line["key"])
        for size, (file, _, _) in origin.notes.items():
            key = [one for seq, one in keys if seq < size][-1]
            own = [why for one, why in b.signing[file] if base64.b64decode(one)[:4].hex() == key.split("+")[1]]
            must(own, file, f"a signature by {key}", "none")
            jobs += ((file, key, why) for why in own)
        origin.keys = [key for _, key in keys]
    for key, whose in {(key, origin.name) for origin in b.origins for key in origin.keys}:
        name, id_, text = key.split("+", 2)
        must(name == whose, key, f"a key of {whose}", name)  # it is by this name that its file was found
        raw = base64.b64decode(text)
        hashed = sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
        must((raw[:1], len(raw), id_) == (b"\1", 33, hashed), key, f"an Ed25519 key with id {hashed}", id_)
        file, pem = f"data/trust/{name}-{id_}.pem", base64.b64encode(ED25519 + raw[1:]).decode()
        must(b.read(file) == f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n".encode(), file, pem, "another")
    for origin in b.origins:
        file, known = f"data/trust/{origin.name}.vkey", "".join(f"{key}\n" for key in origin.keys)
        must(b.read(file) == known.encode(), file, known, "another")
    for where, key, why in jobs: must(not why.result(), where, f"a signature by {key}", why.result())
    witnessed = len(b.named(r"data/checkpoints/.*\.cosig"))
    return f"{len(jobs):,} signatures by {len({job[1] for job in jobs})} keys; {witnessed} by witnesses not looked at"

def step_6_stamps(b: Any) -> str:
    """Each stamp is over a checkpoint, by a pinned authority; what the journal says of stamps is so (RFC 3161)."""
    stamps = {response: future.result() for (_, response), future in b.stamping.items()}
    if not stamps: raise NotShown("no authority stamped a checkpoint")
    for origin in b.origins:
        of = {file: size for size, (file, _, _) in origin.notes.items()}
        for name, response in b.stamping:
            if name in of: origin.stamps[of[name]].append((stamps[response].gen_time, stamps[response].accuracy or 0))
        for seq, _, line in origin.of("anchor"):
            where, size = f"{origin.name}, line {seq}: anchor", line["size"]
            must(size in origin.notes, f"{where}: size", "a checkpoint of the bundle", size)
            file, _, root = origin.notes[size]
            response = f"{file[:-4]}.{line['authority']}.tsr"
            must(response in stamps, where, f"its stamp {response}", "none")
            stamp, token = stamps[response], b.digest(response)
            wanted = {"root": root.hex(), "token": token, "gen_time": stamp.gen_time, "accuracy": stamp.accuracy}
            got = {key: line[key] for key in wanted}
            must(got == wanted, where, wanted, got)
    b.pinned = []  # as the deposit has them
    for name in sorted({response.split(".")[-2] for _, response in b.stamping}):
        trust = f"data/trust/{name}"
        b.pinned.append(f"{name} {b.digest(f'{trust}.pem')} {b.policy(trust) or '-'}")
    b.parts = [(origin, *part) for origin in b.origins for part in parts(origin)]
    times = sorted(stamp.gen_time for stamp in stamps.values())
    return f"{len(stamps):,} stamps from {utc(times[0])} to {utc(times[-1])}"

def step_7_order(b: Any) -> str:
    """Lines are dated after the stamps that the journal had by then, and not after the stamp over them (T4)."""
    unsure = 0
    for origin, seq, ats, after, error, stamp in b.parts:
        where = f"{origin.name}, lines {seq} to {seq + len(ats) - 1}: at"
        early, late = min(ats) < after - SECOND - error, stamp and max(ats) > sum(stamp) + SECOND + error
        must(error < 0 or not early, where, "none before the stamp before it", utc(min(ats)))
        must(error < 0 or not late, where, "none after the stamp over it", utc(max(ats)))
        if error < 0: unsure += len(ats)
    return f"no hole in seq; {unsure:,} lines were dated by a clock of unknown error and are not held to it"

def step_8_lag(b: Any) -> str:
    """Every line was stamped soon after it was made: a journal that is rewritten later cannot be."""
    worst, where = NEVER, ""
    for origin, seq, ats, _, _, stamp in b.parts:
        must(stamp, f"{origin.name}, line {seq}", "a stamp over it", "none")
        ahead = (max(ats) - stamp[0]) // SECOND  # which step 7 leaves be where the clock's error is unknown
        must(ahead <= b.lag, f"{origin.name}, line {seq}", f"a stamp within {b.lag} s", f"one {ahead:,} s before")
        if stamp[0] - min(ats) > worst:
            worst, where = stamp[0] - min(ats), f"{origin.name}, line {seq + [*ats].index(min(ats))}"
    must(worst <= b.lag * SECOND, where, f"a stamp within {b.lag} s", f"after {worst / SECOND:,.1f} s")
    return f"no line waited longer than {worst / SECOND:,.1f} s for its stamp ({where}); {b.lag:,} s are accepted"

def step_9_plan(b: Any) -> str:
    """Each planned slot is covered by one sample or gap, so that none was left out (S1; FORMAT.md, Slots)."""
    if b.extract: raise NotShown("single lines cannot tell that none is left out")
    slots, reasons, (begin, close) = 0, Counter[str](), b.window
    for origin in b.origins:
        last = max(origin.ats, default=origin.singles.get(origin.head - 1, FOR_EVER))
        shown = last >= close or origin.end == origin.head if origin.ats else last < begin
        must(shown or origin.lines[0][1] >= close, origin.name, "all lines of the window", f"those up to {last}")
        gaps = [line for _, _, line in origin.of("gap") if line["from"] < close and begin < line["to"]]
        reasons.update(line["reason"] for line in gaps)
        for plan, at, until in origin.planned(b.window) if origin.ats else ():
            for probe in plan["probes"]:
                number, wrong = uncovered(probe, origin, gaps, (at, until), b.window, last - LATE)
                slots += number
                got = wrong and f"{wrong[0]} for slot {utc(wrong[1])}"
                must(not wrong, f"{origin.name}: {probe['name']}", "one line for each planned slot", got)
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{slots:,} slots, each covered once; gaps: {told or 'none'}"

def step_10_contract(b: Any) -> str:
    """The contract is that of the statement, and of each plan in force in the window."""
    text, terms = b.read("data/contract.toml"), b.rests["contract"]
    wanted = terms["id"], sha256(text).hexdigest()
    same = (wanted[1], text.decode()) == (terms["sha256"], terms["text"])
    must(same, "data/contract.toml", terms["sha256"], wanted[1])
    for name, (plan, _, _) in [(origin.name, one) for origin in b.origins for one in origin.planned(b.window)]:
        got = plan["contract"], plan["contract_sha256"]
        must(got == wanted, f"{name}, line {plan['seq']}", wanted, got)
    return "{}, SHA-256 {}".format(*wanted)

def step_11_states(b: Any) -> str:
    """What the samples show, by the rules S1 to S6, T4 and V1 to V5, is what the statement says."""
    b.at = "data/statement.json"
    window, throttled = [b.window], b.rests["readings"]["platform-throttle"]
    must(throttled in ("unavailable", "not-unavailable"), f"{b.at}: readings", "a reading of platform-throttle", throttled)
    found, stated = services(b.origins, b.window, b.as_of, throttled == "unavailable"), defaultdict(list)
    if b.extract:  # services of whose probes there is no line are not shown
        for probe in (p for o in b.origins for plan, _, _ in o.planned(b.window) for p in plan["probes"]):
            if not any(origin.samples[probe["name"]] for origin in b.origins): found.pop(probe.get("service"), None)
    for kind in ("outages", "blips"):
        for one in b.account[kind]:
            certain, possible = merged(one["certain"]), merged(one["possible"])
            where, id_ = f"data/statement.json: {kind}: {one['id']}", f"{one['service']}@{possible[0][0]}"
            must(one["id"] == id_ and both(possible, window), where, f"the id {id_}, in the window", possible)
            must(bool(certain) == (kind == "outages"), where, "certain time in an outage, none in a blip", certain)
            sets = [*map(list, certain)] == one["certain"] and [*map(list, possible)] == one["possible"]
            must(sets and both(certain, possible) == certain, where, "spans in order, certain ones in possible", one)
            stated[one["service"]].append((both(certain, window), both(possible, window)))
    for name in sorted(found if b.extract else found.keys() | stated.keys()):
        theirs = sorted(stated[name], key=lambda one: one[1])
        for own, their in zip_longest(runs(found.get(name, NOTHING)), theirs):
            must(own == their, f"{name}: data/statement.json", f"certain and possible {own}, as of the samples", their)
    now, ever, _ = promised(b.read("data/contract.toml").decode(), b.origins, b.window)
    pairs, b.at = [(one["commitment"], one["service"]) for one in b.account["attainments"]], "data/statement.json"
    complete = now <= {*pairs} <= ever and len({*pairs}) == len(pairs)
    must(complete, "data/statement.json: attainments", sorted(now), sorted(pairs))
    for one in b.account["attainments"]:
        where = f"data/statement.json: {one['commitment']} of {one['service']}"
        seen = found.get(one["service"], NOTHING)
        lengths = {state: length(seen[state]) for state in (UP, DOWN, EDGE)}
        lengths[UNKNOWN] = length(window) - sum(lengths.values())
        hidden = one["excluded"] or (b.extract and one["service"] not in found)
        must(hidden or one["states"] == lengths, f"{where}: states", lengths, one["states"])
    b.found = found
    return f"{len(b.account['outages'])} outages, {len(b.account['blips'])} blips; states of {', '.join(sorted(found))}"

def step_12_sums(b: Any) -> str:
    """Each ledger is a partition of downtime, and the shares and findings are what follows (A1 to A3)."""
    _, _, targets = promised(b.read("data/contract.toml").decode(), b.origins, b.window)
    for one in b.account["attainments"]:
        where = f"data/statement.json: {one['commitment']} of {one['service']}"
        states, agreed, b.at = one["states"], one["agreed"], where
        every = [span for line in one["ledger"] for span in line["spans"]]
        raw = b.found.get(one["service"], {DOWN: merged(every)} if b.extract else NOTHING)[DOWN]
        apart = length(merged(every)) == length(every) and both(merged(every), raw) == merged(every)
        must(apart, f"{where}: ledger", "disjoint spans in downtime", every)
        amounts = [line["amount"] for line in one["ledger"]]
        must(amounts == [length(line["spans"]) for line in one["ledger"]], f"{where}: ledger", "lengths as amounts", amounts)
        taken = {line["kind"]: length(line["spans"]) for line in one["ledger"]}
        net = states[DOWN] - sum(taken.values()) + taken.get("unreserved", 0)
        claimable = net - taken.get("unreserved", 0)
        lost = {"best": net, "observed_best": states[DOWN], "observed_worst": agreed - states[UP],
                "claimable_best": claimable, "coverage": states[UNKNOWN]}
        wanted = {"window": {**one["window"], "start": b.window[0], "end": b.window[1]}, "agreed": sum(states.values()),
                  "deducted": taken, "net": net, "claimable": claimable}
        got = {key: one[key] for key in wanted}
        wanted.update((key, ratio(f"{agreed - of}/{agreed}" if agreed else None)) for key, of in lost.items())
        got.update((key, ratio(one[key])) for key in lost)
        for key in wanted: must(got[key] == wanted[key], f"{where}: {key}", wanted[key], got[key])
        must(agreed + sum(one["excluded"].values()) == length([b.window]), f"{where}: agreed", "the window", agreed)
        target = targets[one["commitment"], one["service"]]
        must(ratio(one["target"]) == target, f"{where}: target", f"{target}, as of contract and plan", one["target"])
        for finding, of in (("finding", ""), ("claim_finding", "claimable_")):
            best, worst = ratio(one[of + "best"]), ratio(one[of + "worst"])
            bound = best is None or got["observed_worst"] <= worst <= best
            must(bound, f"{where}: {of}worst", "a share between observed_worst and best", one[of + "worst"])
            follows = "OPEN" if best is None else "MISSED" if best < target else "MET" if worst >= target else "OPEN"
            must(one[finding] == follows, f"{where}: {finding}", follows, one[finding])
    return f"{len(b.account['attainments'])} attainments add up"

def ratio(text: Any) -> Any:
    return None if text is None else Fraction(*map(int, text.split("/")))

STEPS = (step_1_files, step_4_tree, step_5_signatures, step_6_stamps, step_2_date, step_3_deposit, step_7_order,
         step_8_lag, step_9_plan, step_10_contract, step_11_states, step_12_sums)  # in the order in which they build up

def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a bundle of Constat.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--deposit", action="append", type=Path, default=[], help="the page left with a third party")
    parser.add_argument("--lag", type=int, default=7200, help="seconds that a line may wait for its stamp (7200)")
    given = parser.parse_args()
    for path in [given.folder / "bagit.txt", *given.deposit]:
        if not path.is_file(): parser.error(f"{path}: expected a file of a bundle, or a deposit, got none")
    told: dict[int, tuple[str, str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        b = Bundle(given.folder, given.deposit, given.lag, Path(scratch))
        for step in STEPS:
            _, digits, name = step.__name__.split("_")
            try: verdict, why = "ok", step(b)
            except NotShown as error: verdict, why = "not shown", str(error)
            except Wrong as error: verdict, why = "FAILED", str(error)
            except Exception as error: verdict, why = "FAILED", f"{b.at}: not of its form: {ascii(error)[:300]}"
            told[int(digits)] = name, verdict, why
        b.pool.shutdown(cancel_futures=True)  # before their folder goes
    for number, (name, verdict, why) in sorted(told.items()): print(f"{number:2}. {name:11}{verdict}: {why}")
    failed, hidden = ([n for n, one in sorted(told.items()) if one[1] == word] for word in ("FAILED", "not shown"))
    print("Bound by none of it: reports, provider.json, deductions, readings, credit (`constat account` draws them again).")
    if failed: print(f"FAILED in {failed}: this bundle is not what it says it is, or is damaged.")
    elif hidden == [3]: print("SELF-CONSISTENT ONLY: a bundle can vouch for itself; give the deposit (--deposit FILE).")
    elif hidden: print(f"NOT SHOWN: {hidden}; nothing is wrong in the other steps.")
    else: print(f"VERIFIED: every step is ok, and the bundle fits the deposit; a lag of {given.lag:,} s was accepted.")
    return 1 if failed or hidden else 0

if __name__ == "__main__":
    sys.exit(main())
