"""What the tree of an origin is known to have been: checkpoints, heads of files, and complete subtrees."""

from bisect import bisect_right, insort
from dataclasses import dataclass

from collector.journal import checkpoint, layout, treefile
from collector.journal.layout import OriginDir
from collector.journal.merkle import SUBTREE, Frontier


@dataclass(frozen=True, slots=True)
class Mark:
    """The root of the first lines of an origin, and who states it."""

    root: bytes
    source: str


class Marks:
    """All that lines can be held against, beyond a number of lines that is known already."""

    def __init__(self, origin: OriginDir, *, beyond: int, passed: int) -> None:
        """Reads checkpoints from number `passed` + 1 on; of files, what `begun` is told of."""
        self._origin = origin
        self._beyond = beyond
        self.subtrees: dict[int, bytes] = {}
        """Number → hash of complete subtrees."""
        self.roots: dict[int, Mark] = {}
        """Size → root."""
        self.starts: dict[int, Frontier] = {}
        """Size → tree at the beginning of a file."""
        self.unreadable: list[tuple[str, str]] = []
        """Checkpoints that cannot be read: file and why."""
        self._sizes: list[int] = []
        self._numbers: dict[int, int] = {}
        self._passed = passed
        self._load_checkpoints(passed)

    def begun(self, file: str) -> None:
        """Take in the tree file beside a file of lines."""
        path = self._origin.directory / (file + layout.TREE)
        data = path.read_bytes() if path.exists() else b""
        self.subtrees.update(treefile.subtrees(data))
        state = treefile.state_of(data)
        if state is None or state.size <= self._beyond or state.file != file:
            return
        start = state.frontier()
        root = start.root()
        assert root is not None
        if state.size not in self.roots:
            self._add(state.size, Mark(root, f"{file}{layout.TREE}"))
        if self.roots[state.size].root == root:
            self.starts[state.size] = start

    def next_root(self, size: int) -> int | None:
        """The smallest size above `size` of which the root is known."""
        place = bisect_right(self._sizes, size)
        return self._sizes[place] if place < len(self._sizes) else None

    def between(self, size: int, end: int) -> list[int]:
        """Sizes in (size, end] of which the root is known."""
        return self._sizes[bisect_right(self._sizes, size) : bisect_right(self._sizes, end)]

    def last(self, size: int) -> int:
        """The largest size that anything known speaks of, at least `size`."""
        largest = max(self._sizes[-1:], default=size)
        return max(size, largest, (max(self.subtrees, default=-1) + 1) * SUBTREE)

    @property
    def known(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.roots or self.subtrees)

    def any_beyond(self, size: int) -> bool:
        return self.last(size) > size

    def passed(self, size: int) -> int:
        """Number of the newest checkpoint such that none up to it speaks of more than `size` lines."""
        while self._numbers.get(self._passed + 1, size + 1) <= size:
            self._passed += 1
        return self._passed

    def _load_checkpoints(self, passed: int) -> None:
        directory = self._origin.checkpoints
        if directory is None:
            return
        # From the start, a number that is missing must not hide the ones after it.
        numbers = layout.checkpoint_numbers(directory) if not passed else range(passed + 1, 1 << 62)
        for number in numbers:
            path = layout.checkpoint_path(directory, number)
            try:
                made = checkpoint.parse(path.read_bytes())
                if made.origin != self._origin.name:
                    raise ValueError(f"is of {made.origin!r}")
            except FileNotFoundError:
                break
            except ValueError as error:
                self.unreadable.append((path.name, str(error)))
                self._numbers[number] = 0
            else:
                self._numbers[number] = made.size
                if made.size > self._beyond:
                    self._add(made.size, Mark(made.root, f"checkpoint {path.name}"))
        for number in range(passed + 1, max(self._numbers, default=0)):
            self._numbers.setdefault(number, 0)

    def _add(self, size: int, mark: Mark) -> None:
        if size not in self.roots:
            insort(self._sizes, size)
        self.roots[size] = mark
