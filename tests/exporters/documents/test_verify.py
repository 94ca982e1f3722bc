"""The verifier that a bundle carries: what it accepts, and for each of its steps what it refuses."""

import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.documents.verify import instructions
from tests.exporters.bundles import Story
from tests.exporters.opened import LAG, deposit, sealed, unpacked, verified

PYTHONS = [(), ("-O",), ("-I", "-S"), ("-OO", "-B")]


@pytest.fixture(scope="session")
def bag(story: Story, bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that bears its own stamp, beside `deposit.txt`; not to be changed."""
    found = unpacked(bundled, tmp_path_factory.mktemp("bag"))
    names = {one.relative_to(found / "data").as_posix(): one.read_bytes() for one in _files(found / "data")}
    (found / "data/VERIFY.md").write_bytes(instructions(names, ["first"], extract=False))
    sealed(found, story)
    (found.parent / "deposit.txt").write_text(deposit(story, found))
    return found


@pytest.fixture
def copy(bag: Path, tmp_path: Path) -> Path:
    """One to be changed, with its deposit beside."""
    shutil.copytree(bag.parent, tmp_path / "copy")
    return tmp_path / "copy" / bag.name


def _files(directory: Path) -> list[Path]:
    return sorted(one for one in directory.rglob("*") if one.is_file())


def judged(bag: Path, *arguments: str, python: tuple[str, ...] = ()) -> tuple[int, str]:
    """What the bundle's verifier says when it is given the deposit."""
    return verified(bag, "--deposit", str(bag.parent / "deposit.txt"), *LAG, *arguments, python=python)


def failed(report: str) -> list[int]:
    """The numbers of the steps that failed."""
    return [int(found[1]) for found in re.finditer(r"(?m)^ *(\d+)\. \S+ +FAILED", report)]


# ------------------------------------------------------------------------------------------------- accepted


@pytest.mark.parametrize("python", PYTHONS, ids=" ".join)
def test_an_honest_bundle_is_verified_against_its_deposit(bag: Path, python: tuple[str, ...]) -> None:
    """All twelve steps, also without assertions, without site packages and without our environment."""
    status, report = judged(bag, python=python)

    assert report.count(" ok: ") == 12, report
    assert "VERIFIED" in report
    assert status == 0


def test_without_a_deposit_a_bundle_is_only_consistent_with_itself(bag: Path) -> None:
    status, report = verified(bag, *LAG)

    assert "SELF-CONSISTENT ONLY" in report
    assert failed(report) == []
    assert status == 1


def test_an_extract_says_what_it_does_not_show(story: Story, extracted: Path, tmp_path: Path) -> None:
    """Single lines are proven, but that none is missing is not."""
    found = unpacked(extracted, tmp_path)
    sealed(found, story)
    (tmp_path / "deposit.txt").write_text(deposit(story, found))

    status, report = judged(found)

    assert "9. plan       not shown" in report
    assert failed(report) == []
    assert status == 1


@pytest.mark.slow
def test_what_is_no_bundle_is_wrong_use(tmp_path: Path, bag: Path) -> None:
    assert verified(bag, str(tmp_path))[0] == 2
    assert verified(bag, "--deposit", str(tmp_path / "none"))[0] == 2
    assert verified(bag, "--lag", "long")[0] == 2


# ---------------------------------------------------------------------------------------- refused, by step


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new))


def altered(path: Path, change: Callable[[Any], None]) -> None:
    value = msgspec.json.decode(path.read_bytes())
    change(value)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n")


def hour(bag: Path, change: Callable[[list[bytes]], None], name: str = "T09") -> None:
    """Change the lines of an hour of Paris."""
    (path,) = (bag / "data/journal").glob(f"paris-*/*{name}.jsonl.gz")
    lines = gzip.decompress(path.read_bytes()).split(b"\n")
    change(lines)
    path.write_bytes(gzip.compress(b"\n".join(lines)))


@pytest.mark.slow
def test_1_an_unlisted_file_a_missing_one_and_a_link_are_refused(copy: Path) -> None:
    (copy / "data/more.txt").write_text("more")
    assert failed(judged(copy)[1])[:1] == [1]
    (copy / "data/more.txt").unlink()
    target = copy / "data/contract.toml"
    target.rename(copy.parent / "contract.toml")
    assert "data/contract.toml" in judged(copy)[1]
    target.symlink_to(copy.parent / "contract.toml")
    assert "a link or device" in judged(copy)[1]


@pytest.mark.slow
def test_2_a_stamp_of_another_file_and_of_an_unknown_authority_are_refused(copy: Path, story: Story) -> None:
    stamp = copy / "tagmanifest-sha256.txt.first.tsr"
    _, other = story.authorities["first"].stamp(b"another", 1_796_000_000_000_000)
    honest = stamp.read_bytes()
    stamp.write_bytes(other)
    assert failed(judged(copy)[1]) == [2]
    _, unpinned = story.authorities["second"].stamp(
        (copy / "tagmanifest-sha256.txt").read_bytes(), 1_796_000_000_000_000
    )
    stamp.write_bytes(unpinned)
    status, report = judged(copy)
    assert failed(report) == [2]
    assert status == 1
    stamp.write_bytes(honest)
    assert judged(copy)[0] == 0


DEPOSITED = [
    ("key: paris", "key: lyon"),
    ("start: ", "start: 0"),
    ("plan: ", "plan: 0"),
    ("plan-line: 1", "plan-line: 0"),
    ("contract-sha256: ", "contract-sha256: 0"),
    ("authority: first ", "authority: first 0"),
    ("1.2.3.4.1", "1.2.3.4.2"),
    ("vantage: lyon", "vantage: paris"),
    ("cadence: 3600", "cadence: 86400"),
    ("origin: lyon", "origin: nice"),
    ("plan-line: 1", "plan-line: one"),
    ("key: ", "keys: "),
    ("constat-deposit: 1", "constat-deposit: 2"),
]


@pytest.mark.parametrize(("old", "new"), DEPOSITED)
def test_3_a_deposit_that_does_not_fit_is_refused(copy: Path, old: str, new: str) -> None:
    replaced(copy.parent / "deposit.txt", old, new)

    assert failed(judged(copy)[1]) == [3]


def test_3_an_origin_that_was_deposited_cannot_be_left_out(copy: Path) -> None:
    with (copy.parent / "deposit.txt").open("a") as page:
        page.write("origin: nice-1\nvantage: nice\n")

    assert failed(judged(copy)[1]) == [3]


def test_3_a_head_that_was_sent_out_is_held_against_the_checkpoints(copy: Path, tmp_path: Path) -> None:
    """A page and a head may be given together; a head of another tree with the same size is another story."""
    (note,) = (copy / "data/checkpoints").glob("paris-*/000004.txt")
    head = tmp_path / "head.txt"
    head.write_bytes(note.read_bytes())
    assert judged(copy, "--deposit", str(head))[0] == 0
    origin, size, root, rest = note.read_text().split("\n", 3)
    head.write_text(f"{origin}\n{size}\n{root[::-1][1:]}=\n{rest}")

    assert failed(judged(copy, "--deposit", str(head))[1]) == [3]


def _edited(lines: list[bytes]) -> None:
    k = next(k for k, line in enumerate(lines) if b'"outcome":"ok"' in line)
    lines[k] = (
        lines[k]
        .replace(b'"outcome":"ok"', b'"outcome":"failed"')
        .replace(b'"reason":""', b'"reason":"reset"')
    )


EDITS: list[Callable[[list[bytes]], None]] = [
    _edited,
    lambda lines: lines.__delitem__(5),
    lambda lines: lines.insert(5, lines[5]),
    lambda lines: lines.reverse(),
    lambda lines: lines.__setitem__(5, b"{}"),
    lambda lines: lines.__setitem__(5, b"[" * 100_000),
    lambda lines: lines.__setitem__(5, b'{"t":"host","seq":NaN}'),
    lambda lines: lines.__setitem__(5, b"\xff\xfe"),
    lambda lines: lines.__setitem__(5, lines[5].replace(b'"at":1', b'"at":' + b"9" * 5000)),
]


@pytest.mark.parametrize("edit", EDITS)
def test_4_an_hour_that_was_changed_and_sealed_anew_is_refused(
    copy: Path, story: Story, edit: Callable[[list[bytes]], None]
) -> None:
    hour(copy, edit)
    sealed(copy, story)

    assert failed(judged(copy)[1]) == [4]


def test_4_a_bomb_is_refused(copy: Path, story: Story) -> None:
    hour(copy, lambda lines: lines.insert(5, b" " * 50_000_000))
    sealed(copy, story)

    assert failed(judged(copy)[1]) == [4]


def test_5_a_checkpoint_of_another_key_is_refused(copy: Path, story: Story) -> None:
    (note,) = (copy / "data/checkpoints").glob("paris-*/000004.txt")
    text = note.read_text()
    note.write_text(re.sub(r"(?m)^(— \S+ .{8})....", r"\1AAAA", text))
    sealed(copy, story)

    assert 5 in failed(judged(copy)[1])


def test_6_a_stamp_of_another_checkpoint_is_refused(copy: Path, story: Story) -> None:
    (folder,) = (copy / "data/checkpoints").glob("paris-*")
    for kind in ("tsq", "tsr"):
        shutil.copy(folder / f"000004.first.{kind}", folder / f"000005.first.{kind}")
    sealed(copy, story)

    assert failed(judged(copy)[1]) == [6]


def test_8_a_checkpoint_that_was_stamped_late_is_refused(copy: Path) -> None:
    """The honest bundle misses one stamp: where a quarter of an hour is asked for, that is too much."""
    status, report = verified(copy, "--deposit", str(copy.parent / "deposit.txt"), "--lag", "900")

    assert failed(report) == [8]
    assert status == 1


def test_10_another_contract_is_refused(copy: Path, story: Story) -> None:
    with (copy / "data/contract.toml").open("a") as file:
        file.write("\n")
    sealed(copy, story)

    assert failed(judged(copy)[1]) == [10]


STATED: list[tuple[int, Callable[[Any], None]]] = [
    (11, lambda account: account["outages"].clear()),
    (
        11,
        lambda account: account["outages"][0]["certain"][0].__setitem__(
            0, account["outages"][0]["certain"][0][0] + 1
        ),
    ),
    (11, lambda account: account["blips"].append({**account["outages"][0], "certain": []})),
    (11, lambda account: account["attainments"][0]["states"].__setitem__("up", 0)),
    (12, lambda account: account["attainments"][0].__setitem__("net", 0)),
    (12, lambda account: account["attainments"][0].__setitem__("best", "1/1")),
    (12, lambda account: account["attainments"][0].__setitem__("finding", "MET")),
    (12, lambda account: account["attainments"][0]["window"].__setitem__("end", 0)),
    (12, lambda account: account["attainments"][0].__setitem__("coverage", "1/0")),
    (12, lambda account: account["attainments"][0].__setitem__("deducted", {})),
]


@pytest.mark.parametrize(("step", "change"), STATED)
def test_11_and_12_a_statement_that_does_not_follow_is_refused(
    copy: Path, story: Story, step: int, change: Callable[[Any], None]
) -> None:
    altered(copy / "data/statement.json", lambda statement: change(statement["account"]))
    sealed(copy, story)

    assert failed(judged(copy)[1])[:1] == [step]


# ------------------------------------------------------------------------------------- whatever is changed


@pytest.mark.slow
@settings(max_examples=12)
@given(seed=st.integers(0, 1 << 32))
def test_no_byte_can_be_changed_removed_or_added_anywhere(bag: Path, seed: int) -> None:
    """Whoever does, and does not seal the bundle anew, is told of, and never by a traceback."""
    chance = Random(seed)
    path = chance.choice(_files(bag))
    honest = path.read_bytes()
    at = chance.randrange(len(honest))
    changed = chance.choice(
        [
            honest[:at] + bytes([honest[at] ^ 1 << chance.randrange(8)]) + honest[at + 1 :],
            honest[:at] + honest[at + 1 :],
            honest[:at] + bytes([chance.randrange(256)]) + honest[at:],
            honest[:at],
        ]
    )
    # A stamp has bytes that its own signature does not cover, like how it names the signer. They
    # are no evidence, and where it is the stamp of the whole bundle, no manifest can list it.
    loose = path.name.endswith(".tsr") and path.parent == bag
    if changed == honest or loose or path.name in ("verify.py", "states.py"):
        return
    path.write_bytes(changed)
    try:
        status, report = judged(bag)
    finally:
        path.write_bytes(honest)
    assert status != 0, f"{path} at {at}: {report}"


# ------------------------------------------------------------------------------------------- the page


@pytest.mark.slow
def test_the_commands_of_the_page_can_be_copied_and_say_what_it_says(bag: Path, tmp_path: Path) -> None:
    """With nothing on the path but Python, openssl and coreutils."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("openssl", "sha256sum", "sed", "grep", "cut", "base64", "tail"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    (tools / "python3").symlink_to(sys.executable)
    blocks = re.findall(r"(?s)```\n(.*?)\n```", (bag / "data/VERIFY.md").read_text())
    integrity, stamp, stamp_says, note, note_says, program = blocks

    def ran(commands: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-ec", commands], cwd=bag, capture_output=True, text=True, check=False,
            env={"PATH": str(tools), "TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert ran(integrity) == "bag-info.txt: OK\nbagit.txt: OK\nmanifest-sha256.txt: OK\n"
    for commands, says in ((stamp, stamp_says), (note, note_says)):
        told = ran(commands)
        assert [line for line in says.splitlines() if line not in told] == []
    report = ran(program.replace("DEPOT.txt", f"{bag.parent}/deposit.txt {' '.join(LAG)}"))
    assert "VERIFIED" in report
