"""Writes the README's tree out of the modules' first docstring lines: `python -m tests.readme`."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PACKAGES = ("collector", "exporters")
BEGIN, END = "<!-- tree: written by `make fix` -->\n", "<!-- end of the tree -->\n"
WIDTH = 34
"""Column at which the sentences begin."""


def modules() -> list[Path]:
    """Every module of the program, packages by their __init__.py."""
    return sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def sentence(module: Path) -> str:
    """The first line of a module's docstring; empty where it has none."""
    return (ast.get_docstring(ast.parse(module.read_text())) or "").partition("\n")[0]


def tree() -> str:
    """The tree as the README shows it."""
    lines = [line for package in PACKAGES for line in _package(ROOT / package, "", "")]
    return "```\n" + "\n".join(lines) + "\n```\n"


def with_tree(text: str) -> str:
    """`text` with the tree between its two marks replaced by that of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + tree() + END + after


def _package(folder: Path, branch: str, indent: str) -> Iterator[str]:
    yield f"{branch + folder.name + '/':<{WIDTH}}{sentence(folder / '__init__.py')}"
    children = sorted(
        (p for p in folder.iterdir() if (p / "__init__.py").exists() or _is_module(p)),
        key=lambda p: (p.is_dir(), p.name),
    )
    for child in children:
        last = child is children[-1]
        here, below = indent + ("└── " if last else "├── "), indent + ("    " if last else "│   ")
        if child.is_dir():
            yield from _package(child, here, below)
        else:
            yield f"{here + child.name:<{WIDTH}}{sentence(child)}"


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" and path.name != "__init__.py"


if __name__ == "__main__":
    README.write_text(with_tree(README.read_text()))
