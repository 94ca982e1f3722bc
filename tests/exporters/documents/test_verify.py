"""The program that a bundle carries, used as its page says; what it refuses: `test_tampering`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.documents.verify import instructions
from tests.exporters.forged import Bag
from tests.exporters.judges import ran

TOOLS = ("openssl", "sha256sum", "sed", "grep", "cut", "base64", "tail")


@pytest.fixture(scope="module")
def folder(honest: Bag, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose page tells of its own stamp, as one has that an authority answered for."""
    bag = honest.copy()
    data = {name.removeprefix("data/"): of for name, of in bag.files.items() if name.startswith("data/")}
    bag["data/VERIFY.md"] = instructions(data, ["first"], extract=False)
    bag.seal()
    return bag.written(tmp_path_factory.mktemp("bag"))


def test_the_commands_of_the_page_can_be_copied_and_say_what_it_says(
    folder: Path, deposit: Path, tmp_path: Path
) -> None:
    """With nothing on the path but Python, openssl and coreutils."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    (tools / "python3").symlink_to(sys.executable)
    blocks = re.findall(r"(?s)```\n(.*?)\n```", (folder / "data/VERIFY.md").read_text())
    integrity, stamp, stamp_says, note, note_says, program = blocks

    def said(commands: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-ec", commands], cwd=folder, capture_output=True, text=True, check=False,
            env={"PATH": str(tools), "TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert said(integrity) == "bag-info.txt: OK\nbagit.txt: OK\nmanifest-sha256.txt: OK\n"
    for commands, says in ((stamp, stamp_says), (note, note_says)):
        told = said(commands)
        assert [line for line in says.splitlines() if line not in told] == []
    assert "VERIFIED" in said(program.replace("DEPOT.txt", str(deposit)))


def test_another_lag_may_be_asked_for(folder: Path, deposit: Path) -> None:
    """Lines wait for the checkpoint of their hour, so a minute is too little."""
    assert ran(folder, [deposit], also=["--lag", "60"]).failed == {8}
    assert ran(folder, [deposit], also=["--lag", "10800"]).status == 0


def test_what_is_no_bundle_is_wrong_use(folder: Path, tmp_path: Path) -> None:
    assert ran(tmp_path, []).status == 2
    assert ran(folder, [tmp_path / "none"]).status == 2
    assert ran(folder, [], also=["--lag", "long"]).status == 2
