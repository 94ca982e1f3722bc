"""The tree over a journal's lines, RFC 6962: hashes, the frontier that grows by appending, roots, proofs.

Theory. Leaf = SHA-256(0x00 ‖ line), node = SHA-256(0x01 ‖ left ‖ right). A tree of n leaves is its *peaks*:
one complete subtree for each binary one of n, the largest first; the root folds them from the right. So a
tree that only grows is kept as at most 64 hashes, and with the hashes of its complete 256-leaf subtrees
anything about it is proven by hashing at most 255 leaves again per end of a range.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import starmap
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

SUBTREE = 256
"""Leaves of the subtrees whose hashes are kept beside the lines."""

EMPTY_ROOT = sha256(b"").digest()

# What has read the first byte already: to make each anew takes a tenth longer, and there are millions.
_LEAF, _NODE = sha256(b"\0"), sha256(b"\1")

Range = Callable[[int, int], bytes]
"""(start, end) → hash of the tree over the leaves [start, end) alone (`MTH` of RFC 6962)."""


def leaf_hash(line: bytes) -> bytes:
    """Hash of one line, given without its newline."""
    return _hashed(_LEAF, (line,))[0]


def leaf_hashes(lines: Sequence[bytes]) -> list[bytes]:
    """Hash of each line."""
    return _hashed(_LEAF, lines)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of the node above two."""
    return _hashed(_NODE, (left + right,))[0]


def complete(hashes: Sequence[bytes]) -> bytes:
    """Root over a power of two of hashes; ValueError for another number."""
    level = list(hashes)
    while len(level) > 1:
        pairs = iter(level)
        level = _hashed(_NODE, starmap(add, zip(pairs, pairs, strict=True)))
    return level[0]


def _hashed(begun: "_Hash", parts: Iterable[bytes]) -> list[bytes]:
    new, found = begun.copy, []
    for part in parts:
        one = new()
        one.update(part)
        found.append(one.digest())
    return found


class Frontier:
    """A tree that only grows: its size and its peaks, the largest first.

    A peak may be None: not known (lines before it are missing). Then the root is not known either, but the
    hashes of the subtrees that come after it are.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes | None] = ()) -> None:
        """The tree of `size` leaves with `peaks`; ValueError if their number does not fit."""
        if len(peaks) != size.bit_count():
            raise ValueError(
                f"expected {size.bit_count()} peaks of a tree of {size} leaves, got {len(peaks)}"
            )
        self.size = size
        self.peaks = list(peaks)

    @classmethod
    def unknown(cls, size: int) -> "Frontier":
        """A tree of which nothing but its size is known."""
        return cls(size, [None] * size.bit_count())

    def copy(self) -> "Frontier":
        return Frontier(self.size, self.peaks)

    def extend(self, leaves: Sequence[bytes]) -> list[bytes | None]:
        """Append hashes of lines; returns the hashes of the 256-leaf subtrees that became complete."""
        done: list[bytes | None] = []
        start, end = 0, len(leaves)
        while start < end:
            # The largest complete subtree that may begin here, up to one of 256 leaves.
            below = self.size % SUBTREE
            length = min(below & -below or SUBTREE, 1 << (end - start).bit_length() - 1)
            subtree: bytes | None = complete(leaves[start : start + length])
            start += length
            if below + length == SUBTREE:
                while length < SUBTREE:
                    subtree = _joined(self.peaks.pop(), subtree)
                    self.size -= length
                    length *= 2
                done.append(subtree)
            self.push(subtree, length)
        return done

    def push(self, subtree: bytes | None, leaves: int) -> None:
        """Append a complete subtree of `leaves` (a power of two that divides the size) by its hash."""
        ones = self.size // leaves
        while ones & 1:
            subtree = _joined(self.peaks.pop(), subtree)
            ones >>= 1
        self.peaks.append(subtree)
        self.size += leaves

    def root(self) -> bytes | None:
        """Root of the whole tree, None where a peak is not known."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = _joined(peak, root)
        return root


def _joined(left: bytes | None, right: bytes | None) -> bytes | None:
    return None if left is None or right is None else node_hash(left, right)


# ---------------------------------------------------------------------------------------------------- proofs


def ranges(leaf: Callable[[int], bytes], subtree: Callable[[int], bytes]) -> Range:
    """Hashes of ranges from those of leaves and of complete subtrees (number k: leaves 256 k to 256 k + 255).

    Ranges must begin where the tree has a node of their size, as those of RFC 6962's recursions do.
    """

    def tree_hash(start: int, end: int) -> bytes:
        frontier = Frontier()
        if start % SUBTREE == 0:
            for number in range(start // SUBTREE, end // SUBTREE):
                frontier.push(subtree(number), SUBTREE)
        frontier.extend([leaf(number) for number in range(start + frontier.size, end)])
        root = frontier.root()
        assert root is not None
        return root

    return tree_hash


def inclusion(index: int, size: int, tree_hash: Range) -> list[bytes]:
    """Proof that leaf `index` is in the tree of `size` leaves, from the leaf's level up (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"expected a leaf below {size}, got {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(tree_hash(middle, end))
            end = middle
        else:
            path.append(tree_hash(start, middle))
            start = middle
    return path[::-1]


def consistency(old: int, size: int, tree_hash: Range) -> list[bytes]:
    """Proof that the tree of `size` leaves only added to the one of its first `old` (RFC 6962, 2.1.2)."""
    if not 0 < old <= size:
        raise ValueError(f"expected an old size from 1 to {size}, got {old}")
    path: list[bytes] = []
    start, end = 0, size
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(tree_hash(middle, end))
            end = middle
        else:
            path.append(tree_hash(start, middle))
            start = middle
    if start:  # else it is the old tree itself, whose root the verifier has
        path.append(tree_hash(start, end))
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that `leaf` is number `index` of the tree of `size` leaves with `root`."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def extends(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of `size` leaves only added to that of `old` leaves."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    path = list(path) if old & (old - 1) else [old_root, *path]
    if not path:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and was == old_root and now == root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
