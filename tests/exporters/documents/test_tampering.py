"""Whatever a forger does with a bundle, both verifiers refuse it, name what is wrong, and agree."""

import base64
import io
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from collector.journal import layout
from exporters.documents import genesis
from tests.exporters import alterations_of_tables, forged
from tests.exporters.alterations import ALTERATIONS, Alteration
from tests.exporters.forged import Bag, World
from tests.exporters.judges import Judgement, ours, ran, theirs

JUDGES = (ours, theirs)
FLAGS = (("-I", "-S"), ("-O",), ("-OO", "-B"))
"""As an expert would start Python, and as nobody should."""


def altered(one: Alteration, honest: Bag, folder: Path) -> Path:
    """The bundle, forged."""
    bag = honest.copy()
    one.change(bag)
    if one.sealed:
        bag.seal()
    return bag.written(folder)


def named(name: str) -> Alteration:
    return next(one for one in ALTERATIONS if one.name == name)


# ------------------------------------------------------------------------------------------------- accepted


@pytest.mark.parametrize("judge", JUDGES)
def test_an_honest_bundle_is_verified_against_its_deposit(
    judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    found = judge(honest.written(tmp_path), [deposit])

    assert (found.status, found.of("ok")) == (0, set(range(1, 13)))
    assert found.verdict.startswith("VERIFIED")


@pytest.mark.parametrize("judge", JUDGES)
def test_without_a_deposit_it_is_self_consistent_only(
    judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, tmp_path: Path
) -> None:
    found = judge(honest.written(tmp_path), [])

    assert (found.status, found.of("not shown")) == (1, {3})
    assert found.verdict.startswith("SELF-CONSISTENT ONLY")


@pytest.mark.parametrize("judge", JUDGES)
def test_an_extract_does_not_show_that_none_is_left_out(
    judge: Callable[[Path, Sequence[Path]], Judgement], world: World, deposit: Path, tmp_path: Path
) -> None:
    bag = forged.opened(world.bundle(tmp_path / "part.zip", "--extract"), world)
    bag.seal()
    found = judge(bag.written(tmp_path / "part"), [deposit])

    assert (found.status, found.of("not shown"), found.failed) == (1, {9}, set())
    assert found.verdict.startswith("NOT SHOWN")


@pytest.mark.parametrize("judge", JUDGES)
def test_a_bundle_that_calls_itself_an_extract_is_not_shown_to_be_complete(
    judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    bag = honest.copy()
    bag.edit("data/bundle.json", lambda of: of.update(form="extract"))
    bag.seal()
    found = judge(bag.written(tmp_path), [deposit])

    assert (found.status, found.of("not shown")) == (1, {9})


@pytest.mark.parametrize("judge", JUDGES)
def test_a_renewal_and_deposits_of_later_and_heads_are_taken(
    judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    """What was left with a third party in the end, and a head that was sent out on the way."""
    bag = honest.copy()
    alterations_of_tables.renewal(bag)
    later = forged.deposit(bag.world.story, tmp_path / "later.txt", heads=True)
    head = tmp_path / "head.txt"
    head.write_bytes(bag[bag.note(4)])
    found = judge(bag.written(tmp_path / "bag"), [deposit, later, head])

    assert (found.status, found.failed) == (0, set())
    assert "renewals/0001.txt" in found.steps[2][1]


# -------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize("one", ALTERATIONS, ids=lambda one: one.name)
def test_refused_by_both(one: Alteration, honest: Bag, deposit: Path, tmp_path: Path) -> None:
    folder = altered(one, honest, tmp_path / "bag")
    found = [judge(folder, [deposit]) for judge in JUDGES]

    says = one.says.format(paris=honest.origin())
    assert [each.status for each in found] == [1, 1]
    assert all(each.failed and each.verdict.startswith("FAILED") for each in found)
    assert found[0].failed & found[1].failed == one.steps
    assert [says in each.why for each in found] == [True, True], [each.why for each in found]


def test_there_are_enough_of_them_and_no_two_have_a_name() -> None:
    assert len({one.name for one in ALTERATIONS}) == len(ALTERATIONS) >= 140


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize(
    "name",
    [
        "the outcome of a sample is another",
        "good samples are dropped and the journal is stamped anew",
        "a second journal of the same origin and key",
        "a checkpoint is signed by an unknown key of the same name",
        "the statement has more downtime",
    ],
)
def test_refused_by_the_program_whatever_python_is_told(
    name: str, flags: tuple[str, ...], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    one = named(name)
    found = ran(altered(one, honest, tmp_path), [deposit], *flags)

    assert found.status == 1
    assert one.steps <= found.failed


@pytest.mark.parametrize("name", ["a file is gone, and is still listed", "a file is a link"])
def test_a_bundles_own_program_says_so_where_a_part_of_it_is_gone(
    name: str, honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    """It is another's then, so who is careful takes a copy from elsewhere; but it does not break either."""
    program = altered(named(name), honest, tmp_path) / "data/verify.py"
    done = subprocess.run(
        [sys.executable, program, "--deposit", deposit], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith("FAILED in [1]: data/states.py: expected what lies beside this, got ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_the_program_verifies_an_honest_bundle(
    flags: tuple[str, ...], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    assert ran(honest.written(tmp_path), [deposit], *flags).status == 0


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "{lyon}+00000000+AQ=="), ("start", "0" * 64), ("plan", "0" * 64), ("contract", "another"),
        ("contract-sha256", "0" * 64), ("cadence", "60"), ("origin", "oslo-aaaaaa"), ("vantage", "oslo"),
        ("authority", "first " + "0" * 64 + " 1.2.3.4.1"), ("root", "0" * 64), ("plan-line", "7"),
    ],
)  # fmt: skip
def test_a_deposit_of_something_else_is_refused(
    field: str, value: str, judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, tmp_path: Path
) -> None:
    """Each field of the first origin, its second key, and its head."""
    place, *_ = layout.origins(honest.world.story.state)
    state = honest.world.story.state
    text = genesis.page([genesis.of(state, one) for one in layout.origins(state)])
    old = next(line for line in text.splitlines() if line.startswith(f"{field}: "))
    page = tmp_path / "page.txt"
    page.write_text(text.replace(old, f"{field}: {value.format(lyon=place.name)}", 1), "utf-8")
    found = judge(honest.written(tmp_path / "bag"), [page])

    assert found.status in (1, 2)  # what is no vkey makes it no deposit
    assert found.status == 2 or (found.failed == {3} and field.removesuffix("-line") in found.why)


@pytest.mark.parametrize("judge", JUDGES)
def test_a_head_of_another_tree_is_refused(
    judge: Callable[[Path, Sequence[Path]], Judgement], honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    """One that was sent out when the journal was as long, and tells another story."""
    origin, size, _, rest = honest[honest.note(4)].decode().split("\n", 3)
    root = base64.b64encode(sha256(b"another story").digest()).decode()
    head = tmp_path / "head.txt"
    head.write_text(f"{origin}\n{size}\n{root}\n{rest}")
    found = judge(honest.written(tmp_path / "bag"), [deposit, head])

    assert (found.status, found.failed) == (1, {3})
    assert "root" in found.why


def test_another_origins_deposit_alone_is_refused(honest: Bag, deposit: Path, tmp_path: Path) -> None:
    lyon, paris = deposit.read_text("utf-8").split("origin: ")[1:]
    page = tmp_path / "page.txt"
    page.write_text(f"constat-deposit: 1\n\norigin: {lyon}", "utf-8")
    folder = honest.written(tmp_path / "bag")

    for judge in JUDGES:
        found = judge(folder, [page])
        assert (found.status, found.failed) == (1, {3})
        assert paris.split("\n")[0] in found.why


# ----------------------------------------------------------------------------------------------------- zips


def _entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


ZIPS: dict[str, Callable[[zipfile.ZipFile], None]] = {
    "a name that leads out": lambda of: of.writestr(_entry("bag/../../evil"), b"x"),
    "an absolute name": lambda of: of.writestr(_entry("/etc/evil"), b"x"),
    "a name with backslashes": lambda of: of.writestr(_entry("bag\\..\\evil"), b"x"),
    "a link": lambda of: of.writestr(_entry("bag/data/link", stat.S_IFLNK | 0o777), b"/etc/passwd"),
    "a name that is there twice": lambda of: of.writestr(_entry("bag/data/bundle.json"), b"{}"),
    "a name that differs in case alone": lambda of: of.writestr(_entry("bag/data/BUNDLE.json"), b"{}"),
    "a bomb": lambda of: of.writestr(_entry("bag/data/bomb"), b"\0" * (40 << 20)),
    "a file beside the folder": lambda of: of.writestr(_entry("evil"), b"x"),
    "a file that no manifest lists": lambda of: of.writestr(_entry("bag/data/evil"), b"x"),
}


@pytest.mark.parametrize("what", ZIPS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_more_than_the_bag_is_refused(
    what: str, honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    path = honest.zipped(tmp_path / "bag.zip")
    with zipfile.ZipFile(path, "a") as archive:
        ZIPS[what](archive)
    found = ours(path, [deposit])

    assert found.status in (1, 2)
    assert (
        "evil" in found.why
        or "link" in found.why
        or "bomb" in found.why
        or "json" in found.why
        or (found.status == 2)
    )
    assert not (tmp_path.parent / "evil").exists()


def test_an_encrypted_entry_is_refused(honest: Bag, deposit: Path, tmp_path: Path) -> None:
    path = honest.zipped(tmp_path / "bag.zip")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)

    assert "is encrypted" in ours(path, [deposit]).why


def test_a_zip_that_is_cut_off_is_none(honest: Bag, deposit: Path, tmp_path: Path) -> None:
    path = honest.zipped(tmp_path / "bag.zip")
    path.write_bytes(path.read_bytes()[:-100])

    assert ours(path, [deposit]).status == 2


def test_the_same_bag_as_a_zip_is_verified(honest: Bag, deposit: Path, tmp_path: Path) -> None:
    assert ours(honest.zipped(tmp_path / "bag.zip"), [deposit]).status == 0


def test_a_file_within_a_zip_that_was_changed_is_named(honest: Bag, deposit: Path, tmp_path: Path) -> None:
    """Of a zip that is made anew, sums of its own included."""
    bag = honest.copy()
    bag["data/contract.toml"] += b"\n"
    with io.BytesIO(bag.zipped(tmp_path / "bag.zip").read_bytes()) as data:
        assert zipfile.ZipFile(data).testzip() is None

    assert "data/contract.toml: expected SHA-256" in ours(tmp_path / "bag.zip", [deposit]).why
