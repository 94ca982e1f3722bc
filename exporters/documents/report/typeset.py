"""From blocks to a PDF: the only place that knows Typst. The same blocks give the same bytes."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import typst

from collector.core.timeline import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOLDED = 72
"""A word that is longer may be broken anywhere, so that no name runs off the page."""

# What the fonts of the package have a glyph for, and nothing that changes the direction of text around it.
_SHOWN = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x17F),
    (0x391, 0x3A1),
    (0x3A3, 0x3C9),
    (0x2010, 0x2014),
    (0x2018, 0x201E),
)
_SHOWN_ALONE = frozenset("…€→≤≥≠−≈×\u200b•›‹")  # noqa: RUF001
_HIDDEN = re.compile(
    f"[^{''.join(f'{chr(first)}-{chr(last)}' for first, last in _SHOWN)}{''.join(_SHOWN_ALONE)}]"
)


def pdf(document: Mapping[str, Any], attached: Mapping[str, bytes], at: Instant) -> bytes:
    """A PDF/A-3b of a document, dated `at`; `attached` files are inside it, as they are.

    Reads no clock, no fonts but those of the package, and no file.
    """
    template = resources.files(__package__).joinpath("report.typ").read_bytes()
    moment = EPOCH + timedelta(microseconds=at)
    whole = {**_plain(document), "date": [*moment.timetuple()[:6]]}
    inputs = {"document": json.dumps(whole), "attached": json.dumps(sorted(attached))}
    inputs |= {f"attached:{name}": data.decode() for name, data in attached.items()}
    made = typst.compile(
        template, format="pdf", ignore_system_fonts=True, sys_inputs=inputs, pdf_standards="a-3b"
    )
    assert isinstance(made, bytes)
    return made


def _plain(value: Any) -> Any:
    """`value` with texts in which every character can be shown."""
    match value:
        case str():
            return plain(value)
        case Mapping():
            return {key: _plain(of) for key, of in value.items()}
        case Sequence():
            return [_plain(of) for of in value]
        case _:
            return value


def plain(text: str) -> str:
    """`text` with what cannot be shown written as its number, like "\\u{4e2d}", and long words breakable."""
    shown = _HIDDEN.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", text)
    if len(shown) <= FOLDED:
        return shown
    return " ".join(_broken(word) for word in shown.split(" "))


def _broken(word: str) -> str:
    if len(word) <= FOLDED:
        return word
    return "\u200b".join(word[k : k + 12] for k in range(0, len(word), 12))
