"""Where a line is in an origin's files, and paths in the tree over them: few lines are hashed again."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache

from collector.core import record
from collector.core.record import Line
from collector.core.timeline import Instant
from collector.errors import JournalError
from collector.journal import layout, merkle, treefile
from collector.journal.layout import OriginDir
from collector.journal.merkle import SUBTREE, Frontier, leaf_hashes
from collector.journal.tape import Place, Tape


def lines_of(origin: OriginDir, file: str) -> Iterator[list[bytes]]:
    tape = Tape(origin, [file], Place(file, 0, 1), lambda _: None)
    while tape.more():
        lines = tape.look(tape.buffered)
        tape.drop(len(lines))
        yield lines
    for name, why in tape.broken.items():
        raise JournalError(f"{origin.directory / name}: expected to read lines, got: {why}")


class Files:
    """Which file has which lines, by the heads of the tree files; where one is missing, by lines before."""

    def __init__(self, origin: OriginDir) -> None:
        self._origin = origin
        self.names = origin.names()
        self._starts: list[tuple[Frontier, Instant]] = []
        self._data: dict[int, dict[int, bytes]] = {}

    def start(self, number: int) -> Frontier:
        """The tree before the file of that number."""
        return self._start_of(number)[0]

    def since(self, number: int) -> Instant:
        """`at` of the last line before the file of that number; of the very first line, for the first file.

        That of the very last line for a number past the last file.
        """
        if not number:
            return self.first_at(0)
        return self._start_of(number)[1] if number < len(self.names) else self._last_at()

    def first_at(self, number: int) -> Instant:
        """`at` of the first line of the file of that number; 0 where it has none."""
        for lines in lines_of(self._origin, self.names[number]):
            return decoded(self._origin, lines[0]).at
        return 0

    def _last_at(self) -> Instant:
        at: Instant = 0
        for lines in lines_of(self._origin, self.names[-1]):
            at = decoded(self._origin, lines[-1]).at
        return at

    def _start_of(self, number: int) -> tuple[Frontier, Instant]:
        while len(self._starts) <= number:
            self._starts.append(self._found(len(self._starts)))
        return self._starts[number]

    def _found(self, number: int) -> tuple[Frontier, Instant]:
        name = self.names[number]
        state = treefile.state_of(self._tree(name))
        if state is not None and state.file == name:
            return state.frontier(), state.at
        if not number:
            return Frontier(), 0
        tree, at = self._starts[number - 1][0].copy(), self._starts[number - 1][1]
        for lines in lines_of(self._origin, self.names[number - 1]):
            tree.extend(leaf_hashes(lines))
            at = decoded(self._origin, lines[-1]).at
        return tree, at

    def holding(self, seq: int) -> int:
        """Number of the file with line `seq`."""
        self.start(len(self.names) - 1)
        return max(0, bisect_right(self._starts, seq, key=lambda start: start[0].size) - 1)

    def subtree(self, number: int) -> bytes | None:
        """Hash of a complete subtree, None where no tree file states it."""
        file = self.holding(number * SUBTREE + SUBTREE - 1)
        if file not in self._data:
            self._data[file] = treefile.subtrees(self._tree(self.names[file]))
        return self._data[file].get(number)

    def _tree(self, name: str) -> bytes:
        path = self._origin.directory / (name + layout.TREE)
        return path.read_bytes() if path.exists() else b""


class Proofs:
    """Paths in the tree of an origin's first `size` lines."""

    def __init__(self, origin: OriginDir, files: Files, size: int) -> None:
        self._origin, self._files, self._size = origin, files, size
        self._leaves: dict[int, list[bytes]] = {}
        self.tree_hash = cache(merkle.ranges(self._leaf, self._subtree))

    def read(self, wanted: set[int]) -> None:
        """Hash the lines of the subtrees with these numbers: all that paths from them need."""
        blocks = sorted(number for number in wanted if number * SUBTREE < self._size)
        for file in sorted({f for number in blocks for f in self._over(number)}):
            seq = self._files.start(file).size
            for lines in lines_of(self._origin, self._files.names[file]):
                for number in blocks[bisect_left(blocks, seq // SUBTREE) :]:
                    first = max(number * SUBTREE, seq)
                    last = min(number * SUBTREE + SUBTREE, seq + len(lines), self._size)
                    if first >= seq + len(lines):
                        break
                    self._leaves.setdefault(number, []).extend(leaf_hashes(lines[first - seq : last - seq]))
                seq += len(lines)

    def _over(self, number: int) -> range:
        first = number * SUBTREE
        last = min(first + SUBTREE, self._size) - 1
        return range(self._files.holding(first), self._files.holding(last) + 1)

    def _leaf(self, seq: int) -> bytes:
        try:
            return self._leaves[seq // SUBTREE][seq % SUBTREE]
        except (KeyError, IndexError):
            raise JournalError(
                f"{self._origin.directory}: line {seq} is missing, which a proof needs"
            ) from None

    def _subtree(self, number: int) -> bytes:
        known = self._files.subtree(number)
        if known is not None:
            return known
        if number not in self._leaves:
            self.read({number})
        return merkle.complete([self._leaf(number * SUBTREE + k) for k in range(SUBTREE)])


def decoded(origin: OriginDir, data: bytes) -> Line:
    try:
        return record.decode(data)
    except ValueError as error:
        raise JournalError(
            f"{origin.directory}: expected a line, got {data[:60]!r}: {error}; "
            "`constat account` names the place"
        ) from error
