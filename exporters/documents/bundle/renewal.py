"""Renewals: all of a bundle hashed anew and stamped by an authority of today, before it grows weak.

`renewals/0001.txt` is what `sha512sum` prints of every file that the bundle had before, former renewals and
all stamps among them; its own stamps lie beside it. So whoever trusts the newest stamp, and SHA-512, trusts
that all of it was there then, whatever has become of SHA-256, of older authorities and of their certificates.
A renewal takes nothing away, and changes no file that was there.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from exporters.documents.bundle import bag
from exporters.documents.bundle.opened import Opened, opened

FOLDER = "renewals"

_NUMBER = re.compile(rf"{FOLDER}/(\d{{4}})\.txt")

Stamp = Callable[[bytes, Opened], Mapping[str, bytes]]
"""The bytes of a renewal, and the bundle → files beside it, by what their names end in (`.<authority>.tsr`).

Beside stamps there may be what verifies them (`.<authority>.pem`), where the bundle does not have it.
"""


def count(found: Opened) -> int:
    """How many renewals a bundle has."""
    return max((int(match[1]) for name in found.sizes if (match := _NUMBER.fullmatch(name))), default=0)


def listed(found: Opened) -> bytes:
    """The next renewal of a bundle: every file it has, as `sha512sum` lists them."""
    return "".join(f"{_sha512(found, name)}  {name}\n" for name in found.sizes).encode()


def _sha512(found: Opened, name: str) -> str:
    digest = hashlib.sha512()
    for block in found.blocks(name):
        digest.update(block)
    return digest.hexdigest()


def renew(old: Path, new: Path, stamp: Stamp) -> int:
    """Write the bundle `old` with one renewal more as `new`, a new file; the number of the renewal.

    UsageError where `old` is no bundle or `new` exists; UnfitBundle where `old` is not safe to read.
    """
    with opened(old) as found:
        number = count(found) + 1
        text = listed(found)
        stem = f"{FOLDER}/{number:04d}"
        added = {f"{stem}.txt": text} | {
            f"{stem}{ending}": data for ending, data in stamp(text, found).items()
        }
        with bag.created(new) as archive:
            for name in sorted([*found.sizes, *added]):
                blocks: Iterator[bytes] = iter([added[name]]) if name in added else found.blocks(name)
                size = len(added[name]) if name in added else found.sizes[name]
                bag.add(archive, f"{new.stem}/{name}", blocks, size)
    return number
