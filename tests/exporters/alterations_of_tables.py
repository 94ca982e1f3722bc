"""What a forger may try with a bundle's tables and files: more of what both verifiers must refuse."""

from collections.abc import Callable, Sequence
from hashlib import sha256, sha512
from typing import Any

from collector.core.timeline import HOUR, MINUTE, SECOND
from tests.exporters.alterations import BUNDLE, STATEMENT, alteration
from tests.exporters.forged import FROM, TO, Bag

# ---------------------------------------------------------------------------------------------- the statement


def figure(name: str, steps: Sequence[int], says: str, change: Callable[[Any], object]) -> None:
    """A change of the statement's account."""
    alteration(name, steps, says)(lambda bag: bag.edit(STATEMENT, lambda whole: change(whole["account"])))


def first(change: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda account: change(account["attainments"][0])


def longer(account: Any) -> None:
    """Ten minutes more of downtime, and all that follows from them."""
    account["outages"][0]["certain"][-1][1] += 9 * MINUTE
    account["outages"][0]["possible"][-1][1] += 9 * MINUTE


def moved(one: Any) -> None:
    one["ledger"] = [{"kind": "grace", "amount": MINUTE, "because": [], "spans": [[FROM, FROM + MINUTE]]}]
    one["deducted"] = {"grace": MINUTE}


def made_up(service: str, certain: bool) -> dict[str, Any]:
    """A minute that nobody saw."""
    span = [[TO - 2 * MINUTE, TO - MINUTE]]
    fixed = {"service": service, "incident": None, "open": False, "possible": span}
    return fixed | {"id": f"{service}@{span[0][0]}", "certain": span if certain else []}


figure("the statement has more downtime", [11], "states", first(lambda one: one["states"].update(
    down=one["states"]["down"] + MINUTE, up=one["states"]["up"] - MINUTE)))  # fmt: skip
figure("the statement has time that is neither", [11], "states", first(
    lambda one: one["states"].update(unknown=one["states"]["unknown"] + 1)))  # fmt: skip
figure("the net downtime is more", [12], "net", first(lambda one: one.update(net=one["net"] + 1)))
figure(
    "what is claimable is more",
    [12],
    "claimable",
    first(lambda one: one.update(claimable=one["claimable"] + 1)),
)
figure("the share is less", [12], "best", first(lambda one: one.update(best="1/2")))
figure("the worst share is less", [12], "worst", first(lambda one: one.update(worst="0/1")))
figure("a share is no ratio", [12], "compute.command-api of api", first(lambda one: one.update(best="1/0")))
figure("the finding is another", [12], "finding", first(lambda one: one.update(finding="MET")))
figure(
    "the finding of the claim is another",
    [12],
    "claim_finding",
    first(lambda one: one.update(claim_finding="OPEN")),
)
figure("the target is another", [12], "target", first(lambda one: one.update(target="99999/100000")))
figure("the coverage is more", [12], "coverage", first(lambda one: one.update(coverage="2/1")))
figure(
    "the agreed time is less", [12], "agreed", first(lambda one: one.update(agreed=one["agreed"] - SECOND))
)
figure(
    "the window of a figure is another", [12], "window", first(lambda one: one["window"].update(end=TO - 1))
)
figure("a ledger line is outside of downtime", [12], "ledger", first(moved))
figure("a ledger line is longer than its spans", [12], "ledger", first(
    lambda one: one["ledger"][0].update(amount=MINUTE + 1)))  # fmt: skip
figure("a ledger line is dropped", [12], "deducted", first(lambda one: one["ledger"].pop()))
figure("a figure is a word", [12], "net", first(lambda one: one.update(net="many")))
figure("a figure is left out", [12], "net", first(lambda one: one.pop("net")))
figure("an outage ends later", [11], "api", longer)
figure(
    "an outage began earlier", [11], "api", lambda of: of["outages"][0]["possible"][0].__setitem__(0, FROM)
)
figure("an outage is left out", [11], "api", lambda of: of["outages"].clear())
figure("an outage is invented", [11], "api", lambda of: of["outages"].append(made_up("api", True)))
figure("an outage of what nobody watches is invented", [11], "ghost", lambda of: of["outages"].append(
    made_up("ghost", True)))  # fmt: skip
figure("a blip is invented", [11], "api", lambda of: of["blips"].append(made_up("api", False)))
figure("the attainment of the service is left out", [11], "attainments", lambda of: of["attainments"].clear())
figure("the outages are no list", [11], "statement.json", lambda of: of.update(outages=7))


def ground(name: str, steps: Sequence[int], says: str, change: Callable[[Any], object]) -> None:
    """A change of what the statement says that it rests on."""
    alteration(name, steps, says)(lambda bag: bag.edit(STATEMENT, lambda whole: change(whole["rests_on"])))


ground(
    "the statement rests on another root", [4], "rests_on", lambda of: of["origins"][0].update(root="0" * 64)
)
ground("the statement rests on more lines", [4], "rests_on", lambda of: of["origins"][0].update(size=10_000))
ground("the statement rests on one origin less", [4], "rests_on", lambda of: of["origins"].pop())
ground(
    "the statement is over another window",
    [1],
    "windows",
    lambda of: of.update(windows=[[FROM, TO - MINUTE]]),
)
ground("the statement is as of another time", [1], "as_of", lambda of: of.update(as_of=TO))
ground(
    "the statement rests on another contract's text",
    [],
    "contract",
    lambda of: of["contract"].update(text="id = 1"),
)
ground(
    "the statement names another contract", [3, 10], "contract", lambda of: of["contract"].update(id="other")
)


@alteration("the statement is none", [1], "statement.json")
def _no_statement(bag: Bag) -> None:
    bag[STATEMENT] = b"{}"


@alteration("the statement is of a form before the first", [1], "statement")
def _before_the_first(bag: Bag) -> None:
    bag.edit(STATEMENT, lambda whole: whole.update(statement=0))


@alteration("the statement has a float", [1], "statement.json")
def _float(bag: Bag) -> None:
    bag[STATEMENT] = bag[STATEMENT].replace(b'"statement": 1', b'"statement": 1.0')


# ---------------------------------------------------------------------------------- contract and other tables


@alteration("the contract promises more", [10, 12], "contract.toml")
def _contract(bag: Bag) -> None:
    bag["data/contract.toml"] = bag["data/contract.toml"].replace(b"99.9 %", b"99.99 %")


@alteration("the contract promises more, in the statement too", [3, 10, 12], "contract")
def _both_contracts(bag: Bag) -> None:
    _contract(bag)
    text = bag["data/contract.toml"]
    said = {"text": text.decode(), "sha256": sha256(text).hexdigest()}
    bag.edit(STATEMENT, lambda whole: whole["rests_on"]["contract"].update(said))


def table(
    name: str, steps: Sequence[int], says: str, change: Callable[[Any], object], file: str = BUNDLE
) -> None:
    """A change of a table."""
    alteration(name, steps, says)(lambda bag: bag.edit(bag.excerpt() if file == "excerpt" else file, change))


table("the bundle is of a wider time", [1], "window", lambda of: of.update(to=TO + HOUR))
table("the bundle is of another time", [1], "window", lambda of: of.update({"from": FROM + MINUTE}))
table("the bundle has another cadence", [3], "cadence", lambda of: of.update(cadence=HOUR + 1))
table("the bundle has one origin less", [4], "{paris}", lambda of: of["origins"].pop())
table("the bundle is of a later form", [1], "bundle", lambda of: of.update(bundle=2))
table("the bundle is of a form that nobody knows", [1], "form", lambda of: of.update(form="summary"))
table(
    "the bundle has a vantage point of another name",
    [4],
    "vantage",
    lambda of: of["origins"][1].update(vantage="here"),
)
table("the stretch is shorter by the table", [4], "{paris}", lambda of: of["origins"][1].update(last=400))
table("the stretch begins earlier, it says", [4], "{paris}", lambda of: of["origins"][1].update(first=1))
table("the stretch begins nowhere, it says", [4], "{paris}", lambda of: of["origins"][1].update(first=None))
table(
    "the origin's name leads elsewhere",
    [4],
    "excerpt.json",
    lambda of: of["origins"][1].update(origin="../../data"),
)


def no_text(name: str, steps: Sequence[int], says: str, file: str) -> None:
    """A table has a key that nobody reads, and that is no UTF-8."""

    def change(bag: Bag) -> None:
        where = bag.excerpt() if file == "excerpt" else file
        bag[where] = bag[where].replace(b"{", b'{"\xef": 0, ', 1)

    alteration(name, steps, says)(change)


no_text("the bundle's table is no text", [1], "bundle.json", BUNDLE)
no_text("an excerpt is no text", [4], "excerpt.json", "excerpt")
no_text("what is kept of an authority is no text", [2, 6], "first", "data/trust/first.json")


def proof(name: str, says: str, change: Callable[[Any], object]) -> None:
    """A change of `excerpt.json`, which the tree refuses."""
    alteration(name, [4], says)(lambda bag: bag.edit(bag.excerpt(), change))


proof("the tree before the stretch is another", "{paris}", lambda of: of["start"]["peaks"].reverse())
proof(
    "the tree before the stretch has a peak more", "peaks", lambda of: of["start"]["peaks"].append("0" * 64)
)
proof("the head is another checkpoint", "head", lambda of: of.update(head=354))
proof("a link to the head is left out", "000001.txt", lambda of: of["links"].pop(0))
proof("a path of a line is another", "{paris}", lambda of: of["lines"][0]["path"].reverse())
proof("a path of a line is longer", "{paris}", lambda of: of["lines"][0]["path"].append("0" * 64))
proof("a single line is invented", "{paris}", lambda of: of["lines"].insert(1, of["lines"][0] | {
    "line": of["lines"][1]["line"].replace('"seq":1,', '"seq":2,')}))  # fmt: skip
proof("line 0 is left out", "{paris}", lambda of: of["lines"].pop(0))
table("the single line of the plan is left out", [3, 11], "plan", lambda of: of["lines"].pop(1), "excerpt")
table("the single line of the rotation is left out", [3, 5], "key", lambda of: of["lines"].pop(2), "excerpt")


# ------------------------------------------------------------------------------------------------------ files


@alteration("a file has a byte more, and is not listed anew", [1], "contract.toml", sealed=False)
def _byte(bag: Bag) -> None:
    bag["data/contract.toml"] += b"\n"


@alteration("a file is gone, and is still listed", [1], "states.py", sealed=False)
def _gone(bag: Bag) -> None:
    del bag.files["data/states.py"]


@alteration("a file is not listed", [1], "data/extra", sealed=False)
def _unlisted(bag: Bag) -> None:
    bag["data/extra"] = b""


@alteration("a file beside the data is not listed", [1], "notes.txt")
def _beside(bag: Bag) -> None:
    bag["notes.txt"] = b"read this first"


@alteration("the tag manifest is not that of the manifest", [1], "manifest-sha256.txt", sealed=False)
def _tags(bag: Bag) -> None:
    bag["manifest-sha256.txt"] += b"0" * 64 + b"  data/none\n"


def listed(name: str, says: str, line: Callable[[bytes], bytes]) -> None:
    """A line more in the manifest, of which the tag manifest knows."""

    def change(bag: Bag) -> None:
        bag.seal()
        text = bag["manifest-sha256.txt"]
        bag["manifest-sha256.txt"] = text + line(text)
        old, new = (sha256(one).hexdigest().encode() for one in (text, bag["manifest-sha256.txt"]))
        bag["tagmanifest-sha256.txt"] = bag["tagmanifest-sha256.txt"].replace(old, new)
        bag.stamp("tagmanifest-sha256.txt")

    alteration(name, [1], says, sealed=False)(change)


listed("the manifest names a file outside", "/etc/passwd", lambda _: b"0" * 64 + b"  ../../etc/passwd\n")
listed("the manifest names a file by its whole path", "/etc/passwd", lambda _: b"0" * 64 + b"  /etc/passwd\n")
listed(
    "the manifest names a file twice", "manifest-sha256.txt", lambda text: text.splitlines(keepends=True)[0]
)
listed("the manifest names a file twice with another sum", "manifest-sha256.txt",
       lambda text: b"0" * 64 + text.splitlines(keepends=True)[0][64:])  # fmt: skip
listed("the manifest has a line that is none", "manifest-sha256.txt", lambda _: b"\xff\n")


@alteration("a file is a link", [1], "data/states.py")
def _link(bag: Bag) -> None:
    bag.seal()
    del bag.files["data/states.py"]
    bag.links["data/states.py"] = "/etc/hostname"


@alteration("a link leads out of the bag", [1], "data/more", sealed=False)
def _link_out(bag: Bag) -> None:
    bag.links["data/more"] = ".."


@alteration("another form of bag", [1], "bagit.txt")
def _bagit(bag: Bag) -> None:
    bag["bagit.txt"] = bag["bagit.txt"].replace(b"1.0", b"0.97")


@alteration("a document is not the one that its name says", [1], "data/documents")
def _document(bag: Bag) -> None:
    (name,) = bag.named("data/documents/.*")
    bag[name] = b"<html>All is well</html>\n"


@alteration("the stamp of the whole is over what was before", [2], "tagmanifest-sha256.txt", sealed=False)
def _old_own_stamp(bag: Bag) -> None:
    bag["data/VERIFY.md"] += b"Trust me.\n"
    bag.seal(own=False)


@alteration(
    "the stamp of the whole is by an authority of the forger's", [2], "tagmanifest-sha256.txt", sealed=False
)
def _rogue_own_stamp(bag: Bag) -> None:
    bag.stamp("tagmanifest-sha256.txt", bag.rogue())


def renewal(bag: Bag) -> None:
    """A renewal as it should be."""
    every = "".join(f"{sha512(bag[name]).hexdigest()}  {name}\n" for name in sorted(bag.files))
    bag["renewals/0001.txt"] = every.encode()
    bag.stamp("renewals/0001.txt")


@alteration("a renewal does not name all", [2], "renewals/0001.txt", sealed=False)
def _short_renewal(bag: Bag) -> None:
    renewal(bag)
    bag["renewals/0001.txt"] = b"".join(bag["renewals/0001.txt"].splitlines(keepends=True)[1:])
    bag.stamp("renewals/0001.txt")


@alteration("a renewal has another sum", [2], "renewals/0001.txt", sealed=False)
def _other_renewal(bag: Bag) -> None:
    renewal(bag)
    text = bag["renewals/0001.txt"]
    bag["renewals/0001.txt"] = bytes([text[0] ^ 1]) + text[1:]
    bag.stamp("renewals/0001.txt")


@alteration("a renewal was altered after its stamp", [2], "renewals/0001.first.ts", sealed=False)
def _stale_renewal(bag: Bag) -> None:
    renewal(bag)
    bag["renewals/0001.txt"] += b"\n"
