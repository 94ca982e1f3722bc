"""Settings that no person means: each is one message with its place, and none is a traceback."""

from pathlib import Path

import pytest

from collector import contracts
from collector.errors import ConfigurationError
from collector.settings import load
from tests.test_settings import BASE, probe, problems

CONTRACT = 'id = "outscale-cgv-2019-12"'


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            CONTRACT,
            r'id = "a\u0000b"',
            r'contract.id: "contracts/a\u0000b.toml": expected a file that Constat',
        ),
        (CONTRACT, f'id = "{"x" * 10_000}"', 'contract.id: "contracts/xxx'),
        (CONTRACT, 'id = "../demo"', 'contract.id: "contracts/../demo.toml": expected a file that Constat'),
        (CONTRACT, r'file = "a\u0000b"', r'contract.file: expected the name of a file, got "a\u0000b"'),
        ("[contract]", 'state = "\\u0000"\n[contract]', "collector.state: expected the name of a file, got"),
        ("[contract]", 'step_limit = "a\\nb"\n[contract]', r"collector.step_limit: expected a duration like"),
        ("[collector]", "great = " + "9" * 5000, "expected TOML, got: Exceeds the limit"),
        ("[collector]", "deep = " + "[" * 100_000, "expected TOML, got: maximum recursion depth exceeded"),
        ('id = "42"', r'id = "a\nb"', r"service[0].account: expected a known account (a\nb), got"),
        ('"https://api.example"', '"https://[::1"', "probe[0].target: expected https://host[:port]"),
    ],
    ids=range(10),
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in BASE
    found = problems(tmp_path, BASE.replace(before, after, 1))

    assert any(p.startswith(told) for p in found), found
    assert all(p.isprintable() for p in found)


def test_a_long_value_is_quoted_by_its_beginning(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, BASE + probe("p", interval="x" * 10_000))

    assert found == f'probe[2].interval: expected a duration like "10s", got "{"x" * 76}...'


def test_what_is_no_readable_settings_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes('[collector]\nvantage = "é"'.encode("latin-1"))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    told = {
        "latin": "expected TOML, got: 'utf-8' codec",
        "empty": "collector.vantage: expected a text, got nothing",
        "directory": "expected a readable file, got: Is a directory; name another with --config",
        "loop": "expected a readable file, got: Too many levels of symbolic links; name another",
        "missing": "expected a readable file, got: No such file or directory; name another",
        "n" * 300: "expected a readable file, got: File name too long; name another",
        "a\0b": "expected the name of a file, got: embedded null byte; name another",
    }

    for name, why in told.items():
        with pytest.raises(ConfigurationError) as caught:
            load(tmp_path / name, {}, contracts.load)
        where = str(tmp_path / name).replace("\0", r"\x00")
        assert caught.value.problems[0].startswith(f"{where}: {why}")
