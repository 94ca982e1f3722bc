"""The shape of the code: what import-linter and ruff cannot say, and that both notice what they are for."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

from tests.readme import ROOT, modules, sentence

CORE_MAY_IMPORT = {
    "__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "math", "msgspec", "operator", "re", "types", "typing",
}  # fmt: skip
LATENCY_MAY_ALSO_IMPORT = {"array", "numpy"}
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
LAWS = range(1, 11)
VERIFIER, VERIFIER_LINES_MAX = "exporters/documents/verify/verify.py", 599
"""It travels in every bundle to people who have to read all of it, so it is in one piece, and no longer."""
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py") if p.name != "__init__.py")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_core_imports_nothing_but_what_is_listed() -> None:
    """A list of what is forbidden would not stop a package that nobody thought of."""
    graph = grimp.build_graph("collector", include_external_packages=True, cache_dir=None)
    core = {m for m in graph.modules if m == "collector.core" or m.startswith("collector.core.")}
    imported = {(m, i) for m in core for i in graph.find_modules_directly_imported_by(m) if i not in core}
    strangers = {
        (m, i)
        for m, i in imported
        if i not in CORE_MAY_IMPORT
        and not i.startswith("collector.errors")
        and not (m == "collector.core.latency" and i in LATENCY_MAY_ALSO_IMPORT)
    }

    assert strangers == set()


@pytest.mark.parametrize("path", sorted((ROOT / "collector/core").glob("*.py")), ids=name)
def test_core_has_no_float(path: Path) -> None:
    """A figure that was a float once is no longer the figure that was promised (clause 24, rule T2)."""
    floats = [
        f"{path.name}:{n.lineno}"
        for n in ast.walk(ast.parse(path.read_text()))
        if (isinstance(n, ast.Constant) and isinstance(n.value, float))
        or (isinstance(n, ast.Name) and n.id == "float")
    ]

    assert floats == []


def test_every_law_of_the_account_is_stated_by_a_property_test() -> None:
    """And `make laws` tries all ten."""
    stated = {
        keyword.value.value
        for path in TESTS
        for test in ast.walk(ast.parse(path.read_text()))
        if isinstance(test, ast.FunctionDef) and "given" in {_called(one) for one in test.decorator_list}
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and _called(mark) == "pytest.mark.law"
        for keyword in mark.keywords
        if isinstance(keyword.value, ast.Constant)
    }

    assert stated == {*LAWS}
    assert f"LAWS := {' '.join(map(str, LAWS))}\n" in (ROOT / "Makefile").read_text()


def _called(decorator: ast.expr) -> str:
    return ast.unparse(decorator).partition("(")[0]


@pytest.mark.parametrize("path", modules() + TESTS, ids=name)
def test_file_and_its_functions_fit_the_eye(path: Path) -> None:
    """No file over 500 lines, no function over 60."""
    text = path.read_text()
    functions = [
        n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES_MAX]

    assert text.count("\n") <= (VERIFIER_LINES_MAX if name(path) == VERIFIER else FILE_LINES_MAX)
    assert long == []


@pytest.mark.parametrize("path", modules() + TESTS, ids=name)
def test_module_says_in_one_sentence_what_it_is_for(path: Path) -> None:
    """The first docstring line stands in the README's tree, so it is a whole sentence on one line."""
    line = sentence(path)

    assert line.endswith((".", ".`", "?")), f"not one sentence on one line: {line!r}"


OFFENCES = {
    "collector/core/reads_clock.py": "import time\n\nNOW = time.time()\n",
    "collector/helpers.py": "X = 1\n",
    "collector/core/extra.py": "X = 1\n",
    "exporters/helpers.py": "X = 1\n",
    "collector/measure/shows.py": "from exporters import query\n",
    "collector/measure/peeks.py": "from collector.journal import writer\n",
    "collector/probes/one.py": "from collector.probes import two\n",
    "collector/sources/one.py": "from collector.sources import api_logs\n",
    "collector/probes/two.py": "import socket\n",
    "collector/wire/reads.py": "import pathlib\n",
    "collector/journal/starts.py": "import subprocess\n",
    "exporters/query.py": "import sqlite3\n",
    "exporters/kinds/shortcut.py": "from exporters.index import store\n",
    "exporters/kinds/other.py": "from exporters.kinds import shortcut\n",
    "exporters/index/store.py": "X = 1\n",
    "collector/journal/writer.py": "X = 1\n",
    "collector/measure/relative.py": "from . import runner\n",
}
"""A file that must not be → what it holds; some are there only to be imported by another."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with one offence against each rule."""
    tree = copied(tmp_path_factory.mktemp("broken"))
    for path, text in OFFENCES.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text('"""An offence."""\n\n' + text)
    return tree


def copied(tree: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tree)
    for package in ("collector", "exporters"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def run_tool(tree: Path, *arguments: str) -> str:
    """What a tool beside our interpreter says about `tree`."""
    tool = Path(sys.executable).parent / arguments[0]
    environ = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [tool, *arguments[1:]], cwd=tree, env=environ, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def import_report(broken: Path) -> str:
    return " ".join(run_tool(broken, "lint-imports", "--no-cache").split())


NOTICED = [
    ("Exporters read the collector; the collector does not know them", "collector.measure.shows"),
    ("Layers of the collector", "collector.helpers"),
    ("Layers of the collector", "collector.measure.peeks -> collector.journal.writer"),
    ("The chain of accounting runs one way", "collector.core.extra"),
    ("Probe kinds do not know each other", "collector.probes.one -> collector.probes.two"),
    ("Sources do not know each other", "collector.sources.one -> collector.sources.api_logs"),
    ("The core and the wire formats are pure", "collector.core.reads_clock -> time"),
    ("The core and the wire formats are pure", "collector.wire.reads -> pathlib"),
    ("Only the index speaks SQL", "exporters.query -> sqlite3"),
    ("the demonstration provider and the web server open sockets", "collector.probes.two -> socket"),
    ("The collector starts no program but openssl", "collector.journal.starts -> subprocess"),
    ("Layers of the exporters", "exporters.helpers"),
    ("Exporters do not know each other", "exporters.kinds.other -> exporters.kinds.shortcut"),
    ("Exporter kinds take their numbers from query", "exporters.kinds.shortcut -> exporters.index"),
]
"""Part of a rule's name → what its report says about an offence."""


def test_every_import_rule_has_its_offence() -> None:
    """A rule that is added comes with a case that shows it fire."""
    rules = [rule["name"] for rule in TOOLS["importlinter"]["contracts"]]

    assert [rule for rule in rules if not any(part in rule for part, _ in NOTICED)] == []


@pytest.mark.parametrize(("contract", "evidence"), NOTICED)
def test_import_rule_notices_its_offence(import_report: str, contract: str, evidence: str) -> None:
    """A rule that never fires protects nothing."""
    title, _, details = import_report.partition("Broken contracts")

    assert contract in title
    assert contract in details
    assert evidence in details


def test_lint_imports_is_content_with_the_tree_and_ran_every_rule(tmp_path: Path) -> None:
    """The offences above are noticed for being offences, not for being copies."""
    report = run_tool(copied(tmp_path), "lint-imports", "--no-cache")

    assert "0 broken" in report, report


BANNED = TOOLS["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]


@pytest.mark.parametrize("folder", ["collector/core", "collector/measure", "exporters"])
def test_ruff_notices_every_clock_and_socket_outside_the_host_package(tmp_path: Path, folder: str) -> None:
    """import-linter stays green where only one function of a permitted module is forbidden."""
    imports = "".join(f"import {root}\n" for root in sorted({api.partition(".")[0] for api in BANNED}))
    uses = "".join(f"print({api})\n" for api in BANNED if "." in api)
    (copied(tmp_path) / folder / "offence.py").write_text(f'"""An offence."""\n\n{imports}\n{uses}')

    report = run_tool(tmp_path, "ruff", "check", "--no-cache", "--output-format=concise", folder)

    assert [api for api in BANNED if f"`{api}` is banned" not in report] == []


def test_ruff_notices_a_relative_import(broken: Path) -> None:
    """A module has one name, wherever it is imported from."""
    assert "TID252" in run_tool(broken, "ruff", "check", "--no-cache", "collector/measure/relative.py")
