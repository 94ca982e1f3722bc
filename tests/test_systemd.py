"""Installed into a directory of its own: units that systemd accepts, users with no right they do not need."""

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.conftest import needs, needs_root
from tests.readme import ROOT

pytestmark = pytest.mark.slow

SERVICES = ("constat-collector.service", "constat-exporter.service", "constat-head.service")
UNITS = ("constat.target", *SERVICES, "constat-head.timer")
EXPOSURE_MAX = 2.0


def make(target: str, root: Path) -> None:
    """`make install` and its like, staged; the libraries are those of the tests: nothing is downloaded."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PIP_"))}
    environ["PYTHONPATH"] = sysconfig.get_path("purelib")
    command = ["make", target, f"DESTDIR={root}", "LOCK=/dev/null", f"SYSTEM_PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """A tree with Constat installed and what its units refer to of Debian's own."""
    root = Path(mkdtemp(prefix="constat-installed-"))
    root.chmod(0o755)  # other users look at it too
    make("install", root)
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True)
    yield root
    shutil.rmtree(root)


def analyze(*arguments: str) -> str:
    """What systemd-analyze says; it must be content."""
    needs("systemd")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_installed_unit_without_a_remark(installed: Path, unit: str) -> None:
    """An unknown key is ignored by systemd, and with it the protection it was meant to give."""
    # What the release's own bin/python leads to, and what Debian has, as seen from inside the tree.
    for program in (str(Path(sys.executable).resolve()), "/bin/kill"):
        inside = installed / program.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.touch(mode=0o755)

    remarks = analyze("verify", f"--root={installed}", "--man=no", unit)

    assert [line for line in remarks.splitlines() if "constat" in line] == []


@pytest.mark.parametrize("unit", SERVICES)
def test_service_is_exposed_to_next_to_nothing(installed: Path, unit: str) -> None:
    """systemd's own measure, from 0 (nothing) to 10."""
    threshold = f"--threshold={EXPOSURE_MAX * 10:.0f}"
    report = analyze("security", "--offline=yes", threshold, f"--root={installed}", "--no-pager", unit)

    assert f"Overall exposure level for {unit}" in report


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_starts_the_program_that_was_installed(installed: Path, unit: str) -> None:
    """The module that ExecStart names lies in the release that `current` points at."""
    text = (installed / "usr/local/lib/systemd/system" / unit).read_text()
    command = next(x.removeprefix("ExecStart=") for x in text.splitlines() if x.startswith("ExecStart="))
    program, isolated, dash_m, module, *_ = command.split()
    found = subprocess.run(
        [installed / program.lstrip("/"), isolated, "-c", f"import {module}; print({module}.__file__)"],
        cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert (isolated, dash_m) == ("-I", "-m")
    file = Path(found.stdout.strip()).resolve()
    assert file.is_relative_to((installed / "opt/constat/current").resolve())
    assert (file.parent / "__main__.py").exists()


def test_the_daily_head_is_off_until_somebody_wants_it(installed: Path) -> None:
    """It mails what is ours to people outside."""
    units = installed / "usr/local/lib/systemd/system"

    assert "Persistent=true" in (units / "constat-head.timer").read_text()
    assert "constat-head" not in (units / "constat.target").read_text()
    assert "[Install]" not in (units / "constat-head.service").read_text()


def test_installed_program_has_its_configuration_with_it(installed: Path) -> None:
    """Contracts and settings are found without a checkout."""
    environ = {"PYTHONPATH": sysconfig.get_path("purelib"), "PATH": os.environ["PATH"]}
    find = "from collector.settings import shipped; print(shipped('contracts/outscale-cgv-2019-12.toml'))"
    python = installed / "opt/constat/current/bin/python"
    done = subprocess.run(
        [python, "-c", find], cwd="/", env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.strip()).resolve()
    assert file.is_relative_to((installed / "opt/constat/current").resolve())
    assert file.read_bytes() == (ROOT / "config/contracts/outscale-cgv-2019-12.toml").read_bytes()


def test_nothing_that_is_installed_names_the_directory_it_was_staged_in(installed: Path) -> None:
    """A package is built in one place and unpacked in another."""
    scripts = [p for p in (installed / "opt/constat/current/bin").iterdir() if not p.is_symlink()]

    assert scripts
    assert [p for p in scripts if str(installed).encode() in p.read_bytes()] == []


def test_upgrade_keeps_the_settings_and_the_release_before(tmp_path: Path) -> None:
    """One can go back; what a person wrote stays."""
    releases, settings = tmp_path / "opt/constat/releases", tmp_path / "etc/constat/constat.toml"
    make("install", tmp_path)
    settings.write_text("# ours\n")
    first = (tmp_path / "opt/constat/current").resolve()
    make("upgrade", tmp_path)
    second = (tmp_path / "opt/constat/current").resolve()
    make("upgrade", tmp_path)
    third = (tmp_path / "opt/constat/current").resolve()

    assert len({first, second, third}) == 3
    assert set(releases.iterdir()) == {second, third}
    assert settings.read_text() == "# ours\n"


def test_uninstall_leaves_settings_and_data_and_nothing_else(tmp_path: Path) -> None:
    """The journal is evidence: no target removes it."""
    make("install", tmp_path)
    line = tmp_path / "var/lib/constat/journal/here-1/2026-11-22T23.jsonl"
    line.parent.mkdir(parents=True)
    line.write_text("{}\n")
    make("uninstall", tmp_path)

    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if not p.is_dir()}
    assert left == {"etc/constat/constat.toml", str(line.relative_to(tmp_path))}


@pytest.fixture
def state(installed: Path) -> Iterator[Path]:
    """The state directory as sysusers and tmpfiles make it, with a journal in it."""
    needs("systemd")
    needs_root()
    subprocess.run(["systemd-sysusers", f"--root={installed}", "constat.conf"], check=True)
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={installed}", "constat.conf"], check=True)
    directory = installed / "var/lib/constat"
    evidence = "Path('journal/o').mkdir(); [Path(p, 'a').write_text('x') for p in ('journal/o', 'documents')]"
    done = acting(installed, "constat-collector", evidence)
    assert done.returncode == 0, done.stderr
    yield directory
    shutil.rmtree(directory)


def acting(installed: Path, user: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in the state directory as `user`, as systemd would start it."""
    accounts = (x.split(":") for x in (installed / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(x[2]), int(x[3])) for x in accounts if x[0] == user)
    return subprocess.run(
        ["/usr/bin/python3", "-I", "-c", f"from pathlib import Path\n{code}"],
        cwd=installed / "var/lib/constat", user=uid, group=gid, extra_groups=[], umask=0o027,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "Path('journal/o/a').read_text()",
        "Path('index.sqlite').write_text('x'); Path('index.sqlite').unlink()",
        "Path('index.new').write_text('x'); Path('index.new').rename('index.sqlite')",
        "Path('inbox/t').write_text('x'); Path('inbox/t').rename('inbox/d.json')",
        "Path('documents/t').write_text('x'); Path('documents/t').rename('documents/d')",
        "Path('budget').open('r+').write('x')",
    ],
)
def test_exporter_may(installed: Path, state: Path, code: str) -> None:
    """What the reading process is for: read the journal, keep its index, hand in declarations, documents."""
    done = acting(installed, "constat-exporter", code)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "Path('journal/o/a').write_text('y')",
        "Path('journal/o/b').write_text('y')",
        "Path('journal/o/a').unlink()",
        "Path('journal').rename('elsewhere')",
        "Path('checkpoints/o').mkdir()",
        "Path('trust/a.pem').write_text('x')",
        "Path('documents/a').write_text('y')",
        "Path('documents/a').unlink()",
        "Path('documents/t').write_text('x'); Path('documents/t').rename('documents/a')",
        "list(Path('keys').iterdir())",
        "Path('keys').rename('elsewhere')",
    ],
)
def test_exporter_may_not(installed: Path, state: Path, code: str) -> None:
    """What serves pages can be broken into; the evidence must not care."""
    done = acting(installed, "constat-exporter", code)

    assert "PermissionError" in done.stderr


def test_collector_takes_in_what_the_exporter_hands_it(installed: Path, state: Path) -> None:
    """Reads a declaration that another user wrote, and removes it once it is on disk."""
    acting(installed, "constat-exporter", "Path('inbox/d.json').write_text('x')")
    done = acting(
        installed,
        "constat-collector",
        "assert Path('inbox/d.json').read_text(); Path('inbox/d.json').unlink()",
    )

    assert done.returncode == 0, done.stderr
    assert list((state / "inbox").iterdir()) == []


def test_others_of_the_machine_see_nothing(installed: Path, state: Path) -> None:
    """A journal names services, accounts and addresses."""
    open_to_others = [p for p in (state, *state.rglob("*")) if stat.S_IMODE(p.lstat().st_mode) & 0o007]

    assert open_to_others == []
