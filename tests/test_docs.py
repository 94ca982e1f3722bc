"""What the documents say is so: the tree, the commands, the settings, the locks."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from collector.core.record import Service
from collector.settings import draft, outside
from collector.settings.authorities import AskedAuthority
from exporters.cli import MODULE_OF, constat
from tests.readme import README, ROOT, with_tree

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "collector": draft.Collector,
    "serve": draft.Serve,
    "contract": draft.Terms,
    "budget": draft.Budget,
    "account": draft.Account,
    "service": Service,
    "probe": draft.AskedProbe,
    "witness": outside.AskedWitness,
    "mail": outside.AskedMail,
    "authority": AskedAuthority,
    "source": draft.AskedSource,
}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-mutants.lock")


def tracked() -> list[Path]:
    """Every file of the repository that git knows."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_tree_in_the_readme_is_made_of_the_modules_first_sentences() -> None:
    """`make fix` writes it."""
    text = README.read_text()

    assert with_tree(text) == text


def test_readme_names_every_command_and_no_other() -> None:
    """A command that nobody is told of does not exist; one that does not exist must not be told of."""
    rows = re.findall(r"^\| `constat ([a-z]+)` \|", README.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(MODULE_OF)


@pytest.mark.parametrize("command", sorted(MODULE_OF))
def test_command_explains_itself(command: str) -> None:
    """With one sentence at least, and with what each of its options is for."""
    told = CliRunner().invoke(constat, [command, "--help"])
    described = constat.get_command(None, command)  # type: ignore[arg-type]  # the group does not look at it

    assert told.exit_code == 0, told.output
    assert described is not None
    assert described.help
    assert [p.name for p in described.params if isinstance(p, click.Option) and not p.help] == []


def documented() -> set[tuple[str, str]]:
    """Section and setting, for each that the shipped file sets, shows as an example, or explains."""
    found = set()
    for part in re.split(r"^# -{9,} ", (ROOT / "config/constat.toml").read_text(), flags=re.MULTILINE):
        sections = re.findall(r"^(?:# )?\[+([a-z]+)\]+$", part, re.MULTILINE)
        named = re.findall(
            r"^(?:# )?([a-z_]+) *=|^# ([a-z_, ]+)  |`([a-z_]+)`|\b(role) =", part, re.MULTILINE
        )
        names = {name for alternatives in named for text in alternatives for name in re.split(r"[, ]+", text)}
        found |= {(section, name) for section in sections for name in names}
    return found


def test_the_settings_file_has_every_section() -> None:
    """The table above is all there is."""
    assert set(SECTIONS) == set(draft.SECTIONS)


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_the_settings_file_shows_every_setting(section: str) -> None:
    """Who looks for a setting finds it there, with its default and its unit."""
    settings = {f.encode_name for f in msgspec.structs.fields(SECTIONS[section])}

    assert {(section, name) for name in settings} - documented() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    """Files that are linked to, and targets of make."""
    text = (ROOT / document).read_text()
    files = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("https://")]
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:`|^|^sudo )make ([a-z]+)", text, re.MULTILINE))

    assert [f for f in files if not (ROOT / f).exists()] == []
    assert [t for t in sorted(targets) if f"\n{t}:" not in makefile] == []


def test_every_target_of_make_is_explained() -> None:
    """`make help` lists what has a word of explanation; a target without one is not for people."""
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))

    assert phony - explained == {"may-install"}


def test_ci_runs_the_readmes_test_command() -> None:
    """And nothing else: what is green there is green here."""
    script = (ROOT / ".ci/run").read_text().splitlines()

    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    assert script[-1] == "make test"
    assert "```\nmake test\n```" in README.read_text()


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    """A clone works wherever it lies, with whatever index its owner trusts."""
    forbidden = re.compile(
        "|".join(
            ["pypi" + r"\.org", "python" + "hosted", "--(extra-)?index" + "-url[ =]", "--find" + "-links[ =]"]
        )
        + r"|(?<![\w.$}])/(?:root|home/\w+|work)/|"
        + re.escape(str(ROOT) + "/")
    )
    found = [
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for path in tracked()
        if (hit := forbidden.search(path.read_bytes().decode(errors="replace")))
    ]

    assert found == []


def pins(lock: str) -> dict[str, set[str]]:
    """Package → its pinned versions (several where they depend on the interpreter)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_everything_with_hashes(lock: str) -> None:
    """What is installed is what was looked at."""
    entries = re.split(r"\n(?=\S)", "\n" + (ROOT / lock).read_text().strip())[1:]

    assert entries
    assert [e.splitlines()[0] for e in entries if "==" not in e or "--hash=sha256:" not in e] == []


def test_locks_hold_what_is_asked_for_and_agree() -> None:
    """What is tested is what runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    runs, tests, breaks = map(pins, LOCKS)

    assert {Requirement(r).name for r in project["dependencies"] + extras["build"]} <= set(runs)
    assert {Requirement(r).name for r in extras["dev"]} <= set(tests)
    assert {Requirement(r).name for r in extras["mutants"]} <= set(breaks)
    assert runs.items() <= tests.items() <= breaks.items()
    assert "pytest" not in runs


def test_the_version_is_the_one_of_the_changelog() -> None:
    """The newest entry is unreleased, or it is this version."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest
    assert newest.group(1) in ("Unreleased", version)


@pytest.mark.slow
def test_help_needs_no_server_and_no_settings(tmp_path: Path) -> None:
    """The first thing that anybody types works anywhere."""
    command = [sys.executable, "-m", "exporters", "--help"]
    environ = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    told = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr
    assert [c for c in MODULE_OF if not re.search(rf"^  {c} ", told.stdout, re.MULTILINE)] == []
