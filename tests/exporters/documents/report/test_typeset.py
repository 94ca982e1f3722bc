"""Blocks become a PDF that shows every text as it is: the same bytes anywhere, nothing of this machine."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.timeline import SECOND
from exporters.documents.report import typeset
from exporters.documents.report.blocks import Block, answer, code, facts, heading, points, say, table
from tests.exporters.documents.report import reading

AT = 1_795_000_000 * SECOND
HOSTILE = [
    "#panic()", "*x*", "_y_", "$z$", "<a>", "@b", "`c`", "\\d", "// e", "/* f", "= g", "- h", "#{1/0}", '"',
    "]", "[", "~", "--", "...", "{page}", "#sys.inputs", "https://example.com/#x", "'apos'", "\\u{41}",
]  # fmt: skip


def document(*blocks: Block, **more: Any) -> dict[str, Any]:
    usual = {
        "language": "fr",
        "kicker": "k",
        "title": "t",
        "footer": "f",
        "page": "{n}/{of}",
        "attachment": "a",
    }
    return {**usual, "blocks": list(blocks), **more}


def made(*blocks: Block, **more: Any) -> bytes:
    return typeset.pdf(document(*blocks, **more), {"statement.json": b"{}\n"}, AT)


def everywhere(text: str) -> list[Block]:
    """A text in every font that there is."""
    return [
        heading(text), heading(text, 2), heading(text, 3), say(text), say(text, "bad"), say(text, "quiet"),
        points([text]), code([text]), facts([(text, text)]), answer([(text, text, "good")]),
        table([text], [[text]], [1]),
        {
            "b": "sums", "amounts": 1,
            "rows": [{"sign": text, "label": text, "amounts": [text], "notes": [text]}],
        },
    ]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_stands_and_never_taken_for_markup(text: str) -> None:
    """Wherever it may come from: a service's name, a reason, what the provider answered."""
    pdf = made(*everywhere(text), kicker=text, title=text, footer=text, attachment=text)

    # Where a word ends, poppler guesses from the gaps.
    assert reading.text(pdf).replace(" ", "").count(text.replace(" ", "")) >= 12


def test_every_character_that_is_shown_has_a_glyph_in_every_font() -> None:
    """Typst refuses to make a PDF/A of what it has no glyph for."""
    ranges = (range(first, last + 1) for first, last in typeset._SHOWN)
    all_of_them = "".join(chr(code) for of in ranges for code in of) + "".join(sorted(typeset._SHOWN_ALONE))
    pdf = made(*everywhere(typeset.plain(" ".join(all_of_them))))

    found = reading.text(pdf)
    assert all(character in found for character in "éèçœŒ€≥≤µ×−→«»…“”Ωŷ")


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_what_cannot_be_shown_is_written_as_a_number(text: str) -> None:
    """Other scripts, controls, and what would turn the direction of writing."""
    shown = typeset.plain(text)

    for character in shown:
        within = any(first <= ord(character) <= last for first, last in typeset._SHOWN)
        assert within or character in typeset._SHOWN_ALONE
    assert "\u202e" not in shown


def test_another_script_does_not_make_a_report_impossible() -> None:
    assert "\\u{65e5}\\u{672c}" in reading.text(made(say("日本 ‮evil\x00")))


def test_a_long_word_stays_on_the_page() -> None:
    """It is broken where it must be, and nothing of it is lost."""
    word = "".join(f"{k:04}" for k in range(100))

    assert word in reading.text(made(table(["h"], [[word]], [1]))).replace(" ", "")


def test_an_id_of_a_request_stays_in_one_piece_and_a_hash_in_its_column() -> None:
    """So that it can be searched for; a longer word is not let run into the next column."""
    id, digest = "6afd8b66-01c2-4e1f-8c1d-000001c87e0e", "5f" * 32

    block = table(["h", "i"], [[id, digest]], [1, 1])
    assert block["rows"] == [[id, "\u200b".join([digest[:16]] * 4)]]
    assert id in reading.text(made(block))


def test_statement_is_attached_and_all_fonts_are_embedded(tmp_path: Path) -> None:
    statement = json.dumps({"é": [1, 2]}, ensure_ascii=False).encode()
    pdf = typeset.pdf(document(*everywhere("x")), {"statement.json": statement}, AT)

    assert reading.attached(pdf, tmp_path) == {"statement.json": statement}
    found = reading.fonts(pdf)
    assert found
    assert all("yes" in font for font in found)
    assert b"<pdfaid:part>3</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf


def test_file_says_when_it_is_of_and_nothing_of_who_made_it_where() -> None:
    pdf = made(say("x"))

    assert b"2026-11-18T11:06:40" in pdf
    assert os.uname().nodename.encode() not in pdf
    assert str(Path.cwd()).encode() not in pdf


PROGRAM = """
import hashlib, sys
from exporters.documents.report import typeset
from tests.exporters.documents.report.test_typeset import everywhere, made
print(hashlib.sha256(made(*everywhere("é € ≥ µ"))).hexdigest())
"""


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "UTC"])
def test_same_blocks_give_the_same_bytes_in_another_process_place_zone_and_language(
    zone: str, tmp_path: Path
) -> None:
    root = Path(typeset.__file__).parents[3]
    there = {"TZ": zone, "LC_ALL": "fr_FR.UTF-8", "LANG": "C", "HOME": str(tmp_path), "PYTHONPATH": str(root)}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=there, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == hashlib.sha256(made(*everywhere("é € ≥ µ"))).hexdigest()
