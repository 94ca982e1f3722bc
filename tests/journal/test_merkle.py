"""The tree is RFC 6962's: known roots, a naive twin, and proofs that nothing but the truth passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.journal import merkle
from tests.journal.lines import naive

LEAVES = [
    bytes.fromhex(data)
    for data in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The eight leaves of the test tree that all implementations of RFC 6962 share."""

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

Sizes = st.integers(1, 1200)


def numbered(size: int) -> list[bytes]:
    return merkle.leaf_hashes([str(number).encode() for number in range(size)])


def of(leaves: list[bytes]) -> merkle.Range:
    """Range hashes as a journal has them: from its leaves and its complete subtrees."""
    return merkle.ranges(leaves.__getitem__, lambda number: naive(leaves[256 * number : 256 * number + 256]))


@pytest.mark.parametrize("size", range(9))
def test_the_shared_test_tree_has_its_known_roots(size: int) -> None:
    frontier = merkle.Frontier()
    frontier.extend(merkle.leaf_hashes(LEAVES[:size]))

    root = frontier.root()
    assert root is not None
    assert ROOTS[size] == root.hex()


@given(st.lists(st.integers(0, 700), max_size=5))
def test_growing_in_any_steps_gives_the_naive_root_and_every_complete_subtree(steps: list[int]) -> None:
    leaves = numbered(sum(steps))
    frontier, done, start = merkle.Frontier(), list[bytes | None](), 0
    for step in steps:
        done += frontier.extend(leaves[start : start + step])
        start += step

    assert naive(leaves) == frontier.root()
    assert [naive(leaves[k : k + 256]) for k in range(0, len(leaves) - 255, 256)] == done


@given(Sizes, st.integers(0, 1200))
def test_a_tree_of_which_the_start_is_unknown_still_tells_later_subtrees(size: int, more: int) -> None:
    leaves = numbered(size + more)
    known, unknown = merkle.Frontier(), merkle.Frontier.unknown(size)
    known.extend(leaves[:size])

    told = dict(enumerate(known.extend(leaves[size:])))
    for number, subtree in enumerate(unknown.extend(leaves[size:])):
        partial = number == 0 and size % 256
        assert subtree == (None if partial else told[number])
    assert unknown.root() is None


@given(Sizes, st.data())
def test_an_inclusion_proof_proves_its_leaf_and_no_other(size: int, data: st.DataObject) -> None:
    leaves, index = numbered(size), data.draw(st.integers(0, size - 1))
    path, root = merkle.inclusion(index, size, of(leaves)), naive(leaves)
    other = data.draw(st.integers(0, size))

    assert merkle.includes(leaves[index], index, size, path, root)
    assert not merkle.includes(merkle.leaf_hash(b"forged"), index, size, path, root)
    assert other == index or not merkle.includes(leaves[index], other, size, path, root)
    assert not merkle.includes(leaves[index], index, size, [*path, root], root)


@given(Sizes, st.data())
def test_a_consistency_proof_proves_growth_and_no_rewriting(size: int, data: st.DataObject) -> None:
    leaves, old = numbered(size), data.draw(st.integers(1, size))
    path = merkle.consistency(old, size, of(leaves))
    rewritten = naive([merkle.leaf_hash(b"forged"), *leaves[1:old]])

    assert merkle.extends(old, naive(leaves[:old]), size, naive(leaves), path)
    assert not merkle.extends(old, rewritten, size, naive(leaves), path)
    assert not merkle.extends(old, naive(leaves[:old]), size, rewritten, path)


def test_proofs_hash_few_leaves_again() -> None:
    leaves = numbered(5000)
    read: list[int] = []

    def leaf(number: int) -> bytes:
        read.append(number)
        return leaves[number]

    subtrees = [naive(leaves[k : k + 256]) for k in range(0, 4865, 256)]
    merkle.inclusion(1234, 5000, merkle.ranges(leaf, subtrees.__getitem__))

    assert set(read) <= {*range(1024, 1280), *range(4864, 5000)}


@pytest.mark.parametrize("count", [3, 5, 6, 255])
def test_no_hash_is_left_out_of_a_tree_that_is_not_complete(count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        merkle.complete([b"h" * 32] * count)
